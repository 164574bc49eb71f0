"""Input that metrics refuse, and why."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics.preconditions import (
    SILENCE_DBFS,
    check_length,
    check_mono,
    check_not_silent,
    check_pair,
    check_sample_rate,
    defined,
    level_dbfs,
)
from bench.metrics.spec import UndefinedMetricError

ONES = np.ones((1, 100), np.float32)


def test_level_of_a_full_scale_sine_is_minus_3_dbfs() -> None:
    sine = np.sin(2 * np.pi * np.arange(480) / 48)[np.newaxis]
    assert level_dbfs(sine) == pytest.approx(-3.0103, abs=1e-4)


def test_level_of_zeros_is_minus_infinity() -> None:
    assert level_dbfs(0 * ONES) == -math.inf


def test_unequal_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(1, 100\).*\(1, 99\).*equal shapes expected"):
        check_pair(ONES, ONES[:, 1:])


@pytest.mark.parametrize("role", ["reference", "degraded"])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_samples_name_their_signal(role: str, bad: float) -> None:
    broken = ONES.copy()
    broken[0, 7] = bad
    pair = (broken, ONES) if role == "reference" else (ONES, broken)
    with pytest.raises(ValueError, match=f"{role} signal has 1 samples that are NaN") as caught:
        check_pair(*pair)
    assert not isinstance(caught.value, UndefinedMetricError)


def test_integer_samples_are_refused() -> None:
    with pytest.raises(ValueError, match=r"degraded signal is int16.*float32 of shape"):
        check_pair(ONES, ONES.astype(np.int16))


def test_one_dimensional_signals_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(100,\); float32 of shape \(channels, samples\)"):
        check_pair(ONES[0], ONES[0])


def test_empty_signals_are_undefined() -> None:
    with pytest.raises(UndefinedMetricError, match="reference signal has no samples"):
        check_pair(ONES[:, :0], ONES[:, :0])


def test_two_channels_are_refused_by_mono_metrics() -> None:
    with pytest.raises(ValueError, match=r"got 2 channels.*average them first"):
        check_mono(ONES, np.repeat(ONES, 2, axis=0))


def test_another_sample_rate_is_refused() -> None:
    with pytest.raises(ValueError, match=r"got 44100 Hz.*48000 Hz: resample first"):
        check_sample_rate(44100, 48000)


def test_short_signals_are_undefined_and_told_the_length_needed() -> None:
    with pytest.raises(UndefinedMetricError, match=r"10 samples \(0.001 s\); at least 20"):
        check_length(10, 20, 10000)


def test_one_step_of_16_bit_audio_counts_as_sound() -> None:
    check_not_silent(ONES / 2**15, ONES / 2**15)
    assert level_dbfs(ONES / 2**15) > SILENCE_DBFS


@pytest.mark.parametrize("gain", [0.0, 0.9e-5])
def test_silence_is_undefined(gain: float) -> None:
    with pytest.raises(UndefinedMetricError, match="degraded signal is silent or nearly so"):
        check_not_silent(ONES, np.float32(gain) * ONES)


def test_a_library_value_of_nan_is_undefined() -> None:
    with pytest.raises(UndefinedMetricError, match="ViSQOL came out as nan"):
        defined(math.nan, "ViSQOL")
