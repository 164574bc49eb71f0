// AB, ABX, ACR, DCR and CCR: one choice among a few.

import { h } from "./dom.js";
import { text } from "./texts.js";

const METHODS = {
  ab: ({ step: { stimuli } }) => ({
    sounds: ["A", "B"].map((label, index) => ({ id: stimuli[index], label, name: text("trial.stimulus", { label }) })),
    options: [
      { name: text("ab.choice", { label: "A" }), scores: [1, 0] },
      { name: text("ab.none"), scores: [0.5, 0.5] },
      { name: text("ab.choice", { label: "B" }), scores: [0, 1] },
    ],
  }),
  abx: ({ step: { stimuli, unknown } }) => ({
    sounds: ["A", "B", "X"].map((label, index) => ({
      id: [...stimuli, unknown][index],
      label,
      name: text("trial.stimulus", { label }),
    })),
    options: [
      { name: text("abx.choice", { label: "A" }), scores: [1, 0] },
      { name: text("abx.choice", { label: "B" }), scores: [0, 1] },
    ],
  }),
  acr: ({ step: { stimuli } }) => ({
    sounds: [{ id: stimuli[0], label: text("acr.sound"), name: text("acr.sound") }],
    options: graded(text("acr.words"), (index) => [index + 1]),
  }),
  dcr: ({ step: { stimuli } }) => ({
    sounds: [{ id: stimuli[0], label: text("dcr.sound"), name: text("dcr.sound") }],
    options: graded(text("dcr.words"), (index) => [index + 1]),
  }),
  ccr: ({ step: { stimuli } }) => ({
    sounds: ["ccr.first", "ccr.second"].map((key, index) => ({
      id: stimuli[index],
      label: text(key),
      name: text(key),
    })),
    options: graded(text("ccr.words"), (index) => [3 - index, index - 3]),
  }),
};

/** What a trial's frame needs of its method; see trial.js. */
export function choiceView({ method, step, frame }) {
  const { sounds, options } = METHODS[method]({ step });
  const inputs = options.map((_, index) =>
    h("input", { type: "radio", name: "choice", value: index, change: () => frame.changed() }),
  );
  const chosen = () => inputs.findIndex((input) => input.checked);
  const element = h(
    `div.choices.${method}`,
    {},
    h("div.choice-sounds", {}, sounds.map(({ id, label, name }) => frame.soundButton(id, label, name))),
    h(
      "div.choice-options",
      { role: "radiogroup", "aria-label": text(`${method}.question`) },
      options.map(({ name, grade }, index) =>
        h(
          "label.choice",
          {},
          inputs[index],
          grade === undefined ? null : h("span.choice-grade", {}, String(grade)),
          h("span", {}, name),
        ),
      ),
    ),
  );
  return {
    element,
    question: text(`${method}.question`),
    sounds,
    keysList: "keys.list.choice",
    rated: () => chosen() >= 0,
    scores: () => step.stimuli.map((id, index) => ({ stimulus: id, score: options[chosen()].scores[index] })),
    draft: () => chosen(),
    restore: (draft) => inputs.forEach((input, index) => (input.checked = index === draft)),
    show() {
      const ready = frame.allHeard();
      for (const input of inputs) input.disabled = !ready;
    },
    key(name) {
      const direction = { ArrowUp: -1, ArrowDown: 1 }[name];
      if (!direction || inputs[0].disabled) return Boolean(direction);
      const from = chosen() < 0 ? (direction > 0 ? -1 : 0) : chosen();
      const input = inputs[(from + direction + inputs.length) % inputs.length];
      input.checked = true;
      input.focus({ preventScroll: true });
      frame.changed();
      return true;
    },
    focus() {},
    confirm: async () => true,
  };
}

// The best grade on top.
function graded(words, scores) {
  return words
    .map((name, index) => ({ name, scores: scores(index), grade: scores(index).at(-1) }))
    .reverse();
}
