// The listener's session: where it stands, and answers that are kept here until the server has them.

import { ServerError, call, waitBetween } from "./server.js";

const KEY = "codecbench.session";
const DRAFT_KEY = "codecbench.draft";

/**
 * Events: "saving" when the state of saving changes, "moved" when another tab went ahead,
 * "overtaken" when its answers counted, "refused" when the server will not take an answer.
 */
export class ListeningSession extends EventTarget {
  /** Begin a session, or go on with the one that this browser has. */
  static async open(participant) {
    const session = new ListeningSession();
    const kept = read(KEY);
    if (kept?.token) {
      session.token = kept.token;
      session.outbox = kept.outbox ?? [];
      try {
        session.adopt(await retrying(() => call("GET", "/api/session", { token: kept.token })));
        session.position = Math.max(session.position, kept.position ?? 0);
      } catch (error) {
        if (error.status !== 401) throw error;
        if (session.outbox.length) throw session.fail(error);
        session.token = null; // of another test, or of one that was emptied
      }
    }
    if (!session.token) {
      const state = await retrying(() => call("POST", "/api/sessions", { content: { participant } }));
      session.token = state.token;
      session.adopt(state);
      localStorage.removeItem(DRAFT_KEY);
    }
    session.keep();
    session.flush();
    addEventListener("storage", (event) => session.otherTab(event));
    return session;
  }

  constructor() {
    super();
    this.outbox = [];
    this.failures = 0;
    this.problem = null;
    this.flushing = null;
  }

  adopt(state) {
    if (state.steps) {
      this.id = state.session;
      this.test = state.test;
      this.steps = state.steps;
    }
    this.screening = state.screening;
    this.completion = state.completion;
    this.position = state.position;
  }

  get step() {
    return this.steps[this.position];
  }

  /**
   * Finish the current step. The listener goes on at once; the server gets it as soon as it can.
   * With ``wait`` this returns when the server has it.
   */
  async submit(content, { wait = false } = {}) {
    this.outbox.push({ step: this.position, content });
    this.position += 1;
    localStorage.removeItem(DRAFT_KEY);
    this.keep();
    this.flush();
    if (wait) await this.saved();
  }

  /** Returns when the server has everything. */
  async saved() {
    while (this.outbox.length) {
      await this.flush();
      if (this.problem) throw this.problem;
    }
  }

  /** Send what is kept, in order, for as long as it takes. */
  flush() {
    this.flushing ??= this.send().finally(() => {
      this.flushing = null;
    });
    return this.flushing;
  }

  async send() {
    while (this.outbox.length && !this.problem) {
      this.tell();
      const { step, content } = this.outbox[0];
      try {
        const state = await call("PUT", `/api/session/steps/${step}`, { token: this.token, content });
        this.received(step, state);
      } catch (error) {
        if (!(error instanceof ServerError)) throw error;
        if (error.status === 409) await this.overtaken(step);
        else if (error.mayPass) {
          this.failures += 1;
          this.tell();
          await waitBetween(this.failures - 1);
        } else this.fail(error);
      }
    }
    this.tell();
  }

  received(step, state) {
    this.failures = 0;
    this.outbox = this.outbox.filter((entry) => entry.step !== step);
    this.screening = state.screening;
    this.completion = state.completion;
    if (!this.outbox.length) this.position = Math.max(this.position, state.position);
    this.keep();
  }

  // The server will never take what is kept here.
  fail(error) {
    error.session = this;
    this.problem = error;
    this.dispatchEvent(new Event("refused"));
    return error;
  }

  // Another tab has answered this step; what the server has counts.
  async overtaken(step) {
    const state = await retrying(() => call("GET", "/api/session", { token: this.token }));
    this.outbox = this.outbox.filter((entry) => entry.step > step && entry.step >= state.position);
    if (!this.outbox.length) {
      this.adopt(state);
      this.dispatchEvent(new Event("overtaken"));
    }
    this.keep();
  }

  otherTab(event) {
    if (event.key !== KEY || !event.newValue) return;
    const other = JSON.parse(event.newValue);
    if (other.token === this.token && other.position > this.position) {
      this.dispatchEvent(new Event("moved"));
    }
  }

  /** Scores of an unfinished step, for a reload. */
  keepDraft(draft) {
    write(DRAFT_KEY, { session: this.id, step: this.position, draft });
  }

  get draft() {
    const kept = read(DRAFT_KEY);
    return kept?.session === this.id && kept.step === this.position ? kept.draft : null;
  }

  keep() {
    write(KEY, { token: this.token, position: this.position, outbox: this.outbox });
  }

  /** What a listener can hand in by hand if the server never comes back. */
  get unsaved() {
    return JSON.stringify({ test: this.test?.id, session: this.id, steps: this.outbox }, null, 1);
  }

  tell() {
    this.dispatchEvent(new Event("saving"));
  }
}

async function retrying(request) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (!error.mayPass || attempt >= 8) throw error;
      await waitBetween(attempt);
    }
  }
}

function read(key) {
  try {
    return JSON.parse(localStorage.getItem(key));
  } catch {
    return null;
  }
}

function write(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or forbidden storage: the session goes on, and only a reload would begin it anew.
  }
}
