"""Delay of a decoded signal against its reference, found and taken out.

Codecs come back early or late (DAC at 24 kHz by 8 samples early, encoders with padding by tens of
milliseconds late), which costs SI-SDR more than the coding does. The lag is always measured, stored
and, by default, compensated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft

from codec_zoo.samples import Samples

MAX_LAG = 0.25  # s; AAC encoder and decoder delays reach 0.1 s
MIN_CORRELATION = 0.2  # below this the waveforms have too little in common to tell a lag
MIN_GAIN = 1.01  # a lag must beat no lag by this factor; guards against ties in steady tones


@dataclass(frozen=True, slots=True)
class Alignment:
    """A degraded signal brought onto its reference.

    Attributes:
        samples: the shifted signal, as long as the reference; zero where nothing was decoded.
        lag: samples by which it came late (negative: early).
        start: first sample that holds decoded audio.
        stop: sample after the last one that does.
    """

    samples: Samples
    lag: int
    start: int
    stop: int


def estimate_lag(reference: Samples, degraded: Samples, max_lag: int) -> int:
    """Samples by which ``degraded`` lags ``reference``; positive when it is late.

    The largest cross-correlation within ``max_lag`` either way, over the sum of the channels, by
    FFT. No lag is reported where the best normalised correlation stays below
    ``MIN_CORRELATION`` or hardly exceeds that at lag 0.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: shape ``(channels, samples)``, at the same rate; lengths may differ.
        max_lag: largest lag considered, in samples.

    >>> tone = np.random.default_rng(1).standard_normal((1, 4000)).astype(np.float32)
    >>> estimate_lag(tone, np.roll(tone, 37, axis=1), 100)
    37
    """
    x = reference.sum(axis=0)
    y = degraded.sum(axis=0)
    energy = float(np.sqrt(np.vdot(x, x) * np.vdot(y, y)))
    if energy == 0:
        return 0
    n = scipy.fft.next_fast_len(max(x.size, y.size) + max_lag, real=True)
    spectrum = scipy.fft.rfft(y, n) * np.conj(scipy.fft.rfft(x, n))
    correlation = scipy.fft.irfft(spectrum, n)
    lags = np.concatenate((np.arange(0, max_lag + 1), np.arange(-max_lag, 0)))
    values = correlation[lags] / energy
    best = int(np.argmax(values))
    if values[best] < MIN_CORRELATION or values[best] < MIN_GAIN * values[0]:
        return 0
    return int(lags[best])


def align(reference: Samples, degraded: Samples, sample_rate: int) -> Alignment:
    """Shift ``degraded`` by its measured lag and fit it to the length of ``reference``.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: shape ``(channels, samples)``, same channels and rate; lengths may differ.
        sample_rate: their rate in Hz.
    """
    n_samples = reference.shape[1]
    max_lag = min(round(MAX_LAG * sample_rate), n_samples - 1)
    lag = estimate_lag(reference, degraded, max_lag)
    start, stop = max(0, -lag), min(n_samples, degraded.shape[1] - lag)
    if lag == 0 and stop == n_samples == degraded.shape[1]:
        return Alignment(degraded, lag, start, stop)
    shifted = np.zeros((degraded.shape[0], n_samples), np.float32)
    shifted[:, start:stop] = degraded[:, start + lag : stop + lag]
    return Alignment(shifted, lag, start, stop)
