"""Signals of the demo corpus that no program speaks or plays: noises and transients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

FADE = 0.010  # s
PINK_LOW = 50.0  # Hz; below it the noise is flat, so that rumble does not set its level
WOOD_MODES = ((1150.0, 1.0), (2430.0, 0.6), (4310.0, 0.4))  # frequency in Hz, amplitude
WOOD_DECAY = 0.012  # s
CLICK_TIMES = (0.20, 0.35, 0.50, 0.65, 0.80, 0.95)  # s
WOOD_TIMES = (1.15, 1.40, 1.60, 1.75, 1.85, 1.92)  # s
CHIRP = (2.10, 0.80, 100.0, 18000.0)  # start and duration in s, first and last frequency in Hz
BURSTS = ((3.05, 0.004), (3.25, 0.015), (3.50, 0.060))  # start and decay in s
TRANSIENTS_DURATION = 4.0  # s


def faded(samples: Samples, sample_rate: int) -> Samples:
    """The samples with a raised-cosine fade of 10 ms at both ends; same shape."""
    rise = np.sin(np.linspace(0, np.pi / 2, round(FADE * sample_rate))) ** 2
    window = np.ones(samples.shape[1])
    window[: rise.size] = rise
    window[-rise.size :] *= rise[::-1]
    return (samples * window).astype(np.float32)


def pink_noise(n_samples: int, sample_rate: int, generator: np.random.Generator) -> Samples:
    """Gaussian noise that falls by 3 dB an octave above 50 Hz, RMS 1, shape ``(1, n_samples)``."""
    spectrum = np.fft.rfft(generator.standard_normal(n_samples))
    frequencies = np.fft.rfftfreq(n_samples, 1 / sample_rate)
    spectrum /= np.sqrt(np.maximum(frequencies, PINK_LOW))
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, n_samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2)), dtype=np.float32)[np.newaxis]


def babble(
    voices: list[Samples], n_samples: int, sample_rate: int, generator: np.random.Generator
) -> Samples:
    """All voices at once, equally loud and repeated, each from a random point; RMS 1.

    Args:
        voices: speech of shape ``(1, samples)`` each; lengths may differ.
        n_samples: samples of the result, shape ``(1, n_samples)``.
        sample_rate: rate of all of them in Hz; 0.1 s of silence goes between repetitions.
        generator: where the points come from.
    """
    total = np.zeros(n_samples)
    pause = np.zeros(round(0.1 * sample_rate))
    for voice in voices:
        level = np.sqrt(np.mean(np.square(voice, dtype=np.float64)))
        loop = np.concatenate((voice[0] / level, pause))
        total += np.resize(np.roll(loop, -int(generator.integers(loop.size))), n_samples)
    return np.asarray(total / np.sqrt(np.mean(total**2)), dtype=np.float32)[np.newaxis]


def transients(sample_rate: int, generator: np.random.Generator) -> Samples:
    """Clicks, wood-block strokes, a rising chirp and noise bursts, shape ``(1, samples)``."""
    signal = np.zeros(round(TRANSIENTS_DURATION * sample_rate))
    for number, start in enumerate(CLICK_TIMES):
        signal[round(start * sample_rate)] = 0.8 * (-1) ** number
    stroke = _stroke(sample_rate)
    for start in WOOD_TIMES:
        _add(signal, 0.4 * stroke, start, sample_rate)
    _add(signal, 0.16 * _chirp(sample_rate), CHIRP[0], sample_rate)
    for start, decay in BURSTS:
        time = np.arange(round(7 * decay * sample_rate)) / sample_rate
        burst = generator.uniform(-1, 1, time.size) * np.exp(-time / decay)
        _add(signal, 0.6 * burst, start, sample_rate)
    return signal[np.newaxis].astype(np.float32)


def _stroke(sample_rate: int) -> NDArray[np.float64]:
    time = np.arange(round(8 * WOOD_DECAY * sample_rate)) / sample_rate
    modes = sum(gain * np.sin(2 * np.pi * mode * time) for mode, gain in WOOD_MODES)
    return np.asarray(modes * np.exp(-time / WOOD_DECAY), dtype=np.float64)


def _chirp(sample_rate: int) -> NDArray[np.float64]:
    _, duration, first, last = CHIRP
    time = np.arange(round(duration * sample_rate)) / sample_rate
    octaves = np.log(last / first)
    phase = 2 * np.pi * first * duration / octaves * np.expm1(time / duration * octaves)
    edge = np.minimum(time, time[::-1]) / 0.01
    return np.asarray(np.sin(phase) * np.minimum(edge, 1.0), dtype=np.float64)


def _add(
    signal: NDArray[np.float64],
    sound: NDArray[np.float64],
    start: float,
    sample_rate: int,
) -> None:
    first = round(start * sample_rate)
    signal[first : first + sound.size] += sound
