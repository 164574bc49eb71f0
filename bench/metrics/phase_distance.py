"""Distances between phases of short-time spectra: at a bin, between bins and between frames.

Magnitude distances are blind to phase, and the waveform distances mix it with level. The three
anti-wrapped phase distances count every bin alike, empty ones included; the two weighted errors
count a bin by the power that the reference has there, and are the ones to read for full-band audio.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from bench.metrics.preconditions import (
    ROLES,
    SILENCE_DBFS,
    check_length,
    check_measured_level,
    check_mono,
    check_pair,
    level_dbfs,
)
from bench.metrics.running_mean import RunningMean
from bench.metrics.spectrum import complex_spectra

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

    Angles: TypeAlias = NDArray[np.float32]
    Spectra: TypeAlias = NDArray[np.complex64]

WINDOW = 2048  # samples; Lu et al. (2024), hop a quarter
RANDOM_PHASE = np.float32(np.pi / 2)  # mean error of a phase that says nothing


class PhaseInput(NamedTuple):
    """One signal as the distances take it.

    Attributes:
        spectra: blocks of complex spectra, shape ``[frames, bins]``.
        sample_rate: in Hz.
        level: RMS level in dBFS.
    """

    spectra: Iterable[Spectra]
    sample_rate: int
    level: float


def apd_ip(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Anti-wrapped distance of instantaneous phases, in rad.

    .. math::

        \operatorname{mean}_t \sqrt{\operatorname{mean}_k a(\varphi^x_{t,k} - \varphi^y_{t,k})^2},
        \quad a(\theta) = \theta - 2 \pi \operatorname{round}(\theta / 2 \pi)

    over windows of 2048 samples, hop 512, mirrored ends. Range: 0 (equal) to pi; phases at random
    have pi / sqrt(3), 1.81. Blind to level; every bin counts alike, however little it holds.
    Source: Lu et al. (2024), "Towards High-Quality and Efficient Speech Bandwidth Extension with
    Parallel Amplitude and Phase Prediction", anti-wrapped phase distances of the evaluation.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(apd_ip(noise, -noise, 48000), 4)  # half a turn in every bin
    3.1416
    """
    return compare_apd_ip(*_inputs(reference, degraded, sample_rate))


def apd_gd(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Anti-wrapped distance of group delays, in rad per bin.

    The distance of :func:`apd_ip` between differences of neighbouring bins, :math:`\varphi_{t,k} -
    \varphi_{t,k-1}`, where the lowest bin is its own difference. Range: 0 (equal) to pi; unrelated
    noise has about 1.46. Source: Lu et al. (2024), as :func:`apd_ip`.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> apd_gd(noise, 0.5 * noise, 48000)
    0.0
    """
    return compare_apd_gd(*_inputs(reference, degraded, sample_rate))


def apd_iaf(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Anti-wrapped distance of instantaneous angular frequencies, in rad per frame.

    The distance of :func:`apd_ip` between differences of consecutive frames, :math:`\varphi_{t,k} -
    \varphi_{t-1,k}`, where the first frame is its own difference. Range: 0 (equal) to pi; unrelated
    noise has about 1.47. Source: Lu et al. (2024), as :func:`apd_ip`.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> apd_iaf(noise, 0.5 * noise, 48000)
    0.0
    """
    return compare_apd_iaf(*_inputs(reference, degraded, sample_rate))


def phase_weighted(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Mean absolute phase error, weighted with the power of the reference, in rad.

    .. math::

        \frac{\sum_{t,k} |X_{t,k}|^2 \, |\arg Y_{t,k} \overline{X_{t,k}}|}
        {\sum_{t,k} |X_{t,k}|^2}

    over windows of 2048 samples, hop 512, mirrored ends. Range: 0 (equal) to pi (turned polarity);
    phases at random have pi / 2, and so counts a bin that is zero in y. Blind to level. The
    definition is ours; it is the magnitude-weighted phase distance of Choi et al. (2019),
    "Phase-aware speech enhancement with deep complex U-Net", with powers for magnitudes.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value depends on it, because the window is fixed in samples.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or 1024 samples or fewer.

    >>> noise = np.random.default_rng(0).standard_normal((1, 4096)).astype(np.float32)
    >>> round(phase_weighted(noise, -noise, 48000), 4)
    3.1416
    """
    return compare_phases_weighted(*_inputs(reference, degraded, sample_rate))


def group_delay_weighted(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Mean absolute group delay error, weighted with the power of the reference, in ms.

    .. math::

        \frac{N}{2 \pi f_s} \cdot \frac{\sum_{t,k} W_{t,k}
        |\arg C_{t,k+1} \overline{C_{t,k}}|}{\sum_{t,k} W_{t,k}}, \quad
        C = Y \overline{X}, \quad W_{t,k} = |X_{t,k} X_{t,k+1}|

    over windows of N = 2048 samples, hop 512, mirrored ends: the group delay is the negative slope
    of the phase over frequency. A delay of d ms gives about d. Range: 0 (equal) to N / (2 f_s),
    21.3 ms at 48 kHz; unrelated noise has about a third of that, and a bin that is zero in y counts
    as half of it. Blind to level and polarity. The definition is ours, after Oppenheim and Schafer
    (2010), Discrete-Time Signal Processing, section 5.1.2.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: a silent signal, or 1024 samples or fewer.

    >>> pulse = np.zeros((1, 4096), np.float32)
    >>> pulse[0, 2048] = 1.0
    >>> round(group_delay_weighted(pulse, np.roll(pulse, 48), 48000), 3)  # by one millisecond
    1.0
    """
    return compare_group_delays_weighted(*_inputs(reference, degraded, sample_rate))


def phase_input(signal: Samples, sample_rate: int) -> PhaseInput:
    """What all distances of this module need of one signal, kept in memory.

    Args:
        signal: shape ``(1, samples)``.
        sample_rate: in Hz.

    Raises:
        UndefinedMetricError: it has 1024 samples or fewer.
    """
    analysed = _input(signal, sample_rate)
    return analysed._replace(spectra=list(analysed.spectra))


def compare_apd_ip(reference: PhaseInput, degraded: PhaseInput) -> float:
    """The distance of :func:`apd_ip` from the spectra of both signals."""
    distance = RunningMean()
    for difference in _phase_differences(reference, degraded):
        distance.add(_rms_of_bins(difference))
    return distance.value


def compare_apd_gd(reference: PhaseInput, degraded: PhaseInput) -> float:
    """The distance of :func:`apd_gd` from the spectra of both signals."""
    distance = RunningMean()
    for difference in _phase_differences(reference, degraded):
        distance.add(_rms_of_bins(np.diff(difference, axis=1, prepend=np.float32(0))))
    return distance.value


def compare_apd_iaf(reference: PhaseInput, degraded: PhaseInput) -> float:
    """The distance of :func:`apd_iaf` from the spectra of both signals."""
    distance = RunningMean()
    previous: Angles = np.zeros((1, WINDOW // 2 + 1), np.float32)
    for difference in _phase_differences(reference, degraded):
        distance.add(_rms_of_bins(np.diff(difference, axis=0, prepend=previous)))
        previous = difference[-1:]
    return distance.value


def compare_phases_weighted(reference: PhaseInput, degraded: PhaseInput) -> float:
    """The error of :func:`phase_weighted` from the spectra of both signals."""
    error, weight = RunningMean(), RunningMean()
    for original, coded in _pairs(reference, degraded):
        power = np.square(np.abs(original))
        error.add(power * _angle(coded * original.conj()))
        weight.add(power)
    return error.value / weight.value


def compare_group_delays_weighted(reference: PhaseInput, degraded: PhaseInput) -> float:
    """The error of :func:`group_delay_weighted` from the spectra of both signals."""
    error, weight = RunningMean(), RunningMean()
    for original, coded in _pairs(reference, degraded):
        cross, magnitude = coded * original.conj(), np.abs(original)
        power = magnitude[:, 1:] * magnitude[:, :-1]
        error.add(power * _angle(cross[:, 1:] * cross[:, :-1].conj()))
        weight.add(power)
    ms_per_radian = 1000 * WINDOW / (2 * math.pi * reference.sample_rate)
    return ms_per_radian * error.value / weight.value


def _inputs(
    reference: Samples, degraded: Samples, sample_rate: int
) -> tuple[PhaseInput, PhaseInput]:
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    return _input(reference, sample_rate), _input(degraded, sample_rate)


def _input(signal: Samples, sample_rate: int) -> PhaseInput:
    check_length(signal.shape[-1], WINDOW // 2 + 1, sample_rate)
    blocks = complex_spectra(signal, window_size=WINDOW, centered=True)
    return PhaseInput((block[0] for block in blocks), sample_rate, level_dbfs(signal))


def _pairs(reference: PhaseInput, degraded: PhaseInput) -> Iterator[tuple[Spectra, Spectra]]:
    for role, signal in zip(ROLES, (reference, degraded), strict=True):
        check_measured_level(signal.level, SILENCE_DBFS, role=role)
    return zip(reference.spectra, degraded.spectra, strict=True)


def _phase_differences(reference: PhaseInput, degraded: PhaseInput) -> Iterator[Angles]:
    """Differences of the phases, not wrapped, in blocks of shape ``[frames, bins]``."""
    for original, coded in _pairs(reference, degraded):
        yield np.angle(original) - np.angle(coded)


def _rms_of_bins(difference: Angles) -> Angles:
    turn = np.float32(2 * np.pi)
    wrapped = difference - np.round(difference / turn) * turn
    rms: Angles = np.sqrt(np.mean(np.square(wrapped), axis=1))
    return rms


def _angle(product: Spectra) -> Angles:
    return np.where(product == 0, RANDOM_PHASE, np.abs(np.angle(product)))
