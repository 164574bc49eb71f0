"""What a metric costs on this machine."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bench.metrics.spec import MetricSpec
    from codec_zoo.samples import Samples

DURATION = 4.0  # s of audio
REPEATS = 3
ANY_RATE = 24000  # Hz, for metrics that take any


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds that a metric takes for one second of one pair.

    Attributes:
        median: over the repeats, without a first call that fills caches.
        lowest: the fastest repeat.
        highest: the slowest repeat.
        repeats: number of calls measured.
        sample_rate: rate in Hz of the signals.
    """

    median: float
    lowest: float
    highest: float
    repeats: int
    sample_rate: int


def measure_cost(spec: MetricSpec, *, duration: float = DURATION, repeats: int = REPEATS) -> Cost:
    """Time a metric on a synthetic voice with noise, resampling not included.

    CPU time of this process, because the machine may be busy.

    Args:
        spec: the metric.
        duration: seconds of audio.
        repeats: calls that are measured, after one that is not.

    Raises:
        MetricUnavailableError: a library that it needs is not installed.
    """
    sample_rate = spec.sample_rate or ANY_RATE
    reference = _voice(round(duration * sample_rate), sample_rate)
    noise = np.random.default_rng(1).standard_normal(reference.shape)
    degraded = (reference + 0.01 * noise).astype(np.float32)
    function = spec.load()
    function(reference, degraded, sample_rate)
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        function(reference, degraded, sample_rate)
        seconds.append((time.process_time() - start) / duration)
    return Cost(statistics.median(seconds), min(seconds), max(seconds), repeats, sample_rate)


def _voice(n_samples: int, sample_rate: int) -> Samples:
    """Harmonics of a gliding pitch in the rhythm of syllables, shape ``(1, samples)``."""
    time_s = np.arange(n_samples) / sample_rate
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.5 * time_s)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    harmonics = sum(np.sin(number * phase) / number for number in range(1, 20))
    syllables = np.clip(np.sin(2 * np.pi * 2 * time_s), 0.05, None)
    return (0.1 * syllables * harmonics).astype(np.float32)[np.newaxis]
