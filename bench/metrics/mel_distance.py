"""Distances between mel spectrograms, one function per published variant.

The variants differ in resolution, power and logarithm, so their values do not compare with each
other, and the first two do not compare across sample rates either. Each is the comparison of two
mel spectrograms that are made separately, so that a reference is analysed once for all its decoded
versions.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from bench.metrics.mel_filters import mel_filterbank
from bench.metrics.preconditions import check_length, check_mono, check_pair, check_sample_rate
from bench.metrics.running_mean import RunningMean
from bench.metrics.spectrum import power_spectra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from codec_zoo.samples import Samples

Mels: TypeAlias = "Iterable[Iterable[NDArray[np.float32]]]"
"""Mel spectrograms of one signal: for each resolution, blocks ``[n_mels, channels * frames]``."""

MEL_FLOOR = np.float32(1e-5)  # all three variants clamp mel values here before the logarithm


class Resolution(NamedTuple):
    """One mel spectrogram: samples per window and mel bands."""

    window_size: int
    n_mels: int


# Descript Audio Codec, conf/base.yml
DAC_RESOLUTIONS = tuple(Resolution(32 << i, 5 << i) for i in range(7))
# audiotools 0.7.4, defaults of MelSpectrogramLoss
AUDIOTOOLS_RESOLUTIONS = (Resolution(2048, 150), Resolution(512, 80))
# HILCodec, models/hilcodec/losses.py, MelLoss with n_mels_max = 128 at 24 kHz
HILCODEC_RESOLUTIONS = tuple(
    map(Resolution, (32, 64, 128, 256, 512, 1024), (6, 12, 23, 45, 88, 128))
)
HILCODEC_SAMPLE_RATE = 24000


def mel_dac(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Multi-scale mel distance of the Descript Audio Codec; no unit.

    .. math::

        \sum_{i=0}^{6} \operatorname{mean} \bigl| \log_{10} \max(M_i x, 10^{-5})
        - \log_{10} \max(M_i y, 10^{-5}) \bigr|

    :math:`M_i` takes magnitude spectra (window :math:`32 \cdot 2^i`, hop a quarter, mirrored ends)
    to :math:`5 \cdot 2^i` Slaney mel bands from 0 Hz to half the rate; the mean is over channels,
    bands and frames. Range: 0 (equal) upwards. Source: Kumar et al. (2023), "High-Fidelity Audio
    Compression with Improved RVQGAN", multi-scale mel loss, as the authors' conf/base.yml sets it.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it (the paper has 44.1 kHz).

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(mel_dac(noise, 10 * noise, 44100), 2)  # a decade in each of seven scales
    7.0
    """
    check_pair(reference, degraded)
    return compare_dac_mels(_dac_blocks(reference, sample_rate), _dac_blocks(degraded, sample_rate))


def dac_mels(signal: Samples, sample_rate: int) -> Mels:
    """The mel spectrograms that :func:`mel_dac` compares, kept in memory."""
    return [list(blocks) for blocks in _dac_blocks(signal, sample_rate)]


def compare_dac_mels(reference: Mels, degraded: Mels) -> float:
    """The distance of :func:`mel_dac` from the spectrograms of both signals."""
    total = 0.0
    for first, second in zip(reference, degraded, strict=True):
        logarithmic = RunningMean()
        for difference in _log_differences(first, second):
            logarithmic.add(np.abs(difference))
        total += logarithmic.value / math.log(10)
    return total


def mel_l1(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Mel distance as DAC's evaluation script and Codec-SUPERB report it; no unit.

    .. math::

        \sum_{i=1}^{2} \operatorname{mean} \bigl| \log_{10} \max(M_i x, 10^{-5})^2
        - \log_{10} \max(M_i y, 10^{-5})^2 \bigr| + \operatorname{mean} | M_i x - M_i y |

    with windows of 2048 and 512 samples and 150 and 80 Slaney mel bands of magnitude spectra, as in
    :func:`mel_dac`: the defaults of ``MelSpectrogramLoss`` in descript-audiotools 0.7.4. The second
    term is not relative, so the value depends on the level. Range: 0 (equal) upwards.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> silence = np.zeros((1, 4096), np.float32)
    >>> mel_l1(silence, silence, 44100)
    0.0
    """
    check_pair(reference, degraded)
    return compare_audiotools_mels(
        _audiotools_blocks(reference, sample_rate), _audiotools_blocks(degraded, sample_rate)
    )


def audiotools_mels(signal: Samples, sample_rate: int) -> Mels:
    """The mel spectrograms that :func:`mel_l1` compares, kept in memory."""
    return [list(blocks) for blocks in _audiotools_blocks(signal, sample_rate)]


def compare_audiotools_mels(reference: Mels, degraded: Mels) -> float:
    """The distance of :func:`mel_l1` from the spectrograms of both signals."""
    total = 0.0
    for first, second in zip(reference, degraded, strict=True):
        logarithmic, raw = RunningMean(), RunningMean()
        for x, y in zip(first, second, strict=True):
            logarithmic.add(np.abs(_log_difference(x, y)))
            raw.add(np.abs(x - y))
        total += 2 / math.log(10) * logarithmic.value + raw.value
    return total


def mel_hilcodec(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Multi-scale mel distance of HILCodec, at 24 kHz; no unit.

    .. math:: \sum_{i=1}^{6} \operatorname{mean} |d_i| + \operatorname{mean} d_i^2, \quad
        d_i = \ln \max(M_i x, 10^{-5}) - \ln \max(M_i y, 10^{-5})

    :math:`M_i` takes power spectra (window :math:`2^{i+4}`, hop a quarter, no mirrored ends) to 6,
    12, 23, 45, 88 and 128 bands on the HTK mel scale. Range: 0 (equal) upwards. Source: Ahn et al.
    (2024), "HILCodec: High-Fidelity and Lightweight Neural Audio Codec", eq. 9; power, logarithm
    and bands are those of the authors' code, which the paper does not state.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 24000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: fewer than 1024 samples.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(mel_hilcodec(noise, np.float32(np.exp(0.5)) * noise, 24000), 1)  # d is one
    12.0
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    return compare_hilcodec_mels(
        _hilcodec_blocks(reference, sample_rate), _hilcodec_blocks(degraded, sample_rate)
    )


def hilcodec_mels(signal: Samples, sample_rate: int) -> Mels:
    """The mel spectrograms that :func:`mel_hilcodec` compares, kept in memory."""
    return [list(blocks) for blocks in _hilcodec_blocks(signal, sample_rate)]


def compare_hilcodec_mels(reference: Mels, degraded: Mels) -> float:
    """The distance of :func:`mel_hilcodec` from the spectrograms of both signals."""
    total = 0.0
    for first, second in zip(reference, degraded, strict=True):
        absolute, squared = RunningMean(), RunningMean()
        for difference in _log_differences(first, second):
            absolute.add(np.abs(difference))
            squared.add(np.square(difference))
        total += absolute.value + squared.value
    return total


def _dac_blocks(signal: Samples, sample_rate: int) -> Mels:
    return _magnitude_blocks(signal, sample_rate, DAC_RESOLUTIONS)


def _audiotools_blocks(signal: Samples, sample_rate: int) -> Mels:
    return _magnitude_blocks(signal, sample_rate, AUDIOTOOLS_RESOLUTIONS)


def _hilcodec_blocks(signal: Samples, sample_rate: int) -> Mels:
    check_sample_rate(sample_rate, HILCODEC_SAMPLE_RATE)
    check_length(signal.shape[-1], HILCODEC_RESOLUTIONS[-1].window_size, sample_rate)
    for window_size, n_mels in HILCODEC_RESOLUTIONS:
        to_mels = mel_filterbank(sample_rate, window_size, n_mels, "htk")
        spectra = power_spectra(signal, window_size=window_size, centered=False)
        yield (_bands(block, to_mels) for block in spectra)


def _magnitude_blocks(
    signal: Samples, sample_rate: int, resolutions: tuple[Resolution, ...]
) -> Mels:
    longest = max(resolution.window_size for resolution in resolutions)
    check_length(signal.shape[-1], longest // 2 + 1, sample_rate)  # to mirror half a window
    for window_size, n_mels in resolutions:
        to_mels = mel_filterbank(sample_rate, window_size, n_mels, "slaney")
        spectra = power_spectra(signal, window_size=window_size, centered=True)
        yield (_bands(np.sqrt(block, out=block), to_mels) for block in spectra)


def _bands(spectra: NDArray[np.float32], to_mels: csr_array[np.float32]) -> NDArray[np.float32]:
    """Mel bands of all channels' frames, shape ``[n_mels, channels * frames]``."""
    bands: NDArray[np.float32] = to_mels @ spectra.reshape(-1, spectra.shape[-1]).T
    return bands


def _log_differences(
    first: Iterable[NDArray[np.float32]], second: Iterable[NDArray[np.float32]]
) -> Iterator[NDArray[np.float32]]:
    return (_log_difference(x, y) for x, y in zip(first, second, strict=True))


def _log_difference(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    ratio = np.maximum(first, MEL_FLOOR) / np.maximum(second, MEL_FLOOR)
    return np.log(ratio, out=ratio)
