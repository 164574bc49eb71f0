// The recording as a picture, with the playhead and the two handles of the loop.

import { h } from "./dom.js";
import { MIN_LOOP_SECONDS } from "./player.js";
import { text } from "./texts.js";

const KEY_STEP_SECONDS = 0.05;
const LARGE_KEY_STEP_SECONDS = 0.5;

export class Waveform {
  /**
   * @param {Player} player
   * @param {?AudioBuffer} buffer what is drawn: the open reference; a line where there is none
   * @param {boolean} withLoop whether there are handles
   */
  constructor(player, buffer, withLoop) {
    this.player = player;
    this.buffer = buffer;
    this.canvas = h("canvas.waveform-canvas", { "aria-hidden": "true" });
    this.shade = h("div.waveform-region");
    this.playhead = h("div.waveform-playhead");
    this.handles = withLoop ? { start: this.handle("start"), end: this.handle("end") } : {};
    this.element = h(
      `div.waveform${buffer ? "" : ".flat"}`,
      { pointerdown: (event) => this.seek(event) },
      this.canvas,
      this.shade,
      this.playhead,
      ...Object.values(this.handles),
    );
    this.sizes = new ResizeObserver(() => this.draw());
    this.sizes.observe(this.element);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.redraw = () => this.draw();
    this.scheme.addEventListener("change", this.redraw);
    this.frame = requestAnimationFrame(() => this.follow());
    player.addEventListener("change", () => this.show());
    this.show();
  }

  close() {
    this.sizes.disconnect();
    this.scheme.removeEventListener("change", this.redraw);
    cancelAnimationFrame(this.frame);
  }

  show() {
    const { length, rate, region, looping } = this.player;
    const share = (sample) => `${(100 * sample) / length}%`;
    this.shade.style.left = share(region.start);
    this.shade.style.right = share(length - region.end);
    this.element.classList.toggle("looping", looping);
    for (const [side, handle] of Object.entries(this.handles)) {
      handle.style.left = share(region[side]);
      handle.setAttribute("aria-valuemax", (length / rate).toFixed(2));
      handle.setAttribute("aria-valuenow", (region[side] / rate).toFixed(2));
      handle.setAttribute(
        "aria-valuetext",
        text("seconds.short", { seconds: (region[side] / rate).toFixed(2) }),
      );
    }
  }

  follow() {
    const share = this.player.position / this.player.length;
    this.playhead.style.transform = `translateX(${share * this.element.clientWidth}px)`;
    this.frame = requestAnimationFrame(() => this.follow());
  }

  handle(side) {
    return h("div.waveform-handle", {
      role: "slider",
      tabindex: 0,
      "aria-label": text(`trial.loop.${side}`),
      "aria-valuemin": 0,
      "data-side": side,
      pointerdown: (event) => {
        event.stopPropagation();
        event.preventDefault();
        event.currentTarget.focus({ preventScroll: true });
        event.currentTarget.setPointerCapture(event.pointerId);
      },
      pointermove: (event) => {
        if (event.currentTarget.hasPointerCapture(event.pointerId)) this.move(side, this.sample(event));
      },
      keydown: (event) => this.key(side, event),
    });
  }

  key(side, event) {
    const direction = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1 }[event.key];
    if (!direction) return;
    event.preventDefault();
    event.stopPropagation();
    const seconds = event.shiftKey ? LARGE_KEY_STEP_SECONDS : KEY_STEP_SECONDS;
    this.move(side, this.player.region[side] + direction * seconds * this.player.rate);
  }

  // The handle that moves stops where the shortest loop is reached.
  move(side, sample) {
    const { region, rate, length } = this.player;
    const shortest = Math.min(length, MIN_LOOP_SECONDS * rate);
    if (side === "start") this.player.setRegion(Math.min(sample, region.end - shortest), region.end);
    else this.player.setRegion(region.start, Math.max(sample, region.start + shortest));
  }

  seek(event) {
    if (event.button === 0) this.player.seek(this.sample(event));
  }

  sample(event) {
    const box = this.element.getBoundingClientRect();
    return ((event.clientX - box.left) / box.width) * this.player.length;
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const scale = devicePixelRatio || 1;
    this.canvas.width = width * scale;
    this.canvas.height = height * scale;
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.fillStyle = getComputedStyle(this.element).getPropertyValue("--wave");
    const middle = height / 2;
    if (!this.buffer) {
      pen.fillRect(0, middle - 0.5, width, 1);
      return;
    }
    const samples = this.buffer.getChannelData(0);
    const peaks = peaksOf(samples, Math.max(1, Math.floor(width / 3)));
    const loudest = Math.max(1e-6, ...peaks);
    peaks.forEach((peak, index) => {
      const half = Math.max(0.75, (peak / loudest) * (middle - 6));
      pen.fillRect(index * 3, middle - half, 2, 2 * half);
    });
  }
}

function peaksOf(samples, count) {
  const size = samples.length / count;
  return Array.from({ length: count }, (_, index) => {
    let peak = 0;
    for (let i = Math.floor(index * size); i < Math.floor((index + 1) * size); i++) {
      peak = Math.max(peak, Math.abs(samples[i]));
    }
    return peak;
  });
}
