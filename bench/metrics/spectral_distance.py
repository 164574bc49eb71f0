"""Distance between linear-frequency log spectra."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.preconditions import check_length, check_pair
from bench.metrics.spectrum import power_spectra

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

WINDOW_SIZE = 2048  # NU-Wave: STFT of 2048 samples, hop 512
POWER_FLOOR = np.float32(1e-8)  # NU-Wave: clamp of the power spectrum


def lsd(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Log-spectral distance in decades of power (no factor 10 or 20, so not dB).

    .. math::

        \mathrm{LSD} = \frac{1}{T} \sum_t \sqrt{\frac{1}{K} \sum_k \Bigl(
        \log_{10} \max(P^x_{t,k}, 10^{-8}) - \log_{10} \max(P^y_{t,k}, 10^{-8}) \Bigr)^2}

    with power spectra P of 2048 samples, hop 512, Hann window and mirrored ends; frames of all
    channels are averaged. Ten times this is the variant in dB. Range: 0 (equal) upwards. Source:
    Lee and Han (2021), "NU-Wave: A Diffusion Probabilistic Model for Neural Audio Upsampling",
    with the transform and the floor of the authors' code; the idea is Gray and Markel (1976).

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(lsd(noise, 10 * noise, 48000), 4)  # 20 dB are two decades
    2.0
    """
    return _rms_log_difference(reference, degraded, sample_rate)


def lsd_db(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Log-spectral distance in dB: ten times that of :func:`lsd`.

    Range: 0 (equal) upwards; lower is better. Source: Gray and Markel (1976), "Distance measures
    for speech processing", with the transform and the floor of :func:`lsd`.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(lsd_db(noise, 10 * noise, 48000), 3)
    20.0
    """
    return 10 * _rms_log_difference(reference, degraded, sample_rate)


def _rms_log_difference(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    check_pair(reference, degraded)
    check_length(reference.shape[-1], WINDOW_SIZE // 2 + 1, sample_rate)  # to mirror half a window
    total, n_frames = 0.0, 0
    spectra = (
        power_spectra(signal, window_size=WINDOW_SIZE, centered=True)
        for signal in (reference, degraded)
    )
    for first, second in zip(*spectra, strict=True):
        ratio = np.log(np.maximum(first, POWER_FLOOR) / np.maximum(second, POWER_FLOOR))
        per_frame = np.sqrt(np.mean(np.square(ratio), axis=-1, dtype=np.float64))
        total += float(per_frame.sum())
        n_frames += per_frame.size
    return total / n_frames / math.log(10)
