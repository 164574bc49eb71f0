"""Sounds that tell headphones from loudspeakers: Huggins pitch and antiphase tones.

Both ask six times which of three intervals is the odd one.

- Huggins pitch (Milne et al., 2020, Behavior Research Methods 53): white noise of 1 s, in one
  interval with the phase turned by 180 degrees between the ears within 6 % of 600 Hz. Only with
  headphones a faint tone is heard there. All six right: 80 % of headphone users pass and 20 % of
  the others.
- Antiphase tones (Woods et al., 2017, Attention, Perception & Psychophysics 79): tones of 200 Hz,
  of which one is 6 dB quieter, which is asked for, and another has its phase turned in one ear, so
  that loudspeakers cancel it. Five of six right pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from codec_zoo.samples import Samples

N_TRIALS = 6
N_INTERVALS = 3
DURATION, GAP = 1.0, 0.5  # s
PITCH, HALF_WIDTH = 600.0, 0.06  # Hz, and share of it on either side
NOISE_LEVEL = 0.1  # RMS
NOISE_RAMP = 0.03  # s
TONE = 200.0  # Hz
TONE_AMPLITUDE = 0.25
QUIETER = 10 ** (-6 / 20)
TONE_RAMP = 0.1  # s
PASS = {"huggins": 6, "antiphase": 5}  # right answers of six

Kind = Literal["huggins", "antiphase"]


@dataclass(frozen=True, slots=True)
class ScreeningSound:
    """Three intervals in one signal.

    Attributes:
        samples: shape ``(2, samples)``.
        answer: index of the interval that is asked for.
        starts: where the intervals begin, in seconds.
        duration: of each interval, in seconds.
    """

    samples: Samples
    answer: int
    starts: tuple[float, ...]
    duration: float = DURATION


def screening_sounds(
    kind: Kind, sample_rate: int, generator: np.random.Generator
) -> list[ScreeningSound]:
    """The six questions of a screening; each interval is the right one twice.

    Args:
        kind: which screening.
        sample_rate: in Hz.
        generator: of the order and the noise.
    """
    answers = generator.permutation(np.arange(N_TRIALS) % N_INTERVALS)
    make = {"huggins": _huggins_intervals, "antiphase": _tone_intervals}[kind]
    return [_joined(make(int(a), sample_rate, generator), int(a), sample_rate) for a in answers]


def _huggins_intervals(
    answer: int, sample_rate: int, generator: np.random.Generator
) -> list[NDArray[np.float64]]:
    n = round(DURATION * sample_rate)
    frequencies = np.fft.rfftfreq(n, 1 / sample_rate)
    turned = np.abs(frequencies - PITCH) <= HALF_WIDTH * PITCH
    intervals = []
    for index in range(N_INTERVALS):
        left = NOISE_LEVEL * generator.standard_normal(n)
        spectrum = np.fft.rfft(left)
        if index == answer:
            spectrum[turned] *= -1
        right = np.fft.irfft(spectrum, n)
        intervals.append(np.stack((left, right)) * _ramped(n, NOISE_RAMP, sample_rate))
    return intervals


def _tone_intervals(
    answer: int, sample_rate: int, generator: np.random.Generator
) -> list[NDArray[np.float64]]:
    n = round(DURATION * sample_rate)
    tone = TONE_AMPLITUDE * np.sin(2 * np.pi * TONE * np.arange(n) / sample_rate)
    tone *= _ramped(n, TONE_RAMP, sample_rate)
    turned = int(generator.choice([index for index in range(N_INTERVALS) if index != answer]))
    return [
        np.stack((tone, -tone if index == turned else tone)) * (QUIETER if index == answer else 1)
        for index in range(N_INTERVALS)
    ]


def _ramped(n: int, ramp: float, sample_rate: int) -> NDArray[np.float64]:
    shape = np.ones(n)
    length = round(ramp * sample_rate)
    rise = np.sin(np.arange(length) * np.pi / (2 * length)) ** 2
    shape[:length], shape[-length:] = rise, rise[::-1]
    return shape


def _joined(intervals: list[NDArray[np.float64]], answer: int, sample_rate: int) -> ScreeningSound:
    gap = np.zeros((2, round(GAP * sample_rate)))
    parts = [intervals[0]]
    for interval in intervals[1:]:
        parts += [gap, interval]
    starts = tuple(index * (DURATION + GAP) for index in range(len(intervals)))
    return ScreeningSound(np.concatenate(parts, axis=1).astype(np.float32), answer, starts)
