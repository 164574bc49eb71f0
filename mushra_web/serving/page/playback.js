// One run of the stimuli of a trial, all of them at once on the clock of the audio device.
//
// Every stimulus plays from the same sample at the same time; only one of them has a gain. So they
// cannot drift apart, and a switch costs nothing but its fades: 5 ms out, then 5 ms in, raised
// cosines, never both at once (ITU-R BS.1534-3, 5.3: no cross-fade). The ends of a loop are faded in
// the same way, by an envelope that loops along with the stimuli.
//
// Works in an OfflineAudioContext as well, which is how it is measured.

export const FADE_SECONDS = 0.005; // ITU-R BS.1534-3, 5.3
const BLOCK_FRAMES = 128; // what Web Audio renders at once

/** Gain of a fade in, n + 1 points of a raised cosine from 0 to 1. */
export function fadeIn(n) {
  return Float32Array.from({ length: n + 1 }, (_, index) => 0.5 - 0.5 * Math.cos((Math.PI * index) / n));
}

export class Playback {
  /**
   * @param {BaseAudioContext} context
   * @param {Map<string, AudioBuffer>} buffers stimuli of one length by id
   * @param {Object} options
   * @param {string} options.active id of the stimulus that is heard first
   * @param {number} options.at context time of the start in seconds
   * @param {number} options.offset first sample
   * @param {?{start: number, end: number}} options.loop first sample, and sample after the last
   * @param {AudioNode} options.output
   */
  constructor(context, buffers, { active, at, offset, loop, output }) {
    this.context = context;
    this.rate = context.sampleRate;
    this.length = buffers.values().next().value.length;
    this.loop = loop;
    this.offset = offset;
    this.active = active;
    this.fadeFrames = Math.round(FADE_SECONDS * this.rate);
    this.fade = this.fadeFrames / this.rate;
    this.curveIn = fadeIn(this.fadeFrames);
    this.curveOut = this.curveIn.slice().reverse();
    this.startedAt = this.frame(at);
    this.envelope = context.createGain();
    this.envelope.connect(output);
    this.gains = new Map();
    this.sources = [];
    for (const [id, buffer] of buffers) {
      const gain = context.createGain();
      gain.gain.value = 0;
      gain.connect(this.envelope);
      this.gains.set(id, gain);
      this.start(buffer, gain);
    }
    if (loop && loop.end - loop.start < this.length) {
      this.envelope.gain.value = 0;
      this.start(this.loopEnvelope(), this.envelope.gain);
    }
    this.gains.get(active).gain.setValueCurveAtTime(this.curveIn, this.startedAt, this.fade);
    this.busyUntil = this.after(this.startedAt + this.fade);
  }

  /** Switch to another stimulus; returns the time at which its fade begins. */
  switchTo(id, at) {
    if (id === this.active) return at;
    const time = this.fadeOut(at);
    const begin = time + this.fade;
    this.gains.get(id).gain.setValueCurveAtTime(this.curveIn, begin, this.fade);
    this.busyUntil = this.after(begin + this.fade);
    this.active = id;
    return begin;
  }

  /** Fade out and end; returns the time at which it is silent. */
  stop(at) {
    const silent = this.fadeOut(at) + this.fade;
    for (const source of this.sources) source.stop(silent);
    this.busyUntil = Infinity;
    return silent;
  }

  /** Sample that is heard at a context time. */
  positionAt(time) {
    const position = this.offset + Math.max(0, (time - this.startedAt) * this.rate);
    if (!this.loop) return Math.min(position, this.length);
    if (position < this.loop.end) return position;
    return this.loop.start + ((position - this.loop.start) % (this.loop.end - this.loop.start));
  }

  fadeOut(at) {
    const time = this.frame(Math.max(at, this.busyUntil));
    this.gains.get(this.active).gain.setValueCurveAtTime(this.curveOut, time, this.fade);
    return time;
  }

  // Chromium garbles a curve that begins in the block of samples in which the last one ended.
  after(time) {
    return time + BLOCK_FRAMES / this.rate;
  }

  frame(time) {
    return Math.ceil(time * this.rate - 1e-6) / this.rate;
  }

  start(buffer, destination) {
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    if (this.loop) {
      source.loop = true;
      source.loopStart = this.loop.start / this.rate;
      source.loopEnd = this.loop.end / this.rate;
    }
    source.connect(destination);
    source.start(this.startedAt, this.offset / this.rate);
    this.sources.push(source);
  }

  loopEnvelope() {
    const { start, end } = this.loop;
    const buffer = this.context.createBuffer(1, this.length, this.rate);
    const gains = buffer.getChannelData(0);
    gains.fill(1);
    gains.set(this.curveIn, start);
    gains.set(this.curveOut, end - this.curveOut.length);
    return buffer;
  }
}
