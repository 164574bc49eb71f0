"""Distance between spectral slopes in critical bands."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft

from bench.metrics.speech_frames import SPEECH_RATE, mean_of_best, speech_frames

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

FFT_SIZE = 1024
# Critical bands of Quackenbush et al. (1988): centres and widths in Hz
CENTRES = (
    *(50, 120, 190, 260, 330, 400, 470, 540, 617.372, 703.378, 798.717, 904.128, 1020.38, 1148.3),
    *(1288.72, 1442.54, 1610.7, 1794.16, 1993.93, 2211.08, 2446.71, 2701.97, 2978.04, 3276.17),
    3597.63,
)
WIDTHS = (
    *(70, 70, 70, 70, 70, 70, 70, 77.3724, 86.0056, 95.3398, 105.411, 116.256, 127.914, 140.423),
    *(153.823, 168.154, 183.457, 199.776, 217.153, 235.631, 255.255, 276.072, 298.126, 321.465),
    346.136,
)
STEEPNESS = 11.0  # of the bands' Gaussian flanks
LOWEST_WEIGHT = np.exp(-30 / (2 * 2.303))  # 30 dB down; smaller ones are left out
ENERGY_FLOOR = 1e-10
# Klatt (1982): weights of the distance to the highest and to the nearest peak, in dB
GLOBAL_PEAK_WEIGHT = 20.0
LOCAL_PEAK_WEIGHT = 1.0


def wss(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Weighted spectral slope distance, averaged over the best 95 % of the frames.

    .. math:: \frac{\sum_{j=1}^{24} W_j (S^x_j - S^y_j)^2}{\sum_{j=1}^{24} W_j}

    of the differences S in dB between neighbouring ones of 25 critical bands up to 4 kHz, with
    Klatt's weights W, which are largest near spectral peaks, averaged over both signals; frames of
    30 ms every 7.5 ms. Range: 0 (equal) upwards, in dB². Source: Klatt (1982), "Prediction of
    perceived phonetic distance from critical-band spectra"; Hu and Loizou (2008), eq. 6-7, and the
    computation that goes with Loizou (2013), which takes the band before a peak on rising slopes.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or one shorter than 30 ms.

    >>> noise = np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
    >>> wss(noise, noise, 16000)
    0.0
    """
    frames = speech_frames(reference, degraded, sample_rate)
    levels = [_band_levels(part) for part in frames]
    slopes = [np.diff(part, axis=1) for part in levels]
    weights = [_weights(part, slope) for part, slope in zip(levels, slopes, strict=True)]
    weight = (weights[0] + weights[1]) / 2
    distances = np.sum(weight * np.square(slopes[0] - slopes[1]), axis=1) / weight.sum(axis=1)
    return mean_of_best(distances)


def _band_levels(frames: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels of the critical bands in dB, shape ``[frames, 25]``."""
    power = np.square(np.abs(scipy.fft.rfft(frames, FFT_SIZE)[:, :-1]))
    return 10 * np.log10(np.maximum(power @ _bands().T, ENERGY_FLOOR))


@functools.cache
def _bands() -> NDArray[np.float64]:
    """Weights of the critical bands, shape ``[25, 512]``."""
    bins_per_hz = FFT_SIZE / SPEECH_RATE
    centres = np.floor(np.array(CENTRES) * bins_per_hz)[:, np.newaxis]
    widths = (np.array(WIDTHS) * bins_per_hz)[:, np.newaxis]
    offsets = (np.arange(FFT_SIZE // 2) - centres) / widths
    bands = widths.min() / widths * np.exp(-STEEPNESS * np.square(offsets))
    return np.where(bands > LOWEST_WEIGHT, bands, 0.0)


def _weights(levels: NDArray[np.float64], slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    below = levels[:, :-1]
    highest = levels.max(axis=1, keepdims=True) - below
    nearest = _nearest_peaks(below, slopes) - below
    weights: NDArray[np.float64] = (
        GLOBAL_PEAK_WEIGHT
        / (GLOBAL_PEAK_WEIGHT + highest)
        * LOCAL_PEAK_WEIGHT
        / (LOCAL_PEAK_WEIGHT + nearest)
    )
    return weights


def _nearest_peaks(levels: NDArray[np.float64], slopes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Level of the peak that each slope leads to, upwards or downwards in frequency."""
    rising = slopes > 0
    above, below = levels.copy(), levels.copy()
    for band in range(levels.shape[1] - 2, -1, -1):
        above[:, band] = np.where(rising[:, band + 1], above[:, band + 1], levels[:, band])
    for band in range(1, levels.shape[1]):
        below[:, band] = np.where(rising[:, band - 1], levels[:, band], below[:, band - 1])
    return np.where(rising, above, below)
