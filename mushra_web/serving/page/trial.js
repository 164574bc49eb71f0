// A trial: sounds, playback, keys and the way on, around what the method asks.

import { choiceView } from "./choice_view.js";
import { dialogIsOpen, remark, showKeys } from "./dialog.js";
import { announce, h, icon } from "./dom.js";
import { Player } from "./player.js";
import { slidersView } from "./sliders_view.js";
import { audio, load, loadTrial } from "./sounds.js";
import { text } from "./texts.js";
import { Waveform } from "./waveform.js";

const VIEWS = {
  mushra: slidersView,
  bs1116: slidersView,
  ab: choiceView,
  abx: choiceView,
  acr: choiceView,
  dcr: choiceView,
  ccr: choiceView,
};
const HEARD_ONCE = ["acr", "dcr", "ccr"]; // ITU-T P.800: whole samples, one after the other
const HEARD_SECONDS = 0.5;
const NUMBER_KEYS = [..."1234567890-="];

/** Every sound of a trial by id. */
export function soundsOf(step) {
  return [step.reference, ...step.stimuli, step.unknown].filter(Boolean);
}

/**
 * Show a trial; resolves with its answer when the listener goes on.
 * @returns {Promise<Object>} trial, seconds, scores
 */
export async function showTrial({ session, step, heading, place, signal }) {
  const following = session.steps[session.position + 1];
  const upcoming = following?.trial ? soundsOf(following) : [];
  const bar = h("p.loading", { role: "status" }, text("loading", { percent: 0 }));
  place.replaceChildren(bar);
  const buffers = await loadTrial(soundsOf(step), {
    keep: upcoming,
    onProgress: (share) => (bar.textContent = text("loading", { percent: Math.round(100 * share) })),
  });
  load(upcoming, { keep: soundsOf(step) }).catch(() => {}); // it is asked for again when its page comes
  if (signal.aborted) return null;
  const frame = new TrialFrame({ session, step, heading, buffers });
  place.replaceChildren(frame.element);
  signal.addEventListener("abort", () => frame.close());
  return frame.done;
}

class TrialFrame {
  constructor({ session, step, heading, buffers }) {
    this.session = session;
    this.step = step;
    this.method = session.test.method;
    this.once = HEARD_ONCE.includes(this.method);
    const { context, volume } = audio(session.test.sample_rate);
    this.player = new Player(context, volume, buffers, !this.once);
    this.duration = this.player.length / this.player.rate;
    this.startedAt = performance.now();
    this.buttons = new Map();
    this.earlier = session.draft ?? { heard: [], replays: {}, seconds: 0 };
    this.view = VIEWS[this.method]({ method: this.method, step, scale: session.test.scale, frame: this });
    if (this.earlier.rated !== undefined) this.view.restore(this.earlier.rated);
    this.waveform = new Waveform(this.player, buffers.get(step.reference) ?? null, !this.once);
    this.element = this.build(heading);
    this.done = new Promise((resolve) => (this.resolve = resolve));
    this.keydown = (event) => this.key(event);
    document.addEventListener("keydown", this.keydown);
    this.player.addEventListener("change", () => this.show());
    this.player.addEventListener("tick", () => this.show());
    this.player.addEventListener("ended", () => this.playNextOfSequence());
    this.show();
  }

  build(heading) {
    this.hint = h("p.hint", { role: "status" });
    this.next = h("button.primary.next", { type: "button", click: () => this.finish() }, text("next"));
    this.playButton = h("button.transport-play", { type: "button", click: () => this.playOrPause() });
    this.clock = h("span.transport-clock");
    this.loopButton = h(
      "button.quiet",
      {
        type: "button",
        "aria-label": text("trial.loop"),
        click: () => this.player.setLooping(!this.player.looping),
      },
      icon("loop"),
      h("span", {}, text("trial.loop")),
    );
    const loopControls = this.once
      ? []
      : [
          this.loopButton,
          h(
            "button.quiet",
            { type: "button", "aria-label": text("trial.whole"), click: () => this.whole() },
            icon("whole"),
            h("span", {}, text("trial.whole")),
          ),
        ];
    const reference = this.step.reference
      ? [this.soundButton(this.step.reference, text("trial.reference"), text("trial.reference"))]
      : [];
    return h(
      `section.card.trial.method-${this.method}`,
      {},
      h("div.trial-head", {}, heading, h("p.question", {}, this.view.question)),
      this.waveform.element,
      h(
        "div.transport",
        {},
        this.playButton,
        this.clock,
        ...loopControls,
        h("span.stretch"),
        h(
          "button.quiet.keys-button",
          { type: "button", "aria-label": text("trial.keys"), click: () => showKeys(this.view.keysList) },
          icon("keys"),
          h("span", {}, text("trial.keys")),
        ),
      ),
      h("div.trial-body", {}, h("div.reference", {}, reference), this.view.element),
      h("div.trial-foot", {}, this.hint, this.next),
    );
  }

  /** A button that plays a sound. */
  soundButton(id, label, name) {
    const button = h(
      "button.sound",
      { type: "button", "aria-label": name, "aria-pressed": "false", click: () => this.hear(id) },
      h("span.sound-label", {}, label),
      h("span.sound-mark", { "aria-hidden": "true" }, icon("play"), icon("pause"), icon("check")),
    );
    this.buttons.set(id, button);
    return button;
  }

  get order() {
    const rated = this.view.sounds.map(({ id }) => id);
    return this.step.reference ? [this.step.reference, ...rated] : rated;
  }

  hear(id) {
    if (this.once) this.player.playFromStart(id);
    else if (this.player.current === id && this.player.playing) this.player.pause();
    else this.player.select(id);
    this.view.focus(id);
    this.keepDraft();
  }

  playOrPause() {
    if (this.player.playing) this.player.pause();
    else this.hear(this.player.current ?? this.order[0]);
  }

  // Reference and sound, or the two of a pair, follow each other until both were heard.
  playNextOfSequence() {
    const next = this.order[this.order.indexOf(this.player.current) + 1];
    if (next && !this.heard(next)) {
      setTimeout(() => {
        if (!this.closed && !this.player.playing) this.player.playFromStart(next);
      }, 500);
    }
  }

  heard(id) {
    if (this.earlier.heard.includes(id)) return true;
    if (this.once) return this.player.heardToEnd.has(id);
    const enough = Math.min(HEARD_SECONDS, this.duration);
    return (this.player.heardSeconds.get(id) ?? 0) >= enough;
  }

  allHeard() {
    return this.order.every((id) => this.heard(id));
  }

  replays(id) {
    return (this.player.switches.get(id) ?? 0) + (this.earlier.replays[id] ?? 0);
  }

  get seconds() {
    return Math.round(performance.now() - this.startedAt) / 1000 + this.earlier.seconds;
  }

  changed() {
    this.keepDraft();
    this.show();
  }

  keepDraft() {
    this.session.keepDraft({
      rated: this.view.draft(),
      heard: this.order.filter((id) => this.heard(id)),
      replays: Object.fromEntries(this.order.map((id) => [id, this.replays(id)])),
      seconds: this.seconds,
    });
  }

  /** Names of the sounds that are still to be heard, and to be rated. */
  get open() {
    const names = new Map(this.view.sounds.map(({ id, label }) => [id, label]));
    if (this.step.reference) names.set(this.step.reference, text("trial.reference"));
    const rated = this.step.stimuli;
    return {
      unheard: this.order.filter((id) => !this.heard(id)).map((id) => names.get(id)),
      unrated: rated.filter((id) => !this.view.rated(id)).map((id) => names.get(id)),
    };
  }

  show() {
    const { player } = this;
    for (const [id, button] of this.buttons) {
      const playing = player.current === id && player.playing;
      button.classList.toggle("playing", playing);
      button.classList.toggle("heard", this.heard(id));
      button.setAttribute("aria-pressed", String(playing));
    }
    this.view.show();
    this.playButton.replaceChildren(
      icon(player.playing ? "pause" : "play"),
      h("span", {}, text(player.playing ? "trial.pause" : "trial.play")),
    );
    this.loopButton.setAttribute("aria-pressed", String(player.looping));
    this.clock.textContent = `${(player.position / player.rate).toFixed(1)} / ${text("seconds.short", {
      seconds: this.duration.toFixed(1),
    })}`;
    const { unheard, unrated } = this.open;
    const complete = !unheard.length && !unrated.length;
    this.next.setAttribute("aria-disabled", String(!complete));
    this.next.classList.toggle("waiting", !complete);
    const hint = unheard.length
      ? text("trial.not_heard", { sounds: unheard.join(", ") })
      : unrated.length
        ? text("trial.not_rated", { sounds: unrated.join(", ") })
        : text("trial.complete");
    if (this.hint.textContent !== hint) this.hint.textContent = hint;
  }

  whole() {
    this.player.setRegion(0, this.player.length);
  }

  hearNeighbour(direction) {
    const index = this.order.indexOf(this.player.current);
    const id = this.order[(index + direction + this.order.length) % this.order.length];
    if (id !== this.player.current || !this.player.playing) this.hear(id);
  }

  key(event) {
    if (dialogIsOpen() || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const number = NUMBER_KEYS.indexOf(name);
    const sound = this.view.sounds[number];
    const actions = {
      " ": () => this.playOrPause(),
      r: () => this.step.reference && this.hear(this.step.reference),
      ArrowLeft: () => this.hearNeighbour(-1),
      ArrowRight: () => this.hearNeighbour(1),
      i: () => this.player.setRegion(this.player.position, this.player.region.end),
      o: () => this.player.setRegion(this.player.region.start, this.player.position),
      w: () => this.whole(),
      l: () => !this.once && this.player.setLooping(!this.player.looping),
      Enter: () => this.finish(),
      "?": () => showKeys(this.view.keysList),
    };
    const onButton = document.activeElement instanceof HTMLButtonElement;
    if (onButton && (name === "Enter" || name === " ")) return; // the button's own
    if (number >= 0 && sound) {
      if (this.player.current !== sound.id || !this.player.playing) this.hear(sound.id);
    } else if (name in actions) actions[name]();
    else if (!this.view.key(name)) return;
    event.preventDefault();
  }

  async finish() {
    const { unheard, unrated } = this.open;
    if (unheard.length || unrated.length) {
      remark(this.hint.textContent);
      announce(this.hint.textContent);
      return;
    }
    if (this.confirming) return;
    this.confirming = true;
    const sure = await this.view.confirm();
    this.confirming = false;
    if (!sure || this.closed) return;
    const scores = this.view.scores().map((score) => ({ ...score, replays: this.replays(score.stimulus) }));
    const seconds = this.seconds;
    this.close();
    this.resolve({ trial: this.step.trial, seconds, scores });
  }

  close() {
    if (this.closed) return;
    this.closed = true;
    document.removeEventListener("keydown", this.keydown);
    this.waveform.close();
    this.player.close();
  }
}
