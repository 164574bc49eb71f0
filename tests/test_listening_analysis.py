"""Every method of rating is analysed from end to end, and says what is wrong with a test."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mushra_web.analysis.analysis import analyse
from mushra_web.analysis.options import Options
from mushra_web.analysis.simulation import MODELS, protocol_design, simulate
from mushra_web.analysis.summary_text import summary_text
from mushra_web.analysis.tables import tables
from mushra_web.ratings import Rating, RatingError, collect


def ratings(method, rows, test="t"):
    """A table from rows of listener, item, condition and score."""
    return collect(
        (
            f"row {number}",
            Rating(test, who, who, item.partition("/")[0], item.partition("/")[2] or item, "",
                   condition, score, None, None, method),
        )
        for number, (who, item, condition, score) in enumerate(rows, start=1)
    )  # fmt: skip


def scored(method, levels, *, listeners=6, items=4, spread=4.0, top=100.0):
    """Ratings about a level for each condition, all listeners on all items."""
    rng = np.random.default_rng(0)
    return ratings(
        method,
        [
            (f"l{who}", f"i{item}", name,
             float(np.clip(round(rng.normal(level, spread)), 0 if top == 100 else 1, top)))
            for who in range(listeners)
            for item in range(items)
            for name, level in levels.items()
        ],
    )  # fmt: skip


MUSHRA = {"reference": 98.0, "a": 80.0, "b": 60.0, "c": 58.0, "anchor35": 25.0, "anchor70": 45.0}


@pytest.fixture(scope="module")
def mushra():
    return analyse(scored("mushra", MUSHRA, spread=2.0))


def test_conditions_come_best_first_and_differences_are_positive(mushra):
    assert [c.condition for c in mushra.conditions][:2] == ["reference", "a"]
    assert all(c.difference >= 0 for c in mushra.comparisons)
    assert mushra.options.screening == "bs1534-3"


def test_reference_and_anchors_are_a_family_of_their_own(mushra):
    systems = {frozenset((c.a, c.b)) for c in mushra.comparisons if c.family == "systems"}
    assert systems == {frozenset("ab"), frozenset("ac"), frozenset("bc")}


def test_a_difference_that_would_be_found_exceeds_the_half_width_of_the_interval(mushra):
    for pair in mushra.comparisons:
        assert pair.detectable_difference > 1.2 * (pair.ci_high - pair.ci_low) / 2


def test_letters_part_exactly_what_differs(mushra):
    for pair in mushra.comparisons:
        shared = set(mushra.letters[pair.a]) & set(mushra.letters[pair.b])
        assert bool(shared) == (pair.p >= 0.05)


def test_the_analysis_is_json_that_states_its_choices(mushra):
    content = json.loads(mushra.to_json())
    assert content["schema_version"] == 1
    assert content["options"]["population"] == "listeners and items"
    assert {"condition", "n", "mean", "ci_low", "ci_high", "median", "iqr"} <= set(
        content["conditions"][0]
    )
    assert {"a", "b", "difference", "ci_low", "ci_high", "p", "method"} <= set(
        content["comparisons"][0]
    )


def test_an_analysis_repeats_with_its_seed(mushra):
    assert analyse(scored("mushra", MUSHRA, spread=2.0)) == mushra


def test_the_summary_says_what_a_paper_says(mushra):
    best = next(c for c in mushra.comparisons if (c.a, c.b) == ("a", "b"))
    text = summary_text(mushra)
    assert (
        f"a is better than b by {best.difference:.1f} points, 95 % CI {best.ci_low:.1f} to "
        f"{best.ci_high:.1f}, Holm-corrected p < 0.001." in text
    )
    assert "0 of 6 were excluded by the rule bs1534-3" in text


def test_the_excluded_are_named_with_their_reason():
    design = protocol_design("hilcodec", listeners=8, careless=2)
    found = analyse(simulate(MODELS["hilcodec"], design, np.random.default_rng(0), name="t"))
    assert found.n_listeners == 6
    for exclusion in found.screening.excluded:
        assert f"{exclusion.listener}: {exclusion.reason}" in summary_text(found)


def test_one_item_speaks_of_listeners_only():
    found = analyse(scored("mushra", MUSHRA, items=1))
    assert found.options.population == "listeners"
    assert found.conditions[0].ci_low is not None


def test_a_test_without_a_mid_anchor_says_so():
    levels = {name: level for name, level in MUSHRA.items() if name != "anchor70"}
    found = analyse(scored("mushra", levels))
    assert found.options.screening == "low-anchor"
    assert any("no mid anchor" in warning for warning in found.warnings)


def test_excellent_systems_warn_of_the_ceiling():
    found = analyse(scored("mushra", {**MUSHRA, "a": 96.0, "b": 95.0, "c": 94.0}, spread=1.0))
    assert any("ceiling" in warning for warning in found.warnings)


def test_ratings_that_were_left_out_are_counted():
    rows = [("l0", "i0", "a", None)]
    table = scored("acr", {"a": 4.0, "b": 2.0}, spread=0.5, top=5)
    more = collect([("row", r) for r in (*table, *ratings("acr", rows).ratings) if r.item != "i0"])
    assert analyse(more).n_items == 3


@pytest.mark.parametrize("method", ["acr", "dcr"])
def test_opinion_scores_have_means_and_wilcoxon_tests(method):
    found = analyse(scored(method, {"reference": 4.8, "a": 4.0, "b": 2.0}, spread=0.5, top=5))
    means = {c.condition: c.mean for c in found.conditions}
    assert means["a"] == pytest.approx(4.0, abs=0.4)
    assert found.options.screening == "none"
    pair = next(c for c in found.comparisons if (c.a, c.b) == ("a", "b"))
    assert pair.p_wilcoxon == pytest.approx(2 * 0.5**6)  # the smallest of six listeners


def pairs(method, answers):
    """Ratings of pairs: one trial for each answer of listener, trial, and scores by condition."""
    return ratings(
        method,
        [
            (who, f"{trial}/i{trial}", condition, score)
            for who, trial, scores in answers
            for condition, score in scores.items()
        ],
    )


def test_bs1116_grades_are_differences_from_the_hidden_reference():
    answers = [
        (f"l{who}", f"{item}", {"reference": 5.0, "a": 4.0 - 0.1 * who})
        for who in range(6) for item in range(3)
    ]  # fmt: skip
    (grade,) = analyse(pairs("bs1116", answers)).grades
    assert (grade.a, grade.b, grade.n_listeners) == ("a", "reference", 6)
    assert grade.difference == pytest.approx(-1.25)


def test_ccr_grades_are_those_of_the_pair():
    answers = [
        (f"l{who}", f"{item}", {"reference": 1.0, "a": -1.0}) for who in range(6) for item in (0, 1)
    ]
    found = analyse(pairs("ccr", answers))
    (grade,) = found.grades
    assert (grade.a, grade.b, grade.difference) == ("a", "reference", -1.0)
    assert "a was graded 1.00 points worse than reference" in summary_text(found)


def test_preferences_are_shares_and_strengths():
    answers = [
        (f"l{n}", "0", {"a": float(n < 15), "b": float(n >= 15)}) for n in range(20)
    ] + [("l20", "0", {"a": 0.5, "b": 0.5})]  # fmt: skip
    found = analyse(pairs("ab", answers))
    (pair,) = found.preference.pairs
    assert (pair.n, pair.n_without, pair.share) == (20, 1, 0.75)
    assert pair.p == pytest.approx(0.041389, abs=1e-6)
    strengths = found.preference.strengths
    assert strengths["a"] - strengths["b"] == pytest.approx(np.log(15.5 / 5.5), abs=1e-6)
    assert "a was preferred to b in 75.0 % of 20 answers, p = 0.041" in summary_text(found)


def test_abx_answers_are_right_or_wrong():
    answers = [
        (f"l{n}", "0", {"a": float(right), "b": 1.0 - right, "x:a": float(right)})
        for n, right in enumerate([True] * 16 + [False] * 4)
    ]
    (found,) = analyse(pairs("abx", answers)).abx
    assert (found.n, found.correct, found.share) == (20, 16, 0.8)
    assert found.p == pytest.approx(0.011818, abs=1e-6)
    assert found.d_prime > 1


@pytest.mark.parametrize("method", ["ab", "ccr"])
def test_scores_of_a_pair_have_to_add_up(method):
    answers = [(f"l{n}", "0", {"a": 1.0, "b": 1.0}) for n in range(3)]
    with pytest.raises(RatingError, match=r"session 'l0', trial '0'.*add up to"):
        analyse(pairs(method, answers))


def test_every_kind_of_test_has_tables():
    answers = [(f"l{n}", "0", {"a": 1.0, "b": 0.0}) for n in range(3)]
    assert [t.title for t in tables(analyse(pairs("ab", answers)))] == ["Preferences"]


def test_a_screening_rule_is_for_mushra_tests():
    with pytest.raises(RatingError, match="the rule bs1534-3 is for MUSHRA tests; this is acr"):
        analyse(scored("acr", {"a": 4, "b": 2}, top=5), Options(screening="bs1534-3"))


def test_a_rule_needs_its_anchor():
    levels = {name: level for name, level in MUSHRA.items() if name != "anchor70"}
    with pytest.raises(RatingError, match="needs ratings of 'anchor70'"):
        analyse(scored("mushra", levels), Options(screening="bs1534-3"))


def test_one_listener_left_by_the_screening_is_too_few():
    rows = [
        (who, "i", condition, score)
        for who, reference in (("good", 99.0), ("bad", 10.0))
        for condition, score in (("reference", reference), ("a", 50.0), ("anchor35", 20.0))
    ]
    with pytest.raises(RatingError, match=r"one listener \(good\) is left"):
        analyse(ratings("mushra", rows))


@pytest.mark.parametrize(
    "score",
    [
        lambda who, item, level: 100,
        lambda who, item, level: level,
        lambda who, item, level: min(100, level + item),
        lambda who, item, level: min(100, level + 3 * who),
        lambda who, item, level: None if (who + item) % 2 and level < 90 else level + who % 2,
        lambda who, item, level: None if who == 0 and level < 90 else level + item * who,
    ],
    ids=["all 100", "by condition", "and item", "and listener", "gaps", "absent"],
)
def test_ratings_without_scatter_or_with_gaps_are_analysed(score, tmp_path):
    levels = {"reference": 94, "a": 60, "b": 60, "c": 30}
    rows = [
        (f"l{who}", f"i{item}", name, score(who, item, level))
        for who in range(3)
        for item in range(3)
        for name, level in levels.items()
    ]
    found = analyse(ratings("mushra", rows), Options(screening="none"))
    assert json.loads(found.to_json())["n_listeners"] == 3
    assert len(found.conditions) == 4
    assert summary_text(found)
