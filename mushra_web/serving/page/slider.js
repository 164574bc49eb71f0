// A rating slider: pointer, keyboard and screen reader; without a value until it is set.

import { h } from "./dom.js";
import { text } from "./texts.js";

export class Slider {
  /**
   * @param {Object} options
   * @param {{minimum: number, maximum: number, step: number}} options.scale
   * @param {string} options.label for screen readers
   * @param {function(number): string} options.word the scale's word for a value
   * @param {function(number): void} options.onInput
   * @param {function(): boolean} options.mayMove whether the slider may be moved now
   */
  constructor({ scale, label, word, onInput, mayMove }) {
    Object.assign(this, { scale, word, onInput, mayMove });
    this.value = null;
    this.fill = h("div.slider-fill");
    this.thumb = h("div.slider-thumb");
    this.track = h("div.slider-track", {}, this.fill, this.thumb);
    this.element = h(
      "div.slider",
      {
        role: "slider",
        tabindex: 0,
        "aria-label": label,
        "aria-valuemin": scale.minimum,
        "aria-valuemax": scale.maximum,
        pointerdown: (event) => this.grab(event),
        pointermove: (event) => this.drag(event),
      },
      this.track,
    );
    this.show();
  }

  get vertical() {
    const { width, height } = this.track.getBoundingClientRect();
    return height > width;
  }

  /** Set a value, or none, without telling anybody. */
  restore(value) {
    this.value = value;
    this.show();
  }

  /** Move to a value as the listener would. */
  set(value) {
    if (!this.mayMove()) return;
    const { minimum, maximum, step } = this.scale;
    const steps = Math.round((Math.min(maximum, Math.max(minimum, value)) - minimum) / step);
    this.value = Number((minimum + steps * step).toFixed(3));
    this.show();
    this.onInput(this.value);
  }

  /** Handle a key; returns whether it was one of the slider's. */
  key(name) {
    const { minimum, maximum, step } = this.scale;
    const large = (maximum - minimum) / 10;
    const from = this.value ?? (minimum + maximum) / 2;
    const targets = {
      ArrowUp: from + step,
      ArrowDown: from - step,
      PageUp: from + large,
      PageDown: from - large,
      Home: minimum,
      End: maximum,
    };
    if (!(name in targets)) return false;
    this.set(targets[name]);
    return true;
  }

  setActive(active) {
    this.element.setAttribute("aria-disabled", String(!active));
    this.element.classList.toggle("active", active);
  }

  grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.element.focus({ preventScroll: true });
    if (!this.mayMove()) return;
    this.element.setPointerCapture(event.pointerId);
    this.set(this.valueAt(event));
  }

  drag(event) {
    if (this.element.hasPointerCapture(event.pointerId)) this.set(this.valueAt(event));
  }

  valueAt(event) {
    const box = this.track.getBoundingClientRect();
    const share = this.vertical
      ? (box.bottom - event.clientY) / box.height
      : (event.clientX - box.left) / box.width;
    return this.scale.minimum + share * (this.scale.maximum - this.scale.minimum);
  }

  show() {
    const { minimum, maximum } = this.scale;
    const shown = this.value ?? (minimum + maximum) / 2;
    this.element.style.setProperty("--share", (shown - minimum) / (maximum - minimum));
    this.element.classList.toggle("unrated", this.value === null);
    this.element.setAttribute("aria-valuenow", shown);
    this.element.setAttribute(
      "aria-valuetext",
      this.value === null
        ? text("slider.unrated")
        : text("slider.value", { value: this.value, word: this.word(this.value) }),
    );
  }
}
