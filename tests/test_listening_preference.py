"""Choices between two: shares, strengths and sensitivities."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
import scipy.stats

from mushra_web.analysis.statistics import preference
from mushra_web.analysis.statistics.preference import (
    NoStrengthsError,
    abx_d_prime,
    abx_share_correct,
    binomial_share,
    bradley_terry,
)


def test_a_share_agrees_with_scipy():
    found = binomial_share(31, 40)
    expected = scipy.stats.binomtest(31, 40)
    assert found.p == pytest.approx(expected.pvalue)
    beta = scipy.stats.beta  # Clopper and Pearson's interval by beta quantiles
    assert found.ci_low == pytest.approx(beta.ppf(0.025, 31, 10), rel=1e-6)
    assert found.ci_high == pytest.approx(beta.ppf(0.975, 32, 9), rel=1e-6)


def test_no_choices_have_no_share():
    with pytest.raises(ValueError, match="no choices"):
        binomial_share(0, 0)


def test_strengths_of_two_are_the_log_odds():
    found = bradley_terry(["a", "b"], {("a", "b"): 30, ("b", "a"): 10})
    assert found["a"] - found["b"] == pytest.approx(math.log(3), rel=1e-8)


def test_strengths_agree_with_logistic_regression():
    models = pytest.importorskip("statsmodels.api")
    names = ["a", "b", "c", "d"]
    rng = np.random.default_rng(6)
    wins = {(x, y): float(rng.integers(3, 20)) for x in names for y in names if x != y}
    rows, won, lost = [], [], []
    for i, x in enumerate(names):
        for j, y in enumerate(names[i + 1 :], start=i + 1):
            row = np.zeros(4)
            row[i], row[j] = 1, -1
            rows.append(row[1:])
            won.append(wins[x, y])
            lost.append(wins[y, x])
    fit = models.GLM(
        np.column_stack([won, lost]), np.array(rows), family=models.families.Binomial()
    ).fit(tol=1e-12)
    expected = np.r_[0.0, fit.params]
    found = bradley_terry(names, wins)
    np.testing.assert_allclose(list(found.values()), expected - expected.mean(), atol=1e-6)


def test_a_condition_that_never_won_has_no_strength():
    with pytest.raises(NoStrengthsError, match="b never won"):
        bradley_terry(["a", "b"], {("a", "b"): 5})


def test_d_prime_explains_simulated_abx_answers():
    rng = np.random.default_rng(7)
    d, n = 1.5, 200_000
    x_is_b = rng.random(n) < 0.5
    a, b, x = rng.normal(0, 1, n), rng.normal(d, 1, n), rng.normal(d * x_is_b, 1, n)
    # the best decision of an unbiased observer who knows the likelihoods
    says_b = ((x - d / 2 > 0) & (b > a)) | ((x - d / 2 < 0) & (b < a))
    found = np.mean(says_b == x_is_b)
    assert found == pytest.approx(abx_share_correct(d), abs=0.004)


def test_d_prime_is_the_inverse_of_the_share():
    assert abx_share_correct(abx_d_prime(75, 100)) == pytest.approx(0.75, abs=1e-9)
    assert abx_d_prime(50, 100) == 0.0
    assert math.isfinite(abx_d_prime(12, 12))


def test_no_answers_have_no_sensitivity():
    with pytest.raises(ValueError, match="no answers"):
        abx_d_prime(0, 0)


def test_the_examples_in_the_docstrings_hold():
    results = doctest.testmod(preference)
    assert results.attempted > 0
    assert results.failed == 0
