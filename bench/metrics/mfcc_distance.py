"""Distance between mel-frequency cepstral coefficients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft

from bench.metrics.mel_filters import mel_filterbank
from bench.metrics.preconditions import check_length, check_pair
from bench.metrics.spectrum import power_spectra

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

WINDOW_SIZE = 2048
N_MELS = 40
N_COEFFICIENTS = 13  # c1 to c13; Davis and Mermelstein (1980) used fewer
POWER_FLOOR = np.float32(1e-10)


def mfcc13(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Distance of mel-frequency cepstral coefficients without c0, in dB.

    .. math:: \operatorname{mean}_t \sqrt{\sum_{m=1}^{13} (c^x_{t,m} - c^y_{t,m})^2}

    with the orthonormal cosine transform of 40 Slaney mel bands of power in dB (floor -100 dB),
    window 2048, hop 512, mirrored ends; frames of all channels are averaged. A mere gain leaves it
    at zero. Range: 0 (equal) upwards. Source: Davis and Mermelstein (1980), "Comparison of
    parametric representations for monosyllabic word recognition"; the settings are ours, because
    the reports that mention an MFCC distance of codecs state none.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(mfcc13(noise, np.float32(0.5) * noise, 24000), 4)
    0.0
    """
    check_pair(reference, degraded)
    check_length(reference.shape[-1], WINDOW_SIZE // 2 + 1, sample_rate)
    to_mels = mel_filterbank(sample_rate, WINDOW_SIZE, N_MELS, "slaney")
    spectra = (
        power_spectra(signal, window_size=WINDOW_SIZE, centered=True)
        for signal in (reference, degraded)
    )
    total, n_frames = 0.0, 0
    for first, second in zip(*spectra, strict=True):
        bands = (
            np.maximum(block.reshape(-1, block.shape[-1]) @ to_mels.T, POWER_FLOOR)
            for block in (first, second)
        )
        ratio = np.log(next(bands) / next(bands))
        cepstra = scipy.fft.dct(ratio.astype(np.float64), norm="ortho", axis=-1)
        distances = np.linalg.norm(cepstra[:, 1 : N_COEFFICIENTS + 1], axis=-1)
        total += float(distances.sum())
        n_frames += distances.size
    return 10 / math.log(10) * total / n_frames
