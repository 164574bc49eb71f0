"""Signal-to-noise ratio averaged over short frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.speech_frames import speech_frames

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

LOWEST_DB, HIGHEST_DB = -10.0, 35.0  # Hansen and Pellom (1998)
ENERGY_FLOOR = 1e-10  # of a frame, in squared full scale: below one step of 16-bit audio


def seg_snr(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Segmental signal-to-noise ratio, in dB.

    .. math::

        \frac{1}{T} \sum_t \min\Bigl(35, \max\Bigl(-10,
        10 \log_{10} \frac{\sum_n x_{t,n}^2}{\sum_n (x_{t,n} - y_{t,n})^2} \Bigr)\Bigr)

    over all windowed frames of 30 ms every 7.5 ms, also those of pauses; both sums are at least
    1e-10. Range: -10 to 35 (equal); higher is better. Source: Hu and Loizou (2008), eq. 1; limits
    of Hansen and Pellom (1998).

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or one shorter than 30 ms.

    >>> tone = np.sin(np.arange(16000)).astype(np.float32)[np.newaxis]
    >>> round(seg_snr(tone, np.float32(0.9) * tone, 16000), 4)
    20.0
    """
    clean, coded = speech_frames(reference, degraded, sample_rate)
    signal = np.maximum(np.square(clean).sum(axis=1), ENERGY_FLOOR)
    error = np.maximum(np.square(clean - coded).sum(axis=1), ENERGY_FLOOR)
    return float(np.clip(10 * np.log10(signal / error), LOWEST_DB, HIGHEST_DB).mean())
