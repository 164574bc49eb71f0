"""Delay of a decoded signal against its reference, found and taken out.

Codecs come back early or late (DAC at 24 kHz by 8 samples early, encoders with padding by tens of
milliseconds late), which costs SI-SDR more than the coding does. The lag is always measured, stored
and, by default, compensated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import scipy.fft
import soxr
from numpy.typing import NDArray

from codec_zoo.samples import Samples

Signal: TypeAlias = NDArray[np.float32]  # shape (samples,)

MAX_LAG = 0.25  # s; AAC encoder and decoder delays reach 0.1 s
MAX_GAP = 0.0002  # s; a shorter piece without decoded audio is compared as the silence it is
SEARCH_RATE = 16_000  # Hz; the lag is found at about this rate and refined at the signal's own
WHITENING = 0.7  # exponent of the magnitude in generalised cross-correlation (0: none, 1: PHAT)
MIN_CORRELATION = 0.2  # below this the waveforms have too little in common to tell a lag
MIN_GAIN = 1.02  # 0.1 dB of signal to distortion, by which a lag must beat no lag; else it is a tie
RESOLUTION = 1e-5  # share of distortion, -50 dB, below which two correlations are a tie


@dataclass(frozen=True, slots=True)
class Alignment:
    """A degraded signal brought onto its reference.

    Attributes:
        samples: the shifted signal, as long as the reference; zero where nothing was decoded.
        lag: samples by which it came late (negative: early).
        start: first sample to compare: the first that holds decoded audio, unless so little is
            missing (``MAX_GAP``) that it stays in as silence.
        stop: sample after the last one to compare, likewise.
    """

    samples: Samples
    lag: int
    start: int
    stop: int


def estimate_lag(reference: Samples, degraded: Samples, sample_rate: int, max_lag: int) -> int:
    """Samples by which ``degraded`` lags ``reference``; positive when it is late.

    The peak of the generalised cross-correlation (Knapp and Carter, 1976), partly whitened so that
    a tone does not match itself a few periods away, within ``max_lag`` either way; then, sample by
    sample, the largest plain correlation around it and on the slope that leads up from there (a
    clip of low tones has its sharpest features, the cuts at its ends, in place). No lag is reported
    where that correlation stays below ``MIN_CORRELATION`` or hardly exceeds the one at lag 0.

    Args:
        reference: shape ``(channels, samples)``; the channels are summed.
        degraded: shape ``(channels, samples)``, at the same rate; lengths may differ.
        sample_rate: their rate in Hz.
        max_lag: largest lag considered, in samples.

    >>> noise = np.random.default_rng(1).standard_normal((1, 4000)).astype(np.float32)
    >>> estimate_lag(noise, np.roll(noise, 37, axis=1), 24_000, 100)
    37
    """
    x, y = reference.sum(axis=0), degraded.sum(axis=0)
    energy = float(np.sqrt(np.vdot(x, x) * np.vdot(y, y)))
    if energy == 0:
        return 0
    step = max(1, min(sample_rate // SEARCH_RATE, x.size, y.size))
    rough = step * _whitened_peak(_decimated(x, step), _decimated(y, step), max_lag // step)
    near = range(max(rough - step, -max_lag), min(rough + step, max_lag) + 1)
    best = _climbed(x, y, max(near, key=lambda lag: _correlation(x, y, lag)), max_lag)
    found, unmoved = _correlation(x, y, best) / energy, _correlation(x, y, 0) / energy
    if found < MIN_CORRELATION or _clarity(found) < MIN_GAIN * _clarity(unmoved):
        return 0
    return best


def align(reference: Samples, degraded: Samples, sample_rate: int) -> Alignment:
    """Shift ``degraded`` by its measured lag and fit it to the length of ``reference``.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: shape ``(channels, samples)``, same channels and rate; lengths may differ.
        sample_rate: their rate in Hz.
    """
    n_samples = reference.shape[1]
    max_lag = min(round(MAX_LAG * sample_rate), n_samples - 1)
    lag = estimate_lag(reference, degraded, sample_rate, max_lag)
    start, stop = max(0, -lag), min(n_samples, degraded.shape[1] - lag)
    if lag == 0 and stop == n_samples == degraded.shape[1]:
        return Alignment(degraded, lag, start, stop)
    shifted = np.zeros((degraded.shape[0], n_samples), np.float32)
    shifted[:, start:stop] = degraded[:, start + lag : stop + lag]
    gap = round(MAX_GAP * sample_rate)
    return Alignment(
        shifted,
        lag,
        start=0 if start <= gap else start,
        stop=n_samples if n_samples - stop <= gap else stop,
    )


def _decimated(signal: Signal, step: int) -> Signal:
    return soxr.resample(signal, step, 1, quality="LQ") if step > 1 else signal


def _whitened_peak(x: Signal, y: Signal, max_lag: int) -> int:
    n = scipy.fft.next_fast_len(max(x.size, y.size) + max_lag, real=True)
    spectrum = scipy.fft.rfft(y, n) * np.conj(scipy.fft.rfft(x, n))
    magnitude = np.abs(spectrum)
    floor = np.finfo(np.float32).eps * magnitude.max()
    correlation = scipy.fft.irfft(spectrum / np.maximum(magnitude, floor) ** WHITENING, n)
    lags = np.concatenate((np.arange(0, max_lag + 1), np.arange(-max_lag, 0)))
    return int(lags[np.argmax(correlation[lags])])


def _correlation(x: Signal, y: Signal, lag: int) -> float:
    start, stop = max(0, -lag), min(x.size, y.size - lag)
    return float(np.vdot(x[start:stop], y[start + lag : stop + lag])) if stop > start else 0.0


def _climbed(x: Signal, y: Signal, lag: int, max_lag: int) -> int:
    """The local maximum of the plain correlation that lies uphill of ``lag``."""
    height = _correlation(x, y, lag)
    for direction in (-1, 1):
        while abs(lag + direction) <= max_lag:
            if (ahead := _correlation(x, y, lag + direction)) <= height:
                break
            lag, height = lag + direction, ahead
    return lag


def _clarity(correlation: float) -> float:
    """Power of the signal over that of the distortion which a normalised correlation implies.

    Low tones correlate by 0.99 a sample away from the best lag, so correlations themselves tell
    little: 0.99 and 0.999 stand for 17 and 27 dB.
    """
    signal = max(correlation, 0.0) ** 2
    return signal / (max(1 - signal, 0.0) + RESOLUTION)
