// MUSHRA and BS.1116: one slider for each sound, of which the heard one can be moved.

import { announce, h } from "./dom.js";
import { ask, remark } from "./dialog.js";
import { Slider } from "./slider.js";
import { text } from "./texts.js";

/** What a trial's frame needs of its method; see trial.js. */
export function slidersView({ method, step, scale, frame }) {
  const words = text(`${method}.words`);
  const label = (index) => (method === "mushra" ? String(index + 1) : "AB"[index]);
  const word = (value) => {
    const share = (value - scale.minimum) / (scale.maximum - scale.minimum);
    if (method === "bs1116") return words[Math.min(4, Math.round(share * 4))];
    return words[Math.min(4, Math.floor(share * 5))];
  };

  const columns = step.stimuli.map((id, index) => {
    const button = frame.soundButton(id, label(index), text("trial.stimulus", { label: label(index) }));
    const output = h("output.rating-value", {}, "–");
    const slider = new Slider({
      scale,
      label: text("slider.label", { label: label(index) }),
      word,
      mayMove: () => {
        if (frame.player.current === id && frame.player.playing) return true;
        const reason = text("trial.only_heard", { label: label(index) });
        remark(reason);
        announce(reason);
        return false;
      },
      onInput: () => frame.changed(),
    });
    const element = h("div.rating", { "data-stimulus": id }, button, slider.element, output);
    return { id, label: label(index), slider, output, element };
  });

  const marks = [...words].reverse().map((name, index) => h("span", { "data-value": 5 - index }, name));
  const element = h(
    `div.ratings.${method}`,
    { role: "group", "aria-label": text(`${method}.question`) },
    h("div.rating-words", { "aria-hidden": "true" }, h("div.rating-words-list", {}, marks)),
    h("div.rating-columns", {}, columns.map((column) => column.element)),
  );
  element.style.setProperty("--columns", columns.length);

  const view = {
    element,
    question: text(`${method}.question`),
    sounds: columns.map(({ id, label: name }) => ({ id, label: name })),
    keysList: "keys.list",
    rated: (id) => columns.find((column) => column.id === id).slider.value !== null,
    scores: () => columns.map(({ id, slider }) => ({ stimulus: id, score: slider.value })),
    draft: () => Object.fromEntries(columns.map(({ id, slider }) => [id, slider.value])),
    restore: (draft) => columns.forEach(({ id, slider }) => slider.restore(draft[id] ?? null)),
    show() {
      for (const { id, slider, output, element: column } of columns) {
        const heard = frame.player.current === id && frame.player.playing;
        slider.setActive(heard);
        column.classList.toggle("heard", heard);
        const digits = scale.step < 1 ? 1 : 0;
        output.textContent = slider.value === null ? "–" : slider.value.toFixed(digits);
      }
    },
    key(name) {
      const focused = columns.find(({ slider }) => slider.element === document.activeElement);
      const heard = columns.find(({ id }) => id === frame.player.current);
      return (focused ?? heard)?.slider.key(name) ?? false;
    },
    focus(id) {
      const column = columns.find((one) => one.id === id);
      column?.slider.element.focus({ preventScroll: true });
      column?.element.scrollIntoView({ block: "nearest" });
    },
    async confirm() {
      if (columns.some(({ slider }) => slider.value === scale.maximum)) return true;
      const name = method === "mushra" ? "mushra.hundred" : "bs1116.five";
      const pressed = await ask(text(`${name}.title`), h("p", {}, text(name)), {
        back: text("reminder.back"),
        on: text("reminder.on"),
      });
      return pressed === "on";
    },
  };
  return view;
}
