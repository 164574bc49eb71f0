"""Ratings are checked as a whole, and written so that they can be read back."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from mushra_web.analysis.irregularities import outliers, suspicions
from mushra_web.analysis.ratings_cube import ratings_cube
from mushra_web.analysis.readers.files import read_ratings
from mushra_web.ratings import COLUMNS, Rating, RatingError, RatingsTable, collect, to_csv

RATING = Rating("t", "s1", "me", "x", "i1", "music", "codec-a", 70.0, 1, 12.5, "mushra", "good; so")


def collected(*ratings):
    return collect((f"row {number}", rating) for number, rating in enumerate(ratings, start=1))


def test_a_written_table_is_read_back(tmp_path):
    table = collected(
        RATING,
        replace(RATING, condition='odd, "name"\n', score=None, position=None, seconds=None),
        replace(RATING, session="s2", listener="Zoë", comment="two\nlines"),
    )
    path = tmp_path / "ratings.csv"
    path.write_text(to_csv(table), encoding="utf-8", newline="")
    assert read_ratings(path).ratings == table.ratings


def test_the_columns_are_the_fields_of_a_rating():
    assert next(csv.reader(io.StringIO(to_csv([RATING])))) == list(COLUMNS)


def test_a_repeated_rating_counts_once_and_is_noted():
    table = collected(RATING, RATING)
    assert len(table) == 1
    assert table.notes == ("session s1: 1 ratings are there again; each counts once.",)


def test_a_listener_with_two_sessions_is_noted():
    table = collected(RATING, replace(RATING, session="s2"))
    assert len(table) == 2
    assert table.notes[0].startswith("listener me has 2 sessions (s1, s2)")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ({"score": 80.0}, r"row 2: session 's1' has the scores 70.0 and 80.0"),
        ({"test": "u"}, r"row 2: test 'u' in ratings of test 't'"),
        ({"method": "acr", "score": 3.0}, r"row 2: method 'acr' in ratings of method 'mushra'"),
        ({"condition": "b", "score": 100.5}, r"row 2: score 100.5 .* 0 to 100 expected"),
        ({"condition": "b", "score": -1.0}, r"row 2: score -1.0"),
    ],
)
def test_ratings_that_do_not_go_together_are_refused(second, message):
    with pytest.raises(RatingError, match=message):
        collected(RATING, replace(RATING, **second))


def test_no_ratings_are_refused():
    with pytest.raises(RatingError, match="there are no ratings"):
        collected()


def grid(scores):
    """A table from an array of listeners, conditions and items."""
    return RatingsTable(
        tuple(
            Rating("t", f"l{li}", f"l{li}", f"i{i}", f"i{i}", "even" if i % 2 == 0 else "odd",
                   f"c{c}", float(score), 1, 60.0, "mushra")
            for (li, c, i), score in np.ndenumerate(scores)
        )
    )  # fmt: skip


def test_the_array_holds_each_rating_in_its_place():
    scores = np.random.default_rng(0).integers(0, 101, (4, 3, 5)).astype(float)
    cube = ratings_cube(grid(scores))
    for c in range(3):
        np.testing.assert_array_equal(cube.of(f"c{c}"), scores[:, c])
    means = [float(np.mean(cube.of(name))) for name in cube.conditions]
    assert means == sorted(means, reverse=True)
    np.testing.assert_array_equal(cube.in_category("odd").of("c1"), scores[:, 1, 1::2])


def test_missing_ratings_are_missing_in_the_array():
    table = grid(np.full((2, 2, 2), 50.0))
    cube = ratings_cube(table.ratings[:-1])
    assert np.isnan(cube.scores).sum() == 1
    assert cube.complete().listeners == ("l0",)


def test_ratings_of_two_sessions_of_a_listener_are_averaged():
    again = replace(RATING, session="s2", score=90.0)
    assert ratings_cube([RATING, again]).scores.item() == 80.0


def test_a_score_beyond_the_whiskers_is_flagged_and_stays():
    scores = np.tile(np.array([50.0, 51, 52, 53, 54, 55, 56, 95])[:, None, None], (1, 1, 1))
    table = grid(scores)
    (found,) = outliers(ratings_cube(table))
    assert (found.listener, found.score) == ("l7", 95.0)
    assert found.low < 50 < 56 < found.high < 95


def habits(scores, seconds=60.0):
    table = grid(scores)
    rated = tuple(replace(r, seconds=seconds) for r in table)
    return {
        (s.listener, s.habit): (s.n_trials, s.of_trials) for s in suspicions(RatingsTable(rated))
    }


def test_careful_listeners_are_not_suspected():
    scores = np.tile(np.array([100.0, 60, 20])[None, :, None], (3, 1, 6))
    assert habits(scores) == {}


def test_a_listener_who_leaves_all_at_100_is_suspected():
    scores = np.tile(np.array([100.0, 60, 20])[None, :, None], (3, 1, 6))
    scores[1] = 100
    assert habits(scores) == {("l1", "all scores at the maximum"): (6, 6)}


def test_a_listener_who_rates_all_alike_is_suspected():
    scores = np.tile(np.array([100.0, 60, 20])[None, :, None], (3, 1, 6))
    scores[2, :, :4] = 55
    assert habits(scores) == {("l2", "hardly tells conditions apart"): (4, 6)}


def test_half_of_the_trials_are_no_habit():
    scores = np.tile(np.array([100.0, 60, 20])[None, :, None], (2, 1, 6))
    scores[1, :, :3] = 100
    assert habits(scores) == {}


def test_a_listener_who_cannot_have_heard_everything_is_suspected():
    scores = np.tile(np.array([100.0, 60, 20])[None, :, None], (1, 1, 6))
    assert habits(scores, seconds=2.9) == {("l0", "faster than heard"): (6, 6)}
    assert habits(scores, seconds=3.0) == {}
