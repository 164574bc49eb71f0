// Fetches and decodes sounds, on one audio context that all pages share.

import { ServerError, waitBetween } from "./server.js";

const ATTEMPTS = 6;
const LOWEST_DEVICE_RATE = 32000; // Hz; a headset in a call runs at 8 or 16 kHz

export class SoundError extends Error {}

let context = null;
let volume = null;
const loading = new Map();

/** The context at the rate of the test's files where the browser can do that, else at the device's. */
export function audio(sampleRate) {
  if (context) return { context, volume };
  try {
    context = new AudioContext({ sampleRate, latencyHint: "interactive" });
  } catch {
    context = new AudioContext(); // an old browser or a rate it lacks: it resamples while decoding
  }
  volume = context.createGain();
  volume.connect(context.destination);
  return { context, volume };
}

/** What the device plays at is too low for the test: its rate in Hz, else null. */
export async function tooLowDeviceRate(sampleRate) {
  const probe = new AudioContext();
  const rate = probe.sampleRate;
  await probe.close();
  return rate < Math.min(sampleRate, LOWEST_DEVICE_RATE) ? rate : null;
}

export function setVolume(decibels) {
  volume.gain.setTargetAtTime(10 ** (decibels / 20), context.currentTime, 0.02);
}

/** Decoded sounds by id. Those of other ids are forgotten, so that two trials at most stay in memory. */
export async function load(ids, { keep = [], onProgress = () => {} } = {}) {
  for (const id of [...loading.keys()]) {
    if (!ids.includes(id) && !keep.includes(id)) loading.delete(id);
  }
  let ready = 0;
  const buffers = await Promise.all(
    ids.map(async (id) => {
      if (!loading.has(id)) {
        const sound = fetchSound(id);
        loading.set(id, sound);
        sound.catch(() => loading.delete(id));
      }
      const buffer = await loading.get(id);
      onProgress(++ready / ids.length);
      return [id, buffer];
    }),
  );
  return new Map(buffers);
}

/** The sounds of a trial, which must be alike in length and channels. */
export async function loadTrial(ids, options) {
  const buffers = await load(ids, options);
  const shapes = new Set([...buffers.values()].map((b) => `${b.length}/${b.numberOfChannels}`));
  if (shapes.size > 1) throw new SoundError("The sounds of this page differ in length.");
  return buffers;
}

async function fetchSound(id) {
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await fetch(`/audio/${id}`);
      if (!response.ok) throw new ServerError(response.status, "");
      const bytes = await response.arrayBuffer();
      return await context.decodeAudioData(bytes);
    } catch (error) {
      if (error.name === "EncodingError") throw new SoundError("A sound could not be decoded.");
      const final = error instanceof ServerError && !error.mayPass;
      if (final || attempt + 1 >= ATTEMPTS) throw new SoundError("A sound could not be loaded.");
      await waitBetween(attempt);
    }
  }
}
