"""Distances between waveforms, sample by sample; they ask for signals aligned to the sample."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.preconditions import (
    SILENCE_DBFS,
    check_level,
    check_mono,
    check_not_silent,
    check_pair,
)
from bench.metrics.spec import UndefinedMetricError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

FLOAT32_RESOLUTION = 2.0**-24  # half the spacing of float32 numbers at one: -144.5 dB


def mse(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Mean squared error over all samples and channels, in squared full scale.

    .. math:: \mathrm{MSE} = \frac{1}{CN} \sum_{c,n} (x_{c,n} - y_{c,n})^2

    Range: 0 (equal) upwards. Source: Wang and Bovik (2009), "Mean squared error: love it or
    leave it?", eq. 1.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: no samples.

    >>> mse(np.array([[0.5, -0.5]]), np.array([[0.25, -0.25]]), 48000)
    0.0625
    """
    check_pair(reference, degraded)
    return float(np.mean(np.square(_as_float64(reference) - degraded)))


def waveform_l1(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Mean absolute error over all samples and channels, in full scale.

    .. math:: \mathrm{L1} = \frac{1}{CN} \sum_{c,n} | x_{c,n} - y_{c,n} |

    Range: 0 (equal) upwards. Source: Kumar et al. (2023), "High-Fidelity Audio Compression with
    Improved RVQGAN", waveform distance of the evaluation, ``L1Loss()`` of descript-audiotools.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: no samples.

    >>> waveform_l1(np.array([[0.5, -0.5]]), np.array([[0.25, -0.25]]), 48000)
    0.25
    """
    check_pair(reference, degraded)
    return float(np.mean(np.abs(_as_float64(reference) - degraded)))


def snr(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Signal-to-noise ratio of the whole signal, in dB.

    .. math:: \mathrm{SNR} = 10 \log_{10} \frac{\sum_n x_n^2}{\sum_n (x_n - y_n)^2}

    Range: open; higher is better, and a silent degraded signal has 0 dB. No mean is removed and no
    segments are averaged. Undefined for a silent reference and for an error below the resolution of
    float32 (-144.5 dB), as with equal signals: the ratio would be infinite. Source: Loizou (2013),
    Speech Enhancement: Theory and Practice, chapter 11.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: see above.

    >>> snr(np.array([[0.5, -0.5]]), np.array([[0.45, -0.45]]), 48000)
    20.0
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    check_level(reference, SILENCE_DBFS, role="reference")
    signal = _as_float64(reference[0])
    return _energy_ratio(signal, signal - degraded[0])


def si_sdr(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Scale-invariant signal-to-distortion ratio, in dB.

    .. math::

        \mathrm{SI\text{-}SDR} = 10 \log_{10} \frac{\lVert \alpha x \rVert^2}
        {\lVert \alpha x - y \rVert^2}, \quad \alpha = \frac{\langle y, x \rangle}
        {\lVert x \rVert^2}

    Range: open; higher is better. No mean is removed (``zero_mean=False`` of torchmetrics; DAC's
    audiotools removes it, which matters for signals with an offset). Undefined where either signal
    is silent, where they have nothing in common (the ratio would be minus infinity), and where the
    error is below the resolution of float32 (-144.5 dB), as with a mere gain. Source: Le Roux et
    al. (2019), "SDR - half-baked or well done?", section 3.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: see above.

    >>> si_sdr(np.array([[0.5, 0.0]]), np.array([[0.25, 0.025]]), 48000)
    20.0
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    check_not_silent(reference, degraded)
    return _scale_invariant_ratio(_as_float64(reference[0]), _as_float64(degraded[0]))


def si_sdr_dac(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Scale-invariant signal-to-distortion ratio as DAC's evaluation takes it, in dB.

    The ratio of :func:`si_sdr` after the mean is removed from both signals, with all channels
    joined end to end. Range: open; higher is better. Undefined as :func:`si_sdr`. Source: Kumar et
    al. (2023), "High-Fidelity Audio Compression with Improved RVQGAN", evaluation;
    ``SISDRLoss()`` of descript-audiotools 0.7.4, with the sign turned.

    Args:
        reference: x, shape ``(channels, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken or unequally shaped signals.
        UndefinedMetricError: see above.

    >>> si_sdr_dac(np.array([[0.5, -0.5, 0, 0]]), np.array([[0.25, -0.25, 0.025, -0.025]]), 48000)
    20.0
    """
    check_pair(reference, degraded)
    signal, estimate = (
        samples - samples.mean()
        for samples in (_as_float64(reference).ravel(), _as_float64(degraded).ravel())
    )
    check_not_silent(signal, estimate)
    return _scale_invariant_ratio(signal, estimate)


def waveform_correlation(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    r"""Normalised cross-correlation of the waveforms at lag zero; no unit.

    .. math:: \rho = \frac{\langle x, y \rangle}{\lVert x \rVert \, \lVert y \rVert}

    Range: -1 (turned polarity) over 0 (unrelated waveforms) to 1 (equal but for a gain); higher is
    better. No mean is removed. It holds what :func:`si_sdr` holds, in a form that stays defined at
    both ends: SI-SDR is 10 log10(rho^2 / (1 - rho^2)) dB. Undefined where a signal is silent.
    Source: Rodgers and Nicewander (1988), "Thirteen ways to look at the correlation coefficient",
    section 6, without centring.

    Args:
        reference: x, shape ``(1, samples)``.
        degraded: y, the same shape.
        sample_rate: in Hz; the value does not depend on it.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals.
        UndefinedMetricError: see above.

    >>> waveform_correlation(np.array([[0.6, 0.8]]), np.array([[0.8, 0.6]]), 48000)
    0.96
    """
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    check_not_silent(reference, degraded)
    signal, estimate = _as_float64(reference[0]), _as_float64(degraded[0])
    energies = float(signal @ signal) * float(estimate @ estimate)
    # rounding can carry the quotient of equal signals past one
    return min(max(float(signal @ estimate) / math.sqrt(energies), -1.0), 1.0)


def _scale_invariant_ratio(signal: NDArray[np.float64], estimate: NDArray[np.float64]) -> float:
    target = (estimate @ signal) / (signal @ signal) * signal
    if target @ target <= FLOAT32_RESOLUTION**2 * (estimate @ estimate):
        raise UndefinedMetricError(
            "the signals have nothing in common, so the ratio is minus infinity."
        )
    return _energy_ratio(target, target - estimate)


def _energy_ratio(signal: NDArray[np.float64], error: NDArray[np.float64]) -> float:
    signal_energy, error_energy = float(signal @ signal), float(error @ error)
    if error_energy <= FLOAT32_RESOLUTION**2 * signal_energy:
        raise UndefinedMetricError(
            "no error signal: the signals are equal within the resolution of float32, "
            "so the ratio is infinite."
        )
    return 10 * math.log10(signal_energy / error_energy)


def _as_float64(signal: Samples) -> NDArray[np.float64]:
    return signal.astype(np.float64)
