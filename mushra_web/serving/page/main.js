// Leads the listener from step to step, and shows whether the answers are saved.

import { announce, download, h } from "./dom.js";
import {
  restoreVolume,
  showFinish,
  showMessage,
  showQuestionnaire,
  showScreening,
  showVolume,
  showWelcome,
} from "./pages.js";
import { ListeningSession } from "./session.js";
import { SoundError, audio, tooLowDeviceRate } from "./sounds.js";
import { setLanguage, text } from "./texts.js";
import { showTrial } from "./trial.js";

const place = document.getElementById("view");
const DOWNLOAD_AFTER_FAILURES = 3;
const NEEDED = { "Web Audio": "AudioContext", dialogs: "HTMLDialogElement", storage: "localStorage" };

const PAGES = {
  welcome: showWelcome,
  volume: showVolume,
  screening: showScreening,
  training: (options) => showTrial({ ...options, heading: trialHeading(options) }),
  trial: (options) => showTrial({ ...options, heading: trialHeading(options) }),
  questionnaire: showQuestionnaire,
};

async function start() {
  const lacking = Object.keys(NEEDED).filter((name) => !(NEEDED[name] in window));
  if (lacking.length) {
    const message = text("browser.text", { features: lacking.join(", ") });
    showMessage({ place, title: text("browser.title"), message });
    return;
  }
  const participant = Object.fromEntries(new URLSearchParams(location.search));
  const session = await ListeningSession.open(participant);
  const { test } = session;
  setLanguage(test.language);
  document.title = test.title;
  document.getElementById("title").textContent = test.title;
  session.addEventListener("saving", () => showSaving(session));
  session.addEventListener("moved", showMoved);
  session.addEventListener("refused", () => showProblem(session));
  addEventListener("beforeunload", (event) => session.outbox.length && event.preventDefault());
  const rate = await tooLowDeviceRate(test.sample_rate);
  if (rate) {
    const message = text("device.text", { rate, needed: test.sample_rate });
    showMessage({ place, title: text("device.title"), message, action: reload });
    return;
  }
  audio(test.sample_rate);
  restoreVolume();
  await lead(session);
}

const reload = { name: text("retry"), run: () => location.reload() };

async function lead(session) {
  while (session.position < session.steps.length) {
    if (session.screening === "failed") {
      const message = text("screening.failed");
      showMessage({ place, title: text("screening.failed.title"), message });
      return;
    }
    await takeStep(session);
  }
  place.replaceChildren(h("p.loading", {}, text("finish.saving")));
  showProgress(session);
  await session.saved();
  if (session.completion === null || session.completion === undefined) return lead(session);
  showFinish({ session, place });
}

async function takeStep(session) {
  const stopped = new AbortController();
  const overtaken = new Promise((resolve) => {
    session.addEventListener("overtaken", () => resolve(null), { signal: stopped.signal, once: true });
  });
  for (const name of ["moved", "refused"]) {
    session.addEventListener(name, () => stopped.abort(), { signal: stopped.signal });
  }
  showProgress(session);
  const { position, step } = session;
  const options = { session, step, place, signal: stopped.signal };
  const content = await Promise.race([PAGES[step.kind](options), overtaken]);
  stopped.abort();
  if (content === null || session.position !== position) return;
  await session.submit(content, { wait: step.kind === "screening" });
  scrollTo(0, 0);
  place.focus({ preventScroll: true });
}

function trialHeading({ session, step }) {
  const alike = session.steps.filter(({ kind }) => kind === step.kind);
  const values = { number: alike.indexOf(step) + 1, total: alike.length };
  const heading = text(`${step.kind}.title`, values);
  announce(heading);
  const badge = step.kind === "training" ? h("span.badge", {}, text("training.badge")) : null;
  return h("h2", {}, heading, badge);
}

function showProgress(session) {
  const share = Math.round((100 * session.position) / session.steps.length);
  const bar = document.getElementById("progress");
  bar.setAttribute("aria-valuenow", share);
  bar.firstElementChild.style.width = `${share}%`;
  const page = Math.min(session.position + 1, session.steps.length);
  document.getElementById("place").textContent = text("page.of", { page, pages: session.steps.length });
}

function showSaving(session) {
  const status = document.getElementById("saving");
  const waiting = session.outbox.length > 0 && session.failures > 0;
  status.className = waiting ? "waiting" : session.outbox.length ? "busy" : "saved";
  const name = waiting ? "saving.waiting" : session.outbox.length ? "saving.busy" : "saving.saved";
  const offered = waiting && session.failures >= DOWNLOAD_AFTER_FAILURES;
  status.replaceChildren(text(name), ...(offered ? [downloadButton(session)] : []));
}

function downloadButton(session) {
  const save = () => download(`answers-${session.id}.json`, session.unsaved);
  return h("button.quiet", { type: "button", click: save }, text("saving.download"));
}

function showProblem(session) {
  const name = session.problem.status === 401 ? "problem.foreign" : "problem.refused";
  const message = text(name, { reason: session.problem.message });
  showMessage({ place, title: text("problem.title"), message, extra: downloadButton(session) });
}

function showMoved() {
  const action = { name: text("moved.here"), run: () => location.reload() };
  showMessage({ place, title: text("moved.title"), message: text("moved.text"), action });
}

start().catch((error) => {
  if (error.session) {
    showProblem(error.session);
    return;
  }
  const message =
    error instanceof SoundError
      ? `${error.message} ${text("loading.failed")}`
      : text("problem.begin", { reason: error.message });
  showMessage({ place, title: text("problem.title"), message, action: reload });
  console.error(error);
});
