"""The frames on which the classic measures of enhanced speech are taken."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from bench.metrics.preconditions import (
    check_length,
    check_mono,
    check_not_silent,
    check_pair,
    check_sample_rate,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

SPEECH_RATE = 16000
FRAME_SIZE = 480  # 30 ms; Hu and Loizou (2008), section III
HOP = 120  # a quarter
KEPT_SHARE = 0.95  # of the frames: the worst twentieth is left out; Hu and Loizou (2008)


def speech_frames(
    reference: Samples, degraded: Samples, sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Windowed frames of 30 ms every 7.5 ms of both signals, each of shape ``[frames, 480]``.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or one shorter than 30 ms.
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    check_sample_rate(sample_rate, SPEECH_RATE)
    check_length(reference.shape[-1], FRAME_SIZE, sample_rate)
    check_not_silent(reference, degraded)
    return _frames(reference), _frames(degraded)


def mean_of_best(distances: NDArray[np.float64]) -> float:
    """Mean of the lowest 95 % of the frames' distances.

    >>> mean_of_best(np.arange(20.0))  # 19 is left out
    9.0
    """
    kept = max(1, round(KEPT_SHARE * distances.size))
    return float(np.sort(distances)[:kept].mean())


def _frames(signal: Samples) -> NDArray[np.float64]:
    frames = sliding_window_view(signal[0].astype(np.float64), FRAME_SIZE)[::HOP]
    return frames * _window()


@functools.cache
def _window() -> NDArray[np.float64]:
    return np.hanning(FRAME_SIZE + 2)[1:-1]  # without the zeros at its ends
