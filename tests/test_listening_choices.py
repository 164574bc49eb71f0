"""Tests of choices and graded pairs, from ratings to shares, strengths and grades."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats

from mushra_web.analysis.analysis import analyse
from mushra_web.analysis.choices import abx_result, preference_result
from mushra_web.analysis.graded_pairs import comparison_grades, difference_grades
from mushra_web.analysis.options import Options
from mushra_web.ratings import Rating, RatingError, RatingsTable


def page(method, listener, trial, scores):
    """The ratings of one page: score by condition."""
    return [
        Rating("t", listener, listener, trial, trial, "", condition, score, n, 10.0, method)
        for n, (condition, score) in enumerate(scores.items(), start=1)
    ]


def table(pages):
    return RatingsTable(tuple(rating for ratings in pages for rating in ratings))


def preferences(n_first, n_second, n_none=0, pair=("a", "b")):
    scores = [1.0] * n_first + [0.0] * n_second + [0.5] * n_none
    return [
        page("ab", f"l{n}", f"{'-'.join(pair)}", {pair[0]: score, pair[1]: 1 - score})
        for n, score in enumerate(scores)
    ]


def test_a_preference_has_an_exact_binomial_p_without_the_undecided():
    result = preference_result(table(preferences(15, 5, 3)))
    (pair,) = result.pairs
    assert (pair.a, pair.b, pair.n, pair.n_without, pair.share) == ("a", "b", 20, 3, 0.75)
    assert pair.p == pytest.approx(scipy.stats.binomtest(15, 20).pvalue)
    # an undecided answer counts half for each: 16.5 against 6.5
    strength = result.strengths["a"] - result.strengths["b"]
    assert strength == pytest.approx(np.log(16.5 / 6.5), rel=1e-8)


def test_the_order_of_presentation_does_not_matter():
    turned = [list(reversed(ratings)) for ratings in preferences(15, 5)]
    assert preference_result(table(turned)) == preference_result(table(preferences(15, 5)))


def test_several_pairs_are_adjusted_together():
    pages = preferences(15, 5) + preferences(12, 8, pair=("a", "c"))
    pairs = preference_result(table(pages)).pairs
    assert pairs[0].p == pytest.approx(2 * scipy.stats.binomtest(15, 20).pvalue)
    assert pairs[1].p == pytest.approx(scipy.stats.binomtest(12, 20).pvalue)


def test_a_side_that_always_wins_has_a_share_but_no_strength():
    result = preference_result(table(preferences(9, 0)))
    assert result.pairs[0].share == 1.0
    assert result.strengths == {}
    assert "b never won" in result.message


def test_only_undecided_answers_have_no_share():
    (pair,) = preference_result(table(preferences(0, 0, 4))).pairs
    assert (pair.share, pair.p, pair.n_without) == (None, None, 4)


def test_scores_of_a_pair_must_add_up():
    pages = [page("ab", "l1", "x", {"a": 1.0, "b": 1.0})]
    with pytest.raises(RatingError, match=r"session 'l1', trial 'x' has the scores \[1.0, 1.0\]"):
        preference_result(table(pages))


def test_a_pair_needs_both_scores():
    with pytest.raises(RatingError, match="two that add up to 1"):
        preference_result(table([page("ab", "l1", "x", {"a": 1.0})]))


def discriminations(n_right, n_wrong):
    return [
        page("abx", f"l{n}", "x", {"a": right, "b": 1 - right, "x:a": right})
        for n, right in enumerate([1.0] * n_right + [0.0] * n_wrong)
    ]


def test_right_answers_are_counted_and_tested():
    (found,) = abx_result(table(discriminations(14, 6)))
    assert (found.a, found.b, found.n, found.correct, found.share) == ("a", "b", 20, 14, 0.7)
    assert found.p == pytest.approx(scipy.stats.binomtest(14, 20).pvalue)
    assert 1.0 < found.d_prime < 2.0


def test_a_page_without_x_is_named():
    with pytest.raises(RatingError, match="has not the rows of A, B and X"):
        abx_result(table([page("abx", "l1", "x", {"a": 1.0, "b": 0.0})]))


def test_difference_grades_are_means_over_listeners():
    rng = np.random.default_rng(0)
    grades = np.round(rng.uniform(3, 5, (8, 3)), 1)
    pages = [
        page("bs1116", f"l{n}", f"i{i}", {"reference": 5.0, "codec": grades[n, i]})
        for n in range(8)
        for i in range(3)
    ]
    (found,) = difference_grades(table(pages))
    means = grades.mean(axis=1) - 5
    low, high = scipy.stats.t.interval(0.95, 7, means.mean(), scipy.stats.sem(means))
    assert (found.a, found.b, found.n_listeners) == ("codec", "reference", 8)
    assert (found.difference, found.ci_low, found.ci_high) == pytest.approx(
        (means.mean(), low, high)
    )


def test_a_grade_needs_its_hidden_reference():
    with pytest.raises(RatingError, match="0 hidden references and 2 other stimuli"):
        difference_grades(table([page("bs1116", "l1", "x", {"a": 4.0, "b": 3.0})]))


def test_comparison_grades_are_against_the_reference():
    pages = [
        page("ccr", f"l{n}", "x", {"reference": -score, "codec": score})
        for n, score in enumerate([-1.0, -2.0, 0.0, -1.0, -1.0])
    ]
    (found,) = comparison_grades(table(pages))
    assert (found.a, found.b, found.difference) == ("codec", "reference", -1.0)
    values = np.array([-1.0, -2.0, 0.0, -1.0, -1.0])
    expected = scipy.stats.wilcoxon(values, zero_method="zsplit").pvalue
    assert found.p_wilcoxon == pytest.approx(expected)


def test_comparison_grades_must_add_up_to_zero():
    with pytest.raises(RatingError, match="two that add up to 0"):
        comparison_grades(table([page("ccr", "l1", "x", {"a": 1.0, "b": 1.0})]))


@pytest.mark.parametrize(
    ("pages", "part"),
    [
        (preferences(8, 3), "preference"),
        (discriminations(8, 3), "abx"),
        ([page("ccr", f"l{n}", "x", {"a": 1.0, "b": -1.0}) for n in range(4)], "grades"),
    ],
)
def test_the_analysis_of_choices_has_its_own_part(pages, part):
    analysis = analyse(table(pages))
    assert getattr(analysis, part)
    assert analysis.conditions == ()
    assert analysis.screening.rule == "none"


def test_a_mushra_rule_is_refused_for_other_tests():
    with pytest.raises(RatingError, match="for MUSHRA tests; this is ab"):
        analyse(table(preferences(8, 3)), Options(screening="low-anchor"))
