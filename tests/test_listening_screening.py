"""Post-screening leaves out whom its rule names, with exact limits, and logs why."""

from __future__ import annotations

import pytest

from mushra_web.analysis.screening import exceeds_share, kept, screen
from mushra_web.ratings import Rating, RatingError, RatingsTable


def rating(listener, item, condition, score):
    return Rating("t", listener, listener, item, item, "", condition, score, 1, 30.0, "mushra")


def table_of(scores, *, n_listeners_else=8, low=20.0, mid=60.0):
    """Ratings of one listener, and of careful ones beside.

    Args:
        scores: by condition, what the listener ``me`` gives on each item.
        n_listeners_else: how many careful listeners there are.
        low: what these give the low anchor.
        mid: what these give the mid anchor.
    """
    n_items = len(next(iter(scores.values())))
    usual = {"reference": 100.0, "anchor70": mid, "anchor35": low}
    rows = []
    for i in range(n_items):
        for condition, score in usual.items():
            rows += [
                rating(f"other{n}", f"item{i}", condition, score) for n in range(n_listeners_else)
            ]
            given = scores.get(condition, [score] * n_items)[i]
            rows.append(rating("me", f"item{i}", condition, given))
    return RatingsTable(tuple(rows))


def excluded(table, rule):
    return [exclusion.listener for exclusion in screen(table, rule).excluded]


def with_slips(n_slips, n_items, slip, usual):
    return [slip] * n_slips + [usual] * (n_items - n_slips)


@pytest.mark.parametrize("rule", ["bs1534-3", "low-anchor"])
@pytest.mark.parametrize(
    ("n_slips", "n_items", "stays"),
    [(3, 20, True), (4, 20, False), (1, 12, True), (2, 12, False), (1, 6, False), (6, 40, True)],
)
def test_more_than_15_percent_of_missed_references_exclude(rule, n_slips, n_items, stays):
    table = table_of({"reference": with_slips(n_slips, n_items, 89.0, 90.0)})
    assert excluded(table, rule) == ([] if stays else ["me"])


@pytest.mark.parametrize(("rule", "anchor"), [("bs1534-3", "anchor70"), ("low-anchor", "anchor35")])
@pytest.mark.parametrize(("n_slips", "n_items", "stays"), [(3, 20, True), (2, 12, False)])
def test_more_than_15_percent_of_anchors_taken_for_excellent_exclude(
    rule, anchor, n_slips, n_items, stays
):
    table = table_of({anchor: with_slips(n_slips, n_items, 91.0, 90.0)})
    assert excluded(table, rule) == ([] if stays else ["me"])


def test_exactly_90_is_no_slip():
    scores = {"reference": [90.0] * 12, "anchor70": [90.0] * 12, "anchor35": [90.0] * 12}
    assert excluded(table_of(scores), "bs1534-3") == []
    assert excluded(table_of(scores), "low-anchor") == []


def test_each_rule_looks_at_its_own_anchor():
    assert excluded(table_of({"anchor35": [95.0] * 12}), "bs1534-3") == []
    assert excluded(table_of({"anchor70": [95.0] * 12}), "low-anchor") == []


def test_a_listener_who_leaves_all_at_100_is_found_by_the_anchor():
    table = table_of({name: [100.0] * 12 for name in ("reference", "anchor70", "anchor35")})
    assert excluded(table, "bs1534-3") == excluded(table, "low-anchor") == ["me"]


@pytest.mark.parametrize(("n_others_high", "stays"), [(1, False), (2, True)])
def test_an_anchor_that_more_than_a_quarter_rate_high_is_excused(n_others_high, stays):
    # with me, 2 of 8 listeners are a quarter, 3 of 8 are more
    table = table_of({"anchor70": [95.0] * 12}, n_listeners_else=7)
    raised = tuple(
        rating(r.listener, r.item, r.condition, 95.0)
        if r.condition == "anchor70" and r.listener in [f"other{n}" for n in range(n_others_high)]
        else r
        for r in table
    )
    screening = screen(RatingsTable(raised), "bs1534-3")
    found = [exclusion.listener for exclusion in screening.excluded]
    assert ("me" not in found) == stays
    verdicts = {f.verdict for f in screening.log if f.listener == "me" and f.score == 95.0}
    assert verdicts == ({"excused"} if stays else {"slip"})


def test_the_low_anchor_is_never_excused():
    table = table_of({"anchor35": [95.0] * 12}, low=95.0)
    assert set(excluded(table, "low-anchor")) == set(table.listeners)


def test_the_log_has_a_line_for_each_listener_item_and_condition():
    table = table_of({"reference": with_slips(2, 12, 70.0, 95.0)})
    screening = screen(table, "bs1534-3")
    places = {(f.listener, f.item, f.condition) for f in screening.log}
    assert len(places) == len(screening.log) == 9 * 12 * 2
    assert sum(f.verdict == "slip" for f in screening.log) == 2


def test_the_reason_names_count_and_share():
    table = table_of({"reference": with_slips(2, 12, 70.0, 95.0)})
    (exclusion,) = screen(table, "low-anchor").excluded
    assert exclusion.reason == "hidden reference below 90 on 2 of 12 items (16.7%)"


def test_no_rule_leaves_everybody_in():
    table = table_of({"reference": [0.0] * 12})
    assert screen(table, "none").excluded == ()
    assert kept(table, screen(table, "none")).listeners == table.listeners


def test_the_ratings_of_the_excluded_are_gone():
    table = table_of({"reference": [0.0] * 12})
    rest = kept(table, screen(table, "bs1534-3"))
    assert "me" not in rest.listeners
    assert len(rest) == len(table) - 36


def test_a_rule_without_its_anchor_is_refused():
    table = RatingsTable(
        tuple(r for r in table_of({"reference": [99.0] * 6}) if r.condition != "anchor70")
    )
    with pytest.raises(RatingError, match=r"needs ratings of 'anchor70'.*another rule"):
        screen(table, "bs1534-3")


def test_another_name_of_the_anchor_can_be_given():
    table = table_of({"anchor70": [95.0] * 12})
    assert screen(table, "low-anchor", low_anchor="anchor70").excluded[0].listener == "me"


def test_a_rule_that_excludes_everybody_is_an_error():
    table = table_of({"reference": [0.0] * 12}, n_listeners_else=0)
    with pytest.raises(RatingError, match="excludes all 1 listeners: me: hidden reference"):
        kept(table, screen(table, "bs1534-3"))


def test_shares_are_compared_exactly():
    # 0.15 * 20 is not 3 in binary floating point
    assert not any(exceeds_share(3 * k, 20 * k, 15) for k in range(1, 200))
    assert all(exceeds_share(3 * k + 1, 20 * k, 15) for k in range(1, 200))


def test_stimuli_without_a_score_do_not_count():
    table = table_of({"reference": [*with_slips(1, 6, 80.0, 95.0), None, None]})
    assert excluded(table, "bs1534-3") == ["me"]  # 1 of 6, not 1 of 8
