"""Intelligibility of speech from short-time correlations of band envelopes (STOI, ESTOI)."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from pystoi import stoi as pystoi
from pystoi.utils import resample_oct

from bench.metrics.preconditions import (
    check_length,
    check_mono,
    check_not_silent,
    check_pair,
    defined,
)
from bench.metrics.spec import UndefinedMetricError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

INTERNAL_SAMPLE_RATE = 10_000  # Hz; Taal et al. (2011), section II
# 30 frames of 256 samples, hop 128, are correlated; pystoi loses one frame where it drops the
# pauses and one where it transforms
MIN_INTERNAL_SAMPLES = 31 * 128 + 129


def stoi(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Short-time objective intelligibility; no unit.

    .. math:: d = \frac{1}{JM} \sum_{j,m} \operatorname{corr}(x_{j,m}, \bar{y}_{j,m})

    over 15 third-octave bands j from 150 Hz and 384 ms segments m, y scaled to x and clipped at
    -15 dB signal-to-distortion; frames 40 dB below the loudest one of the reference are dropped.
    Range: -1 to 1, in practice 0 to 1; higher is better. Made for speech. Both signals are brought
    to 10 kHz inside. Source: Taal et al. (2011), "An Algorithm for Intelligibility Prediction of
    Time-Frequency Weighted Noisy Speech", eq. 1-6, as computed by pystoi.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz, any.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or less than 384 ms of it left without the pauses.

    >>> speech = np.random.default_rng(0).standard_normal((1, 10000)).astype(np.float32)
    >>> round(stoi(speech, speech, 10000), 6)
    1.0
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    return compare_stoi(
        at_internal_rate(reference, sample_rate), at_internal_rate(degraded, sample_rate)
    )


def estoi(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Extended short-time objective intelligibility; no unit.

    .. math:: d = \frac{1}{MN} \sum_{m,n} \langle \check{x}_{n,m}, \check{y}_{n,m} \rangle

    as :func:`stoi`, but the 15 x 30 segments are normalised by rows (bands), then by columns
    (frames n), and neither scaled nor clipped. Range: -1 to 1; higher is better. Source: Jensen and
    Taal (2016), "An Algorithm for Predicting the Intelligibility of Speech Masked by Modulated
    Noise Maskers", eq. 4-7, as computed by pystoi.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz, any.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or less than 384 ms of it left without the pauses.

    >>> speech = np.random.default_rng(0).standard_normal((1, 10000)).astype(np.float32)
    >>> round(estoi(speech, speech, 10000), 6)
    1.0
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    return compare_estoi(
        at_internal_rate(reference, sample_rate), at_internal_rate(degraded, sample_rate)
    )


def at_internal_rate(signal: Samples, sample_rate: int) -> NDArray[np.float64]:
    """A signal at 10 kHz by pystoi's own filter, on which both metrics work.

    Args:
        signal: shape ``(1, samples)``.
        sample_rate: in Hz.

    Raises:
        UndefinedMetricError: it is too short.
    """
    needed = -(-MIN_INTERNAL_SAMPLES * sample_rate // INTERNAL_SAMPLE_RATE)
    check_length(signal.shape[-1], needed, sample_rate)
    if sample_rate == INTERNAL_SAMPLE_RATE:
        return np.asarray(signal, np.float64)
    resampled = resample_oct(signal[0], INTERNAL_SAMPLE_RATE, sample_rate)
    return np.asarray(resampled, np.float64)[np.newaxis]


def compare_stoi(reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> float:
    """The value of :func:`stoi` from both signals at 10 kHz."""
    return _correlation(reference, degraded, extended=False)


def compare_estoi(reference: NDArray[np.float64], degraded: NDArray[np.float64]) -> float:
    """The value of :func:`estoi` from both signals at 10 kHz."""
    return _correlation(reference, degraded, extended=True)


def _correlation(
    reference: NDArray[np.float64], degraded: NDArray[np.float64], *, extended: bool
) -> float:
    check_not_silent(reference, degraded)
    with warnings.catch_warnings(), _repeatable_dither():
        # pystoi warns and returns 1e-5 where too little is left
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            value = pystoi(reference[0], degraded[0], INTERNAL_SAMPLE_RATE, extended=extended)
        except RuntimeWarning as warning:
            raise UndefinedMetricError(
                "too short: less than 384 ms are left without the pauses of the reference."
            ) from warning
    return defined(value, "ESTOI" if extended else "STOI")


@contextmanager
def _repeatable_dither() -> Iterator[None]:
    """Seed the global generator from which pystoi draws noise at 2e-16, and put it back after.

    The noise decides the value wherever a band of the degraded signal is digital silence.
    """
    state = np.random.get_state()  # noqa: NPY002  # pystoi offers no other generator
    np.random.seed(0)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
