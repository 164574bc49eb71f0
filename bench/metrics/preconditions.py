"""What a metric asks of its input before it computes anything.

Two kinds of refusal: a plain :class:`ValueError` means that the caller handed over something broken
(NaN, wrong shape, wrong rate); an :class:`UndefinedMetricError` means that the signals are in order
but the metric has no value for them (silence, too short, nothing to compare).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from bench.metrics.spec import UndefinedMetricError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

Signal: TypeAlias = "NDArray[np.floating[Any]]"  # float32 or float64, only values matter

SILENCE_DBFS = -100.0  # below half a step of 16-bit audio (-96 dBFS)
ROLES = ("reference", "degraded")


def check_pair(reference: Samples, degraded: Samples) -> None:
    """Accept two equally shaped signals of finite floating-point samples.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: the same shape.

    Raises:
        ValueError: a signal has another kind of sample or another shape, or holds NaN or infinity.
        UndefinedMetricError: there are no samples.
    """
    check_signals(reference, degraded)
    if reference.shape != degraded.shape:
        raise ValueError(
            f"the reference has shape {reference.shape}, the degraded signal {degraded.shape}; "
            "equal shapes expected: align and cut them first."
        )


def check_signals(reference: Samples, degraded: Samples) -> None:
    """Accept two signals of finite floating-point samples, whatever their lengths.

    Raises:
        ValueError: a signal has another kind of sample, is not two-dimensional, or holds NaN or
            infinity.
        UndefinedMetricError: a signal has no samples.
    """
    for role, signal in zip(ROLES, (reference, degraded), strict=True):
        if not np.issubdtype(signal.dtype, np.floating) or signal.ndim != 2:
            raise ValueError(
                f"the {role} signal is {signal.dtype} of shape {signal.shape}; "
                "float32 of shape (channels, samples) expected."
            )
        if signal.size == 0:
            raise UndefinedMetricError(f"the {role} signal has no samples (shape {signal.shape}).")
        if not np.isfinite(signal).all():
            count = signal.size - np.count_nonzero(np.isfinite(signal))
            raise ValueError(
                f"the {role} signal has {count} samples that are NaN or infinite; "
                "finite samples expected: look at what produced it."
            )


def check_mono(reference: Samples, degraded: Samples) -> None:
    """Accept signals of one channel.

    Raises:
        ValueError: a signal has more.
    """
    channels = max(reference.shape[0], degraded.shape[0])
    if channels != 1:
        raise ValueError(f"got {channels} channels; this metric takes one: average them first.")


def check_sample_rate(sample_rate: int, expected: int) -> None:
    """Accept the one rate in Hz that the metric is defined at.

    Raises:
        ValueError: the signals have another one.
    """
    if sample_rate != expected:
        raise ValueError(
            f"got {sample_rate} Hz; this metric is defined at {expected} Hz: resample first."
        )


def check_length(n_samples: int, needed: int, sample_rate: int) -> None:
    """Accept signals of at least ``needed`` samples.

    Raises:
        UndefinedMetricError: they are shorter.
    """
    if n_samples < needed:
        raise UndefinedMetricError(
            f"too short: {n_samples} samples ({n_samples / sample_rate:.3g} s); "
            f"at least {needed} ({needed / sample_rate:.3g} s) needed."
        )


def check_not_silent(reference: Signal, degraded: Signal) -> None:
    """Accept two signals that both lie above :data:`SILENCE_DBFS`.

    Raises:
        UndefinedMetricError: one is silent.
    """
    for role, signal in zip(ROLES, (reference, degraded), strict=True):
        check_level(signal, SILENCE_DBFS, role=role)


def check_level(signal: Signal, minimum: float, *, role: str) -> None:
    """Accept a signal of at least ``minimum`` dBFS.

    Raises:
        UndefinedMetricError: it is quieter.
    """
    check_measured_level(level_dbfs(signal), minimum, role=role)


def check_measured_level(level: float, minimum: float, *, role: str) -> None:
    """Accept a level in dBFS of at least ``minimum``.

    Raises:
        UndefinedMetricError: it is lower.
    """
    if level < minimum:
        raise UndefinedMetricError(
            f"the {role} signal is silent or nearly so: {level:.1f} dBFS (RMS); "
            f"at least {minimum:g} dBFS needed."
        )


def level_dbfs(signal: Signal) -> float:
    r"""RMS level over all channels in dB relative to a constant of one.

    .. math:: L = 10 \log_{10} \frac{1}{N} \sum_n x_n^2

    >>> round(level_dbfs(np.full((1, 8), 0.1)), 6)
    -20.0
    """
    power = float(np.mean(np.square(signal, dtype=np.float64)))
    return 10 * math.log10(power) if power > 0 else -math.inf


def defined(value: float, metric: str) -> float:
    """``value``, if a library gave a finite one.

    Raises:
        UndefinedMetricError: it is NaN or infinite.
    """
    if not math.isfinite(value):
        raise UndefinedMetricError(f"{metric} came out as {value} for this pair.")
    return float(value)
