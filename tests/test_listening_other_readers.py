"""What webMUSHRA wrote of its other tests is read back, in any order and twice over."""

from __future__ import annotations

import csv

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mushra_web.analysis.readers.files import read_ratings

QUICK = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the file is written anew
)
START = ["session_test_id", "listener", "trial_id"]
STIMULI = ("codec_x", "codec_y")
ANSWERS = {"correct": 1.0, "incorrect": 0.0, "undecided": 0.5}
GRADES = st.integers(10, 50).map(lambda tenths: tenths / 10)
OPINIONS = st.integers(1, 5)


def rated(answer):
    """Answers by listener, page and stimulus."""
    place = st.tuples(
        st.sampled_from(["ann", "bo, jr", 'c "x"']),
        st.sampled_from(["page1", "page2"]),
        st.sampled_from(STIMULI),
    )
    return st.dictionaries(place, answer, min_size=1)


def written(path, header, rows, data):
    """A file with the rows in any order, some of them twice."""
    again = rows[: data.draw(st.integers(0, len(rows)))]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *data.draw(st.permutations(rows + again))])
    return read_ratings(path)


def scores_of(table, condition):
    """Scores by listener, page and stimulus of the rows of a condition."""
    return {
        (r.listener, r.item, r.trial.partition("/")[2]): r.score
        for r in table
        if condition in (r.condition, "any")
    }


@QUICK
@given(answers=rated(OPINIONS), data=st.data())
@pytest.mark.parametrize("blank", ["", " "])
def test_opinion_scores_are_read_in_any_order_and_once(tmp_path, answers, data, blank):
    header = [*START, "stimuli_rating", "stimuli", "rating_time"]
    rows = [
        ["t", who, page, f"{blank}{score}{blank}", stimulus, "400"]
        for (who, page, stimulus), score in answers.items()
    ]
    table = written(tmp_path / "lss.csv", header, rows, data)
    assert table.method == "acr"
    assert scores_of(table, "any") == answers


@QUICK
@given(answers=rated(st.tuples(GRADES, GRADES)), data=st.data())
def test_bs1116_grades_are_read_in_any_order_and_once(tmp_path, answers, data):
    header = [
        *START, "rating_reference", "rating_non_reference", "rating_reference_score",
        "rating_non_reference_score", "rating_time", "choice_comment",
    ]  # fmt: skip
    rows = [
        ["t", who, page, "reference", stimulus, first, second, "400", ""]
        for (who, page, stimulus), (first, second) in answers.items()
    ]
    table = written(tmp_path / "bs1116.csv", header, rows, data)
    assert table.method == "bs1116"
    assert scores_of(table, "reference") == {place: pair[0] for place, pair in answers.items()}
    others = {
        (r.listener, r.item, r.condition): r.score for r in table if r.condition != "reference"
    }
    assert others == {place: pair[1] for place, pair in answers.items()}


@QUICK
@given(answers=rated(st.sampled_from(sorted(ANSWERS))), data=st.data())
def test_paired_comparisons_are_read_in_any_order_and_once(tmp_path, answers, data):
    header = [
        *START, "choice_reference", "choice_non_reference", "choice_answer", "choice_time",
        "choice_comment",
    ]  # fmt: skip
    rows = [
        ["t", who, page, "reference", stimulus, answer, "400", ""]
        for (who, page, stimulus), answer in answers.items()
    ]
    table = written(tmp_path / "paired_comparison.csv", header, rows, data)
    assert table.method == "abx"
    right = {place: ANSWERS[answer] for place, answer in answers.items()}
    assert scores_of(table, "x:reference") == right
