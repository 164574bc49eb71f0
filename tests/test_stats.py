"""Means, intervals, comparisons and adjustments agree with the textbook and with scipy."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import scipy.stats

from bench import stats
from bench.stats import (
    benjamini_hochberg,
    bootstrap_mean,
    cluster_bootstrap_mean,
    hochberg,
    holm,
    mean_with_interval,
    paired_difference,
    sign_flip_p,
)


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


def test_the_bootstrap_agrees_with_students_t_for_many_values():
    values = np.random.default_rng(1).normal(3.0, 0.7, 400).tolist()
    found, expected = bootstrap_mean(values, np.random.default_rng(0)), mean_with_interval(values)
    assert found.mean == expected.mean
    assert found.ci_low == pytest.approx(expected.ci_low, abs=0.01)
    assert found.ci_high == pytest.approx(expected.ci_high, abs=0.01)


def test_a_bootstrap_repeats_with_its_seed():
    values = [1.0, 2.0, 5.0, 9.0]
    first, second = (bootstrap_mean(values, np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_clusters_of_equal_values_are_as_good_as_one_value_each():
    values = np.random.default_rng(2).normal(size=60)
    repeated = np.repeat(values, 10).tolist()
    clusters = np.repeat(np.arange(60), 10).tolist()
    found = cluster_bootstrap_mean(repeated, clusters, np.random.default_rng(0))
    expected = mean_with_interval(values.tolist())
    naive = mean_with_interval(repeated)
    assert found.half_width == pytest.approx(expected.half_width, rel=0.1)
    assert found.half_width > 2 * naive.half_width
    assert found.n == 600


def test_one_cluster_has_no_interval():
    found = cluster_bootstrap_mean([1.0, 2.0], ["a", "a"], np.random.default_rng(0))
    assert (found.mean, found.ci_low) == (1.5, None)


def test_every_value_needs_a_cluster():
    with pytest.raises(ValueError, match="3 values and 2 clusters"):
        cluster_bootstrap_mean([1.0, 2.0, 3.0], ["a", "b"], np.random.default_rng(0))


@pytest.mark.parametrize("n", [2, 3, 10, 500])
def test_a_paired_difference_is_the_t_test(n):
    rng = np.random.default_rng(n)
    first, second = rng.normal(0.2, 1.0, n), rng.normal(0.0, 1.0, n)
    found = paired_difference(first.tolist(), second.tolist())
    assert found.p == pytest.approx(scipy.stats.ttest_rel(first, second).pvalue, rel=1e-9)
    assert found.mean.mean == pytest.approx(np.mean(first - second))


def test_the_effect_size_is_the_corrected_ratio():
    differences = np.array([1.0, 2.0, 3.0, 4.0])
    found = paired_difference(differences.tolist(), [0.0] * 4)
    uncorrected = differences.mean() / differences.std(ddof=1)
    # the exact factor for three degrees of freedom: sqrt(2/3) gamma(1.5) / gamma(1)
    expected = uncorrected * math.sqrt(2 / 3) * math.gamma(1.5)
    assert found.effect_size == pytest.approx(expected, rel=1e-12)


def test_differences_that_do_not_vary_have_no_effect_size():
    assert paired_difference([2.0, 3.0], [1.0, 2.0]).effect_size is None
    assert paired_difference([2.0, 3.0], [2.0, 3.0]).p == 1.0
    assert paired_difference([2.0], [1.0]).p is None


def test_pairs_are_needed_for_a_paired_difference():
    with pytest.raises(ValueError, match="2 and 1 values"):
        paired_difference([1.0, 2.0], [1.0])


def test_sign_flips_of_few_differences_have_the_exact_p():
    # of the 32 patterns of signs only two reach the observed sum
    p = sign_flip_p([1.0, 2.0, 3.0, 4.0, 5.0], np.random.default_rng(0), resamples=20_000)
    assert p == pytest.approx(2 / 32, abs=0.006)


def test_sign_flips_hold_their_level():
    rng = np.random.default_rng(4)
    p = [sign_flip_p(rng.normal(size=8).tolist(), rng, resamples=200) for _ in range(500)]
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) < 0.03


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_benjamini_hochberg_agrees_with_scipy(seed):
    p = np.random.default_rng(seed).uniform(0, 0.2, 12)
    np.testing.assert_allclose(
        benjamini_hochberg(p.tolist()), scipy.stats.false_discovery_control(p)
    )


def test_holm_is_a_known_case():
    assert holm([0.01, 0.02, 0.03, 0.005]) == pytest.approx((0.03, 0.04, 0.04, 0.02))


def test_hochberg_is_a_known_case():
    # the example of Wright (1992), "Adjusted p-values for simultaneous inference", table 1
    p = [0.010, 0.013, 0.014, 0.190]
    assert hochberg(p) == pytest.approx((0.028, 0.028, 0.028, 0.190))
    assert holm(p) == pytest.approx((0.040, 0.040, 0.040, 0.190))


def test_hochberg_agrees_with_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(3).uniform(0, 0.2, 12)
    expected = multitest.multipletests(p, method="simes-hochberg")[1]
    np.testing.assert_allclose(hochberg(p.tolist()), expected, rtol=1e-12)


def test_adjusted_p_values_keep_their_order_and_stay_below_one():
    p = [0.9, 0.001, 0.5, 0.5]
    for adjust in (holm, hochberg, benjamini_hochberg):
        adjusted = adjust(p)
        assert np.all(np.diff(np.array(adjusted)[np.argsort(p)]) >= 0)
        assert max(adjusted) <= 1.0
        assert all(after >= before for before, after in zip(p, adjusted, strict=True))
    assert holm([]) == ()


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(stats)
    assert results.attempted > 0
    assert results.failed == 0


def test_a_p_value_above_one_is_refused():
    with pytest.raises(ValueError, match=r"from 0.1 to 1.2; 0 to 1 expected"):
        holm([0.1, 1.2])
