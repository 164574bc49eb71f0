"""What is wrong with a decoded signal before anyone judges its quality: band, level, clipping."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy.ndimage

from bench.metrics.preconditions import SILENCE_DBFS, check_length, check_level, check_pair
from bench.metrics.spectrum import power_spectra

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

BANDWIDTH_WINDOW = 2048
BANDWIDTH_SMOOTHING = 9  # bins of the long-term spectrum that are averaged
LOST_DB = 20.0  # a band that far below the reference is lost
CONTENT_DB = 60.0  # a band that far below the reference's strongest one has no content


def bandwidth(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Highest frequency that the degraded signal keeps of the reference, in Hz.

    The highest bin of the long-term power spectrum (window 2048, hop 512, averaged over 9 bins and
    all channels) in which the reference has content, within 60 dB of its strongest bin, and the
    degraded signal lies less than 20 dB below it. Range: 0 to half the rate; higher is better, up
    to the value of the reference itself. Noise in place of the band counts as kept. The definition
    is ours.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: the same shape.
        sample_rate: in Hz.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: a silent reference, or 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 48000)).astype(np.float32)
    >>> bandwidth(noise, noise, 48000)
    24000.0
    """
    check_pair(reference, degraded)
    check_length(reference.shape[-1], BANDWIDTH_WINDOW // 2 + 1, sample_rate)
    check_level(reference, SILENCE_DBFS, role="reference")
    original, coded = _long_term_spectrum(reference), _long_term_spectrum(degraded)
    content = original > original.max() * 10 ** (-CONTENT_DB / 10)
    kept = np.flatnonzero(content & (coded > original * 10 ** (-LOST_DB / 10)))
    return float(kept[-1]) * sample_rate / BANDWIDTH_WINDOW if kept.size else 0.0


def clipped_share(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Share of the degraded signal's samples at or beyond full scale, in percent.

    Range: 0 to 100; lower is better. What a player would clip; the reference plays no part. The
    definition is ours.

    Args:
        reference: shape ``(channels, samples)``; only checked.
        degraded: the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: no samples.

    >>> clipped_share(np.zeros((1, 4)), np.array([[0.5, 1.0, -1.25, 0.0]]), 48000)
    50.0
    """
    check_pair(reference, degraded)
    return 100 * float(np.mean(np.abs(degraded) >= 1.0))


def dc_shift(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Constant that the codec adds, in full scale: the largest of the channels.

    .. math:: \max_c \Bigl| \frac{1}{N} \sum_n y_{c,n} - x_{c,n} \Bigr|

    Range: 0 upwards; lower is better. The definition is ours.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: no samples.

    >>> dc_shift(np.array([[0.5, -0.5]]), np.array([[0.75, -0.25]]), 48000)
    0.25
    """
    check_pair(reference, degraded)
    return float(np.abs(np.mean(degraded.astype(np.float64) - reference, axis=-1)).max())


def _long_term_spectrum(signal: Samples) -> NDArray[np.float64]:
    """Mean power over frames and channels, smoothed over frequency, shape ``[bins]``."""
    total = np.zeros(BANDWIDTH_WINDOW // 2 + 1)
    n_frames = 0
    for block in power_spectra(signal, window_size=BANDWIDTH_WINDOW, centered=True):
        total += block.sum(axis=(0, 1), dtype=np.float64)
        n_frames += block.shape[0] * block.shape[1]
    smooth: NDArray[np.float64] = scipy.ndimage.uniform_filter1d(
        total / n_frames, BANDWIDTH_SMOOTHING, mode="nearest"
    )
    return smooth
