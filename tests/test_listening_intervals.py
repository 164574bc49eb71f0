"""Intervals of listening tests hold what they promise, counted over simulated tests."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from mushra_web.analysis.simulation import MODELS, careful_scores
from mushra_web.analysis.statistics.intervals import (
    estimate,
    listener_estimate,
    pooled_interval,
    two_way_estimate,
)

N_TESTS = 2000
N_LISTENERS, N_ITEMS = 11, 12
MODEL = MODELS["hilcodec"]
CODEC_B, CODEC_C = 2, 3  # places of the scores, behind the hidden reference


@pytest.fixture(scope="module")
def simulated():
    """Scores of 2000 tests, each with listeners and items of its own."""
    rng = np.random.default_rng(1)
    return [careful_scores(MODEL, N_LISTENERS, N_ITEMS, rng) for _ in range(N_TESTS)]


def covered(tests, truth, interval):
    means = [interval(test) for test in tests]
    return np.mean([mean.ci_low <= truth <= mean.ci_high for mean in means])


def test_the_default_interval_of_a_mean_covers_95_percent(simulated):
    tests = [scores[:, CODEC_B] for scores in simulated]
    truth = MODEL.expected_score("codec-b")
    assert 0.93 < covered(tests, truth, lambda t: two_way_estimate(t).mean) < 0.97


def test_the_default_interval_of_a_difference_covers_95_percent(simulated):
    tests = [scores[:, CODEC_B] - scores[:, CODEC_C] for scores in simulated]
    truth = MODEL.expected_score("codec-b") - MODEL.expected_score("codec-c")
    assert 0.93 < covered(tests, truth, lambda t: two_way_estimate(t).mean) < 0.97


def test_the_pooled_interval_falls_far_short(simulated):
    tests = [scores[:, CODEC_B] for scores in simulated]
    assert covered(tests, MODEL.expected_score("codec-b"), pooled_interval) < 0.65


def test_the_interval_for_listeners_covers_95_percent_of_tests_with_the_same_items():
    rng = np.random.default_rng(2)
    # items have common effects within one draw, so its listeners share them
    crowd = careful_scores(MODEL, N_LISTENERS * 5000, N_ITEMS, rng)[:, CODEC_B]
    tests = crowd.reshape(-1, N_LISTENERS, N_ITEMS)[:N_TESTS]
    found = covered(tests, crowd.mean(), lambda t: listener_estimate(t).mean)
    assert 0.93 < found < 0.97


def test_the_interval_for_listeners_is_students_t_of_their_means():
    scores = np.random.default_rng(0).normal(60, 10, (9, 6))
    means = scores.mean(axis=1)
    low, high = scipy.stats.t.interval(0.95, 8, loc=means.mean(), scale=scipy.stats.sem(means))
    found = listener_estimate(scores)
    assert (found.mean.ci_low, found.mean.ci_high) == pytest.approx((low, high), rel=1e-10)
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(means, 0).pvalue, rel=1e-6)


def test_the_two_way_interval_is_that_of_mean_squares_worked_by_hand():
    # effects of listeners -2 and 2, of items -3 and 3, and a rest of 1 with alternating signs give
    # mean squares of 16, 36 and 4: V = (16 + 36 - 4) / 4 = 12, freedom 12^2 / (4^2 + 9^2 + 1^2)
    scores = np.array([[50 - 2 - 3 + 1, 50 - 2 + 3 - 1], [50 + 2 - 3 - 1, 50 + 2 + 3 + 1.0]])
    half = scipy.stats.t.ppf(0.975, 144 / 98) * np.sqrt(12)
    assert two_way_estimate(scores).mean.mean == 50
    assert two_way_estimate(scores).mean.half_width == pytest.approx(half, rel=1e-8)


def test_missing_scores_leave_a_mean_of_the_others():
    scores = np.random.default_rng(3).normal(50, 5, (8, 6))
    scores[0, 1] = scores[4, 2] = np.nan
    found = two_way_estimate(scores).mean
    assert found.n == 46
    assert found.mean == pytest.approx(np.nanmean(scores))
    assert found.ci_low < found.mean < found.ci_high


def test_one_item_leaves_no_statement_on_items():
    scores = np.array([[60.0], [70.0], [65.0]])
    assert two_way_estimate(scores).mean.ci_low is None
    assert estimate(scores, "listeners").mean.ci_low is not None


def test_scores_that_do_not_vary_have_an_interval_of_no_width():
    found = two_way_estimate(np.full((4, 5), 70.0))
    assert (found.mean.ci_low, found.mean.ci_high, found.p) == (70.0, 70.0, 0.0)


def test_a_mean_of_no_scores_is_refused():
    with pytest.raises(ValueError, match="no scores"):
        two_way_estimate(np.full((2, 2), np.nan))
