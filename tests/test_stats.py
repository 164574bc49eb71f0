"""Means and their intervals agree with the textbook and with scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats

from bench.stats import mean_with_interval


@pytest.mark.parametrize("n", [2, 3, 8, 30, 1000])
def test_the_interval_is_students_t(n):
    values = np.random.default_rng(n).normal(3.0, 0.7, n).tolist()
    found = mean_with_interval(values)
    low, high = scipy.stats.t.interval(
        0.95, n - 1, loc=np.mean(values), scale=scipy.stats.sem(values)
    )
    assert found.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert (found.ci_low, found.ci_high) == pytest.approx((low, high), rel=1e-9)
    assert found.n == n


def test_a_known_interval():
    found = mean_with_interval([1.0, 2.0, 3.0, 4.0])
    # t(0.975, 3) = 3.18245, s = sqrt(5/3)
    assert found.half_width == pytest.approx(3.182446 * math.sqrt(5 / 3) / 2, rel=1e-6)


def test_one_value_has_a_mean_and_no_interval():
    found = mean_with_interval([4.2])
    assert (found.mean, found.ci_low, found.ci_high, found.n) == (4.2, None, None, 1)
    assert found.half_width is None


def test_equal_values_have_an_interval_of_no_width():
    found = mean_with_interval([2.5, 2.5, 2.5])
    assert (found.ci_low, found.mean, found.ci_high) == (2.5, 2.5, 2.5)


def test_no_values_are_refused():
    with pytest.raises(ValueError, match="a mean of no values"):
        mean_with_interval([])


def test_the_interval_covers_the_true_mean_in_about_95_of_100_samples():
    draws = np.random.default_rng(0).normal(0.0, 1.0, (2000, 6))
    intervals = [mean_with_interval(values.tolist()) for values in draws]
    covered = sum(found.ci_low <= 0 <= found.ci_high for found in intervals)
    assert abs(covered / 2000 - 0.95) < 0.015  # three standard errors
