// The pages around the trials. Each resolves with what is stored for it.

import { announce, h, icon } from "./dom.js";
import { Player } from "./player.js";
import { audio, load, setVolume } from "./sounds.js";
import { text } from "./texts.js";

const VOLUME_KEY = "codecbench.volume";
const QUIETEST_DB = -40;
const INITIAL_DB = -12;
const TRIAL_MINUTES = { mushra: 2.5, bs1116: 2, ab: 0.7, abx: 0.8, acr: 0.3, dcr: 0.5, ccr: 0.5 };

function card(title, ...children) {
  return h("section.card.page", {}, h("h2", {}, title), ...children);
}

/** Title and instructions. */
export function showWelcome({ session, place }) {
  const { test, steps } = session;
  const trials = steps.filter((step) => step.kind === "trial").length;
  const training = steps.filter((step) => step.kind === "training").length;
  const minutes = Math.max(1, Math.round((trials + training) * TRIAL_MINUTES[test.method]));
  return new Promise((resolve) => {
    const start = h("button.primary", { type: "button", click: () => resolve({}) }, text("start"));
    const facts = [
      text("welcome.trials", { trials, minutes }),
      training ? text("welcome.training", { training }) : null,
      text("welcome.listen"),
      text("welcome.saved"),
    ].filter(Boolean);
    place.replaceChildren(
      card(
        test.title,
        h("div.prose", {}, test.instructions.map((paragraph) => h("p", {}, paragraph))),
        h("ul.facts", {}, facts.map((fact) => h("li", {}, fact))),
        h("div.page-foot", {}, start),
      ),
    );
    start.focus({ preventScroll: true });
  });
}

/** The level that was set before, on every later page. */
export function restoreVolume() {
  setVolume(Number(localStorage.getItem(VOLUME_KEY) ?? INITIAL_DB));
}

/** A sound in a loop, and its level. */
export async function showVolume({ session, place, signal }) {
  const { test } = session;
  const { context, volume } = audio(test.sample_rate);
  place.replaceChildren(h("p.loading", {}, text("loading", { percent: 0 })));
  const buffers = await load([test.volume]);
  if (signal.aborted) return null;
  const player = new Player(context, volume, buffers);
  signal.addEventListener("abort", () => player.close());
  return new Promise((resolve) => {
    const play = h("button.transport-play.large", { type: "button", click: () => toggle() });
    const level = h("input.volume-level", {
      type: "range",
      min: QUIETEST_DB,
      max: 0,
      step: 0.5,
      value: localStorage.getItem(VOLUME_KEY) ?? INITIAL_DB,
      "aria-label": text("volume.label"),
      input: () => set(),
    });
    const hint = h("p.hint", { role: "status" }, text("volume.needed"));
    const next = h(
      "button.primary",
      {
        type: "button",
        disabled: true,
        click: () => {
          player.close();
          resolve({ volume_db: Number(level.value) });
        },
      },
      text("continue"),
    );
    const toggle = () => (player.current ? player.toggle() : player.select(test.volume));
    const set = () => {
      localStorage.setItem(VOLUME_KEY, level.value);
      setVolume(Number(level.value));
      level.setAttribute("aria-valuetext", `${level.value} dB`);
    };
    const show = () => {
      const name = text(player.playing ? "volume.pause" : "volume.play");
      play.replaceChildren(icon(player.playing ? "pause" : "play"), h("span", {}, name));
      if (!player.current) return;
      next.disabled = false;
      hint.textContent = "";
    };
    player.addEventListener("change", show);
    set();
    show();
    place.replaceChildren(
      card(
        text("volume.title"),
        h("p.prose", {}, text("volume.text")),
        h("div.volume", {}, play, h("label.volume-row", {}, h("span", {}, text("volume.label")), level)),
        h("div.page-foot", {}, hint, next),
      ),
    );
    play.focus({ preventScroll: true });
  });
}

/** The questions of the headphone check, one after the other. */
export async function showScreening({ session, place, signal }) {
  const { test, steps, position } = session;
  const { context, volume } = audio(test.sample_rate);
  const again = steps[position - 1].kind === "screening";
  place.replaceChildren(h("p.loading", {}, text("loading", { percent: 0 })));
  const { kind, questions } = test.screening;
  const buffers = await load(questions.map(({ id }) => id));
  if (signal.aborted) return null;
  const choices = [];
  for (const [index, question] of questions.entries()) {
    const heading = text("screening.question", { number: index + 1, total: questions.length });
    const introduction = again && index === 0 ? text("screening.again") : text(`screening.${kind}`);
    const buffer = new Map([[question.id, buffers.get(question.id)]]);
    const player = new Player(context, volume, buffer, false);
    signal.addEventListener("abort", () => player.close());
    choices.push(await askInterval({ question, player, heading, introduction, place }));
    player.close();
    if (signal.aborted) return null;
  }
  return { choices };
}

function askInterval({ question, player, heading, introduction, place }) {
  return new Promise((resolve) => {
    const buttons = question.starts.map((_, index) =>
      h(
        "button.interval",
        { type: "button", disabled: true, click: () => choose(index) },
        text("screening.choice", { number: index + 1 }),
      ),
    );
    const play = h(
      "button.transport-play.large",
      { type: "button", click: () => player.playFromStart(question.id) },
      icon("play"),
      h("span", {}, text("screening.play")),
    );
    const key = (event) => {
      const index = Number(event.key) - 1;
      if (buttons[index] && !buttons[index].disabled) choose(index);
    };
    const choose = (index) => {
      document.removeEventListener("keydown", key);
      resolve(index);
    };
    player.addEventListener("tick", () => {
      const seconds = player.position / player.rate;
      question.starts.forEach((start, index) =>
        buttons[index].classList.toggle("sounding", seconds >= start && seconds < start + question.duration),
      );
    });
    player.addEventListener("ended", () => {
      for (const button of buttons) {
        button.disabled = false;
        button.classList.remove("sounding");
      }
    });
    document.addEventListener("keydown", key);
    place.replaceChildren(
      card(
        text("screening.title"),
        h("p.prose", {}, introduction),
        h("p.question", {}, heading),
        h("div.screening", {}, play, h("div.intervals", { role: "group", "aria-label": heading }, buttons)),
      ),
    );
    play.focus({ preventScroll: true });
    announce(heading);
  });
}

/** The questions at the end. */
export function showQuestionnaire({ session, place }) {
  return new Promise((resolve) => {
    const fields = session.test.questionnaire.map((question) => ({ question, input: field(question) }));
    const hint = h("p.hint", { role: "alert" });
    const submit = (event) => {
      event.preventDefault();
      const open = fields.filter(({ input }) => !input.checkValidity() || (input.required && !input.value.trim()));
      for (const { input } of fields) input.setAttribute("aria-invalid", "false");
      for (const { input } of open) input.setAttribute("aria-invalid", "true");
      if (open.length) {
        const labels = open.map(({ question }) => question.label).join(", ");
        hint.textContent = text("questionnaire.incomplete", { labels });
        open[0].input.focus();
        return;
      }
      resolve(Object.fromEntries(fields.map(({ question, input }) => [question.name, reply(question, input)])));
    };
    place.replaceChildren(
      card(
        text("questionnaire.title"),
        h(
          "form.questionnaire",
          { novalidate: true, submit },
          fields.map(({ question, input }) =>
            h(
              "label.field",
              {},
              h(
                "span.field-label",
                {},
                question.label,
                question.optional ? h("small", {}, ` (${text("questionnaire.optional")})`) : null,
              ),
              input,
            ),
          ),
          h("div.page-foot", {}, hint, h("button.primary", {}, text("continue"))),
        ),
      ),
    );
    fields[0].input.focus({ preventScroll: true });
  });
}

function field(question) {
  const common = { name: question.name, required: !question.optional };
  if (question.kind === "long_text") return h("textarea", { ...common, rows: 4, maxlength: 10000 });
  if (question.kind === "choice") {
    const options = question.choices.map((choice) => h("option", { value: choice }, choice));
    return h("select", common, h("option", { value: "" }, text("questionnaire.choose")), options);
  }
  if (question.kind === "number") {
    return h("input", {
      ...common,
      type: "number",
      step: "any",
      min: question.minimum,
      max: question.maximum,
      inputmode: "decimal",
    });
  }
  return h("input", { ...common, type: "text", maxlength: 10000 });
}

function reply(question, input) {
  const value = input.value.trim();
  if (value === "") return null;
  return question.kind === "number" ? Number(value) : value;
}

/** The end: everything is saved, here is the code. */
export function showFinish({ session, place }) {
  const copied = h("span.copied", { role: "status" });
  const copy = async () => {
    await navigator.clipboard.writeText(session.completion);
    copied.textContent = text("finish.copied");
  };
  // Only pages that came over HTTPS, or from this machine, may write to the clipboard.
  const button = navigator.clipboard
    ? h("button.quiet", { type: "button", click: copy }, text("finish.copy"))
    : null;
  place.replaceChildren(
    card(
      text("finish.title"),
      h("p.prose", {}, text("finish.text")),
      h(
        "div.completion",
        {},
        h("span", {}, text("finish.code")),
        h("code", { id: "completion" }, session.completion),
        button,
        copied,
      ),
    ),
  );
  announce(text("finish.title"));
}

/** A page with nothing but a message, and a button where there is something to do. */
export function showMessage({ place, title, message, action = null, extra = null }) {
  place.replaceChildren(
    card(
      title,
      h("p.prose", {}, message),
      h(
        "div.page-foot",
        {},
        extra,
        action ? h("button.primary", { type: "button", click: action.run }, action.name) : null,
      ),
    ),
  );
  announce(title);
}
