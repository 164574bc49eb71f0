"""Distances between speech parameters found by WORLD: pitch, voicing and mel cepstrum.

No paper that reports them states all settings, so each variant names its own. Both signals are
analysed once for all metrics of a variant.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.preconditions import (
    ROLES,
    SILENCE_DBFS,
    check_measured_level,
    check_mono,
    check_pair,
    check_sample_rate,
)
from bench.metrics.spec import UndefinedMetricError
from bench.metrics.world import SpeechParameters, speech_parameters, versa_parameters

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

WORLD_RATE = 24000
DB_PER_NEPER = 10 / math.log(10)


def f0_rmse_world24(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""RMS difference of the fundamental frequency where both signals are voiced, in Hz.

    .. math:: \sqrt{\operatorname{mean}_{t \in V} (f^x_t - f^y_t)^2}

    over the frames V, 5 ms apart, in which Harvest (71 to 800 Hz) finds a pitch in both. Range: 0
    upwards; lower is better. Made for speech. The measure is Wu et al. (2023), "AudioDec", section
    4, which names WORLD but neither frame shift nor pitch range.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 24000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, no frame voiced in both, or shorter than 0.1 s.

    >>> pulses = np.zeros((1, 12000), np.float32)
    >>> pulses[0, ::200] = 1.0  # 120 Hz
    >>> f0_rmse_world24(pulses, pulses, 24000)
    0.0
    """
    return compare_pitch(*_parameters(reference, degraded, sample_rate))


def uv_error_world24(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Share of 5 ms frames that are voiced in one signal and unvoiced in the other, in percent.

    Range: 0 to 100; lower is better. Made for speech. Voicing is that of Harvest (71 to 800 Hz).
    The measure is Wu et al. (2023), "AudioDec", section 4.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: 24000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or shorter than 0.1 s.

    >>> pulses = np.zeros((1, 12000), np.float32)
    >>> pulses[0, ::200] = 1.0
    >>> uv_error_world24(pulses, pulses, 24000)
    0.0
    """
    return compare_voicing(*_parameters(reference, degraded, sample_rate))


def mcd_world24(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Mel cepstral distortion without c0, in dB.

    .. math::

        \frac{10}{\ln 10} \operatorname{mean}_t
        \sqrt{2 \sum_{m=1}^{39} (c^x_{t,m} - c^y_{t,m})^2}

    of mel cepstra (order 39, warping 0.466) of CheapTrick's spectral envelopes, frame by frame,
    without time warping. A mere gain leaves it at zero. Range: 0 (equal) upwards. Source: Kubichek
    (1993), "Mel-cepstral distance measure for objective speech quality assessment"; reported in Wu
    et al. (2023), "AudioDec", whose order and warping are not stated.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: 24000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent signal, or shorter than 0.1 s.

    >>> pulses = np.zeros((1, 12000), np.float32)
    >>> pulses[0, ::200] = 1.0
    >>> mcd_world24(pulses, pulses, 24000)
    0.0
    """
    return compare_cepstra_without_c0(*_parameters(reference, degraded, sample_rate))


def mcd_versa(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Mel cepstral distortion as VERSA computes it by default: with c0, in dB.

    The equation of :func:`mcd_world24` with the sum from m = 0, and with VERSA's analysis: 70 Hz
    high-pass, Harvest within 40 to 800 Hz, 1024 points, warping 0.466 at every rate. A gain of 6 dB
    alone is 8.5 dB. Range: 0 (equal) upwards. Source: Shi et al. (2024), "VERSA", metric mcd_f0,
    ``dtw=False``.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: in Hz; the value depends on it.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or shorter than 0.1 s.

    >>> pulses = np.zeros((1, 12000), np.float32)
    >>> pulses[0, ::200] = 1.0
    >>> mcd_versa(pulses, pulses, 24000)
    0.0
    """
    return compare_cepstra(*_parameters(reference, degraded, sample_rate, versa=True))


def f0_rmse_versa(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """RMS difference of the fundamental frequency as VERSA computes it by default, in Hz.

    Over all 5 ms frames, an unvoiced one counting as 0 Hz, so that errors of voicing dominate.
    Range: 0 upwards; lower is better. Source: as :func:`mcd_versa`.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: in Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or shorter than 0.1 s.

    >>> pulses = np.zeros((1, 12000), np.float32)
    >>> pulses[0, ::200] = 1.0
    >>> f0_rmse_versa(pulses, pulses, 24000)
    0.0
    """
    return compare_all_pitch(*_parameters(reference, degraded, sample_rate, versa=True))


def f0_corr_versa(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Correlation of the fundamental frequency as VERSA computes it by default; no unit.

    Over all 5 ms frames, an unvoiced one counting as 0 Hz. Range: -1 to 1; higher is better.
    Source: as :func:`mcd_versa`.

    Args:
        reference: shape ``(1, samples)``.
        degraded: the same shape.
        sample_rate: in Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, one whose pitch never changes (such as one without
            any), or shorter than 0.1 s.

    >>> pulses = np.zeros((1, 24000), np.float32)
    >>> pulses[0, :12000:200] = 1.0
    >>> round(f0_corr_versa(pulses, pulses, 24000), 6)
    1.0
    """
    return correlate_pitch(*_parameters(reference, degraded, sample_rate, versa=True))


def compare_pitch(reference: SpeechParameters, degraded: SpeechParameters) -> float:
    """The value of :func:`f0_rmse_world24` from the parameters of both signals."""
    _check_levels(reference, degraded)
    voiced = (reference.f0 > 0) & (degraded.f0 > 0)
    if not voiced.any():
        raise UndefinedMetricError(
            f"no frame is voiced in both signals (reference: {np.count_nonzero(reference.f0)}, "
            f"degraded: {np.count_nonzero(degraded.f0)} of {reference.f0.size} frames)."
        )
    return _rms(reference.f0[voiced] - degraded.f0[voiced])


def compare_voicing(reference: SpeechParameters, degraded: SpeechParameters) -> float:
    """The value of :func:`uv_error_world24` from the parameters of both signals."""
    _check_levels(reference, degraded)
    return 100 * float(np.mean((reference.f0 > 0) != (degraded.f0 > 0)))


def compare_cepstra_without_c0(reference: SpeechParameters, degraded: SpeechParameters) -> float:
    """The value of :func:`mcd_world24` from the parameters of both signals."""
    _check_levels(reference, degraded)
    return _distortion(reference.cepstra[:, 1:] - degraded.cepstra[:, 1:])


def compare_cepstra(reference: SpeechParameters, degraded: SpeechParameters) -> float:
    """The value of :func:`mcd_versa` from the parameters of both signals."""
    _check_levels(reference, degraded)
    return _distortion(reference.cepstra - degraded.cepstra)


def compare_all_pitch(reference: SpeechParameters, degraded: SpeechParameters) -> float:
    """The value of :func:`f0_rmse_versa` from the parameters of both signals."""
    _check_levels(reference, degraded)
    return _rms(reference.f0 - degraded.f0)


def correlate_pitch(reference: SpeechParameters, degraded: SpeechParameters) -> float:
    """The value of :func:`f0_corr_versa` from the parameters of both signals."""
    _check_levels(reference, degraded)
    for role, parameters in zip(ROLES, (reference, degraded), strict=True):
        if np.ptp(parameters.f0) == 0:
            raise UndefinedMetricError(
                f"the {role} signal has {parameters.f0[0]:g} Hz in every frame (0: unvoiced), "
                "so there is nothing to correlate."
            )
    return float(np.corrcoef(reference.f0, degraded.f0)[0, 1])


def _parameters(
    reference: Samples, degraded: Samples, sample_rate: int, *, versa: bool = False
) -> tuple[SpeechParameters, SpeechParameters]:
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    if versa:
        analyse = versa_parameters
    else:
        check_sample_rate(sample_rate, WORLD_RATE)
        analyse = speech_parameters
    return analyse(reference, sample_rate), analyse(degraded, sample_rate)


def _check_levels(reference: SpeechParameters, degraded: SpeechParameters) -> None:
    for role, parameters in zip(ROLES, (reference, degraded), strict=True):
        check_measured_level(parameters.level, SILENCE_DBFS, role=role)


def _distortion(difference: NDArray[np.float64]) -> float:
    return DB_PER_NEPER * float(np.mean(np.sqrt(2 * np.sum(np.square(difference), axis=1))))


def _rms(difference: NDArray[np.float64]) -> float:
    return math.sqrt(float(np.mean(np.square(difference))))
