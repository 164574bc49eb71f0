"""Agreement of metrics with listening scores is that of scipy, and fits are monotone."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from bench.store import Measure
from mushra_web.analysis.metric_agreement import (
    Metrics,
    agreement_by_condition,
    agreement_by_item,
)
from mushra_web.analysis.published_means import is_means_file, read_means, unique_means
from mushra_web.analysis.statistics.correlation import (
    fit_error,
    kendall,
    monotone_cubic,
    pearson,
    spearman,
)
from mushra_web.ratings import RatingError


def points(n=20, seed=0):
    rng = np.random.default_rng(seed)
    values = rng.uniform(1, 5, n).round(1)  # with ties
    return values, 20 * values + rng.normal(0, 8, n)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (pearson, scipy.stats.pearsonr),
        (spearman, scipy.stats.spearmanr),
        (kendall, scipy.stats.kendalltau),
    ],
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_correlations_agree_with_scipy(ours, theirs, seed):
    values, scores = points(seed=seed)
    assert ours(values, scores) == pytest.approx(theirs(values, scores).statistic, abs=1e-10)


def test_the_fit_is_least_squares_where_that_is_monotone():
    t = np.linspace(0, 1, 30)
    scores = 10 + 50 * t + 20 * t**2 + 15 * t**3 + np.random.default_rng(1).normal(0, 0.1, 30)
    free = np.polyval(np.polyfit(t, scores, 3), t)
    np.testing.assert_allclose(monotone_cubic(t, scores), free, atol=1e-6)


def test_the_fit_never_falls():
    rng = np.random.default_rng(2)
    for _ in range(20):
        values = np.sort(rng.uniform(-3, 3, 15))
        fitted = monotone_cubic(values, rng.normal(50, 20, 15))
        assert np.all(np.diff(fitted) >= -1e-9)


def test_the_error_of_a_perfect_cubic_is_zero():
    values = np.linspace(1, 5, 12)
    assert fit_error(values, values**3 / 2 + 3) == pytest.approx(0, abs=1e-6)


def test_four_points_are_too_few_for_a_fit():
    assert fit_error(np.arange(4.0), np.arange(4.0)) is None


def test_a_metric_that_does_not_vary_has_no_correlation():
    assert pearson(np.ones(5), np.arange(5.0)) is None
    assert kendall(np.ones(5), np.arange(5.0)) is None


def metrics(**values):
    """Metrics by name; those called ``less`` are better the less they are."""
    measures = tuple(
        Measure(name, "1", "", "lower" if name.startswith("less") else "higher") for name in values
    )
    return Metrics(measures, values)


def test_the_bootstrap_interval_holds_the_coefficient():
    values, scores = points()
    names = [f"c@{n}" for n in range(values.size)]
    run = metrics(quality={(name, "a"): v for name, v in zip(names, values, strict=True)})
    means = dict(zip(names, scores.tolist(), strict=True))
    (found,) = agreement_by_condition(run, means, np.random.default_rng(0))
    for coefficient in (found.pearson, found.spearman, found.kendall):
        assert coefficient.ci_low < coefficient.value <= coefficient.ci_high
    assert found.rmse.value == pytest.approx(fit_error(values, scores))
    assert (found.n, found.n_items) == (20, 1)


def test_scores_are_joined_by_condition_and_item_and_less_is_turned_round():
    conditions = [f"opus@{rate}" for rate in (6, 12, 24, 48)]
    places = [(name, item) for name in conditions for item in ("a", "b", "other")]
    rank = {name: float(number) for number, name in enumerate(conditions)}
    run = metrics(
        quality={(c, i): rank[c] + (100 if i == "other" else 0) for c, i in places},
        less_distance={(c, i): -rank[c] for c, i in places},
    )
    scores = {(c, i): 20 + 10 * rank[c] for c, i in places if i != "other"}
    found = agreement_by_item(run, scores, np.random.default_rng(0))
    assert [(f.metric, f.level, f.n, f.n_items) for f in found] == [
        ("quality", "condition", 4, 2),
        ("quality", "item", 8, 2),
        ("less_distance", "condition", 4, 2),
        ("less_distance", "item", 8, 2),
    ]
    assert all(f.pearson.value == pytest.approx(1.0) for f in found)


def test_means_over_conditions_are_of_the_items_that_all_have():
    values = {("a", "easy"): 9.0, ("a", "hard"): 1.0, ("b", "hard"): 2.0, ("c", "hard"): 3.0}
    means = {"a": 10.0, "b": 20.0, "c": 30.0}
    (found,) = agreement_by_condition(metrics(m=values), means, np.random.default_rng(0))
    assert found.pearson.value == pytest.approx(1.0)
    assert found.n_items == 1


def test_two_conditions_are_too_few():
    values = {("a", "x"): 1.0, ("b", "x"): 2.0}
    means = {"a": 1.0, "b": 2.0}
    assert agreement_by_condition(metrics(m=values), means, np.random.default_rng(0)) == ()


def test_published_means_are_read_without_what_every_test_has(tmp_path):
    path = tmp_path / "means.csv"
    path.write_text(
        "test,condition,mean,ci95\nlow,reference,99,0.6\nlow,a@3,83,2.7\nhigh,reference,97,\n"
    )
    assert is_means_file(path)
    assert unique_means(read_means(path)) == {"a@3": 83.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("condition,mean\n", "no means"),
        ("condition,mean\na,\n", "line 2: a condition and its mean"),
        ("condition,mean\na,x\n", "line 2: mean is 'x'"),
        ("condition,mean\na,1\na,2\n", "line 3: condition 'a' is there twice"),
    ],
)
def test_wrong_published_means_are_named_by_line(tmp_path, text, message):
    path = tmp_path / "means.csv"
    path.write_text(text)
    with pytest.raises(RatingError, match=message):
        read_means(path)
