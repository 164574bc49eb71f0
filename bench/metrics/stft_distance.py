"""Distances between short-time spectra of several resolutions, one function per variant."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from bench.metrics.preconditions import (
    SILENCE_DBFS,
    check_length,
    check_level,
    check_mono,
    check_pair,
)
from bench.metrics.running_mean import RunningMean
from bench.metrics.spectrum import power_spectra

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

DAC_WINDOWS = (2048, 512)  # descript-audiotools 0.7.4, defaults of MultiScaleSTFTLoss
DAC_FLOOR = np.float32(1e-5)  # of magnitudes
AURALOSS_POWER_FLOOR = np.float32(1e-8)  # auraloss 0.4.0, STFTLoss eps
CONVERGENCE_WINDOW = 2048


class Transform(NamedTuple):
    """One short-time Fourier transform, in samples."""

    fft_size: int
    hop: int
    window_size: int


# Yamamoto et al. (2020), Parallel WaveGAN, table 1; the defaults of auraloss
AURALOSS_TRANSFORMS = (
    Transform(1024, 120, 600),
    Transform(2048, 240, 1200),
    Transform(512, 50, 240),
)


def stft_dac(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Multi-scale STFT distance as DAC's evaluation and Codec-SUPERB report it; no unit.

    .. math::

        \sum_{i=1}^{2} \operatorname{mean} \bigl| \log_{10} \max(|X_i|, 10^{-5})^2
        - \log_{10} \max(|Y_i|, 10^{-5})^2 \bigr| + \operatorname{mean} \bigl| |X_i| - |Y_i| \bigr|

    with windows of 2048 and 512 samples, hop a quarter, mirrored ends; the mean is over channels,
    bins and frames. The second term is not relative, so the value depends on the level. Range: 0
    (equal) upwards. Source: Kumar et al. (2023), "High-Fidelity Audio Compression with Improved
    RVQGAN", evaluation; ``MultiScaleSTFTLoss()`` of descript-audiotools 0.7.4.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the windows are fixed in samples.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> silence = np.zeros((1, 4096), np.float32)
    >>> stft_dac(silence, silence, 44100)
    0.0
    """
    check_pair(reference, degraded)
    check_length(reference.shape[-1], DAC_WINDOWS[0] // 2 + 1, sample_rate)
    total = 0.0
    for window_size in DAC_WINDOWS:
        logarithmic, linear = RunningMean(), RunningMean()
        for first, second in _magnitude_pairs(reference, degraded, window_size):
            ratio = np.log(np.maximum(first, DAC_FLOOR) / np.maximum(second, DAC_FLOOR))
            logarithmic.add(np.abs(ratio))
            linear.add(np.abs(first - second))
        total += 2 * logarithmic.value / math.log(10) + linear.value
    return total


def stft_auraloss(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Multi-resolution STFT distance of Parallel WaveGAN as auraloss computes it; no unit.

    .. math::

        \frac{1}{3} \sum_{i=1}^{3} \frac{\lVert |X_i| - |Y_i| \rVert_F}{\lVert |X_i| \rVert_F}
        + \operatorname{mean} \bigl| \ln |X_i| - \ln |Y_i| \bigr|

    with transforms of 1024, 2048 and 512 points, hops of 120, 240 and 50, Hann windows of 600, 1200
    and 240 samples, mirrored ends, and power clamped at 1e-8. Range: 0 (equal) upwards. Source:
    Yamamoto et al. (2020), "Parallel WaveGAN", eq. 4-6; ``MultiResolutionSTFTLoss()`` of auraloss
    0.4.0, Steinmetz and Reiss (2020).

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the windows are fixed in samples.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(stft_auraloss(noise, np.float32(np.e) * noise, 24000), 4)  # e - 1, and one
    2.7183
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    check_length(reference.shape[-1], AURALOSS_TRANSFORMS[1].fft_size // 2 + 1, sample_rate)
    distances = [
        _auraloss_distance(reference, degraded, transform) for transform in AURALOSS_TRANSFORMS
    ]
    return sum(distances) / len(distances)


def spectral_convergence(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Relative error of the magnitude spectrogram; no unit.

    .. math:: \frac{\lVert |X| - |Y| \rVert_F}{\lVert |X| \rVert_F}

    over all channels, with windows of 2048 samples, hop 512 and mirrored ends. Range: 0 (equal)
    upwards; a silent degraded signal has 1. Source: Arik et al. (2019), "Fast Spectrogram Inversion
    Using Multi-Head Convolutional Neural Networks", section III.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: a silent reference, or 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(spectral_convergence(noise, np.float32(0.75) * noise, 24000), 6)
    0.25
    """
    check_pair(reference, degraded)
    check_length(reference.shape[-1], CONVERGENCE_WINDOW // 2 + 1, sample_rate)
    check_level(reference, SILENCE_DBFS, role="reference")
    error, power = RunningMean(), RunningMean()
    for first, second in _magnitude_pairs(reference, degraded, CONVERGENCE_WINDOW):
        error.add(np.square(first - second))
        power.add(np.square(first))
    return math.sqrt(error.value / power.value)


def _magnitude_pairs(
    reference: Samples, degraded: Samples, window_size: int
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    spectra = (
        power_spectra(signal, window_size=window_size, centered=True)
        for signal in (reference, degraded)
    )
    for first, second in zip(*spectra, strict=True):
        yield np.sqrt(first, out=first), np.sqrt(second, out=second)


def _auraloss_distance(reference: Samples, degraded: Samples, transform: Transform) -> float:
    error, power, logarithmic = RunningMean(), RunningMean(), RunningMean()
    spectra = (
        power_spectra(
            signal,
            window_size=transform.window_size,
            centered=True,
            hop=transform.hop,
            fft_size=transform.fft_size,
        )
        for signal in (reference, degraded)
    )
    for first, second in zip(*spectra, strict=True):
        first = np.maximum(first, AURALOSS_POWER_FLOOR)
        second = np.maximum(second, AURALOSS_POWER_FLOOR)
        logarithmic.add(np.abs(np.log(first / second)))
        error.add(np.square(np.sqrt(first) - np.sqrt(second)))
        power.add(first)
    return math.sqrt(error.value / power.value) + logarithmic.value / 2
