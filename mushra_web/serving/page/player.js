// Plays the stimuli of a trial: which one, from where, in which loop; and keeps what was heard.

import { Playback } from "./playback.js";

export const MIN_LOOP_SECONDS = 0.5; // ITU-R BS.1534-3, 5.3
const LEAD_SECONDS = 0.01; // time for the audio thread to learn of a change
const TICK_MS = 40;

export class Player extends EventTarget {
  /**
   * @param {AudioContext} context
   * @param {AudioNode} output
   * @param {Map<string, AudioBuffer>} buffers stimuli of one length by id
   * @param {boolean} looping
   */
  constructor(context, output, buffers, looping = true) {
    super();
    this.context = context;
    this.output = output;
    this.buffers = buffers;
    this.length = buffers.values().next().value.length;
    this.rate = context.sampleRate;
    this.looping = looping;
    this.region = { start: 0, end: this.length };
    this.current = null;
    this.run = null;
    this.restAt = 0;
    this.heardSeconds = new Map();
    this.heardToEnd = new Set();
    this.switches = new Map();
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  get playing() {
    return this.run !== null;
  }

  /** Sample under the playhead. */
  get position() {
    return this.run ? this.run.positionAt(this.context.currentTime) : this.restAt;
  }

  /** Hear a stimulus: from where the last one was, or from the beginning of the loop. */
  select(id) {
    if (this.run && id === this.current) return;
    this.switches.set(id, (this.switches.get(id) ?? 0) + 1);
    this.account();
    this.current = id;
    if (this.run) this.run.switchTo(id, this.soon());
    else this.begin(this.restAt);
    this.changed();
  }

  /** Hear a stimulus from its first sample. */
  playFromStart(id) {
    this.pause();
    this.restAt = 0;
    this.select(id);
  }

  toggle() {
    if (this.run) this.pause();
    else if (this.current) this.select(this.current);
  }

  pause() {
    if (!this.run) return;
    this.account();
    this.restAt = Math.floor(this.run.positionAt(this.run.stop(this.soon())));
    this.run = null;
    this.changed();
  }

  setLooping(looping) {
    this.looping = looping;
    this.restart();
    this.changed();
  }

  /** Loop over samples ``start`` to ``end``; the shortest loop is half a second. */
  setRegion(start, end) {
    const shortest = Math.min(this.length, Math.round(MIN_LOOP_SECONDS * this.rate));
    const first = Math.round(Math.min(Math.max(0, start), this.length - shortest));
    const last = Math.round(Math.max(first + shortest, Math.min(this.length, end)));
    if (first === this.region.start && last === this.region.end) return;
    this.region = { start: first, end: last };
    this.restart();
    this.changed();
  }

  /** Go to a sample. */
  seek(sample) {
    this.restAt = Math.max(0, Math.min(this.length - 1, Math.round(sample)));
    if (this.run) this.restart(this.restAt);
    this.changed();
  }

  close() {
    this.pause();
    clearInterval(this.timer);
  }

  begin(offset) {
    if (this.context.state === "suspended") this.context.resume();
    const { start, end } = this.region;
    const inside = this.looping ? offset >= start && offset < end - 1 : offset < this.length - 1;
    this.run = new Playback(this.context, this.buffers, {
      active: this.current,
      at: this.soon(),
      offset: inside ? Math.floor(offset) : start,
      loop: this.looping ? this.region : null,
      output: this.output,
    });
    this.countedTo = this.context.currentTime;
    if (!this.looping) {
      const run = this.run;
      run.sources[0].onended = () => this.ended(run);
    }
  }

  restart(offset = undefined) {
    if (!this.run) return;
    this.account();
    const silent = this.run.stop(this.soon());
    this.begin(offset ?? this.run.positionAt(silent));
  }

  ended(run) {
    if (run !== this.run) return;
    this.account();
    this.heardToEnd.add(this.current);
    this.run = null;
    this.restAt = this.region.start;
    this.changed();
    this.dispatchEvent(new Event("ended"));
  }

  tick() {
    if (!this.run) return;
    this.account();
    this.dispatchEvent(new Event("tick"));
  }

  account() {
    if (!this.run || !this.current) return;
    const now = this.context.currentTime;
    const before = this.heardSeconds.get(this.current) ?? 0;
    this.heardSeconds.set(this.current, before + Math.max(0, now - this.countedTo));
    this.countedTo = now;
  }

  changed() {
    this.dispatchEvent(new Event("change"));
  }

  soon() {
    return this.context.currentTime + LEAD_SECONDS;
  }
}
