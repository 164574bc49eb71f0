"""Readers of ratings give what was rated, whichever program stored it and in whichever order."""

from __future__ import annotations

import csv
import io
import json
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mushra_web.analysis.readers.files import read_ratings
from mushra_web.analysis.readers.responses import Naming
from mushra_web.listening_test import ListeningTest, Stimulus, Trial, write_test
from mushra_web.ratings import RatingError
from mushra_web.serving.answers import Answer, AnswerStore, Submission

SAMPLES = Path(__file__).resolve().parents[1].parent / "shared" / "webmushra_samples"
needs_samples = pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the shared webmushra_samples folder is not beside the checkout"
)
QUICK = settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CONDITIONS = ("reference", "anchor35", "codec-a", "codec-b")
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    min_size=1,
    max_size=8,
)


def truth(runs, *, training=()):
    """Score by session, page and stimulus of runs of ``expected.json``."""
    expected = json.loads((SAMPLES / "expected.json").read_text())
    return {
        (expected[run]["uuid"], page, stimulus): float(
            expected[run]["rated"][page].get(stimulus, 100)
        )
        for run in runs
        for page, order in expected[run]["condition_order"].items()
        for stimulus in order
        if page not in training
    }


def read_back(path, **options):
    return {
        (rating.session, rating.item, rating.condition): rating.score
        for rating in read_ratings(path, **options)
    }


@needs_samples
def test_the_files_of_webmushra_hold_what_was_rated():
    path = SAMPLES / "php_results" / "hx_mushra_file_anchor" / "mushra.csv"
    runs = [f"php_{name}" for name in ("file_1", "file_2", "file_3", "file_uni", "skip")]
    assert read_back(path) == truth(runs, training=["training_1"])


@needs_samples
def test_browser_made_anchors_are_conditions_too():
    path = SAMPLES / "php_results" / "hx_mushra_browser_anchor" / "mushra.csv"
    assert read_back(path) == truth(["php_browser_1"], training=["training_1"])


@needs_samples
def test_order_and_time_are_those_of_the_session():
    path = SAMPLES / "php_results" / "hx_mushra_file_anchor" / "mushra.csv"
    expected = json.loads((SAMPLES / "expected.json").read_text())["php_file_3"]
    ratings = [r for r in read_ratings(path) if r.session == expected["uuid"]]
    for page, order in expected["condition_order"].items():
        shown = sorted((r for r in ratings if r.item == page), key=lambda r: r.position)
        assert [r.condition for r in shown] == (order if page != "training_1" else [])
    assert {r.seconds for r in ratings if r.item == "speech1"} == {1.645}
    assert {r.listener for r in ratings} == {"L03"}


@needs_samples
@pytest.mark.parametrize("name", ["lss", "lms", "paired_comparison", "bs1116"])
def test_other_tests_hold_what_was_rated(name):
    expected = json.loads((SAMPLES / "expected.json").read_text())
    ratings = read_ratings(SAMPLES / "php_results" / "hx_other_types" / f"{name}.csv")
    found = {(r.listener, r.condition, r.trial.split("/")[1]): r.score for r in ratings}
    wanted = {}
    for run in ("php_other_1", "php_other_2"):
        session = expected[run]["session"]
        listener = session["participant"]["response"][0]
        for page in session["trials"]:
            for response in page["responses"]:
                wanted |= scores_of(name, listener, page["type"], response)
    assert found == wanted


def scores_of(name, listener, kind, response):
    """What the test's own file stores for one response."""
    kinds = {"lss": "likert_single_stimulus", "lms": "likert_multi_stimulus"}
    if kind != kinds.get(name, name):
        return {}
    if kind.startswith("likert"):
        stimulus, score = response["stimulus"], response["stimulusRating"]
        score = score[0] if isinstance(score, list) else score
        return {(listener, stimulus, stimulus): float(score)}
    other = response["nonReference"]
    if kind == "bs1116":
        return {
            (listener, "reference", other): float(response["referenceScore"]),
            (listener, other, other): float(response["nonReferenceScore"]),
        }
    right = {"correct": 1.0, "incorrect": 0.0, "undecided": 0.5}[response["answer"]]
    return {
        (listener, "reference", other): right,
        (listener, other, other): 1 - right,
        (listener, "x:reference", other): right,
    }


@needs_samples
@pytest.mark.parametrize("name", ["lss", "lms", "paired_comparison", "bs1116"])
def test_a_session_that_was_sent_twice_counts_once(name):
    folder = SAMPLES / "php_results" / "hx_other_types"
    once, twice = (
        read_ratings(folder / f"{name}.csv"),
        read_ratings(folder / f"{name}_after_double_send.csv"),
    )
    assert len(twice) == len(once) * 3 // 2
    assert len(twice.listeners) == 3
    assert any("there again" in note for note in twice.notes)


@needs_samples
def test_the_exports_of_pymushra_hold_the_same():
    folder = SAMPLES / "pymushra"
    database = read_back(folder / "tinydb.json")
    content = json.loads((folder / "tinydb.json").read_text())["hx_mushra_file_anchor"]
    assert database == {
        (page["questionaire"]["uuid"], page["id"], response["stimulus"]): response["score"]
        for page in content.values()
        for response in page["responses"]
        if page["id"] != "training_1"
    }
    assert read_back(folder / "export.csv") == database
    assert read_back(folder / "export.json") == database


@needs_samples
def test_training_is_left_out_and_named():
    path = SAMPLES / "php_results" / "hx_mushra_file_anchor" / "mushra.csv"
    assert read_ratings(path).notes == ("left out as training: training_1.",)
    with_it = read_ratings(path, Naming(training=("noise1",)))
    assert {r.item for r in with_it} == {"training_1", "speech1", "music1"}


@st.composite
def sessions(draw):
    """Scores by session, item and condition, with one listener name for each session."""
    listeners = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    items = draw(st.lists(st.sampled_from(["i1", "i2", "i3"]), min_size=1, unique=True))
    score = st.integers(0, 100)
    return {
        (str(uuid.UUID(int=n + 1)), listener): {
            (item, condition): draw(score) for item in items for condition in CONDITIONS
        }
        for n, listener in enumerate(listeners)
    }


def webmushra_rows(rated, *, with_uuid):
    return [
        [
            "t",
            listener,
            "30",
            *([session] if with_uuid else []),
            item,
            condition,
            str(score),
            "900",
            "",
        ]
        for (session, listener), scores in rated.items()
        for (item, condition), score in scores.items()
    ]


def webmushra_text(rows, *, with_uuid):
    header = ["session_test_id", "listener", "age", *(["session_uuid"] if with_uuid else [])]
    header += ["trial_id", "rating_stimulus", "rating_score", "rating_time", "rating_comment"]
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue()


def by_listener(table):
    return {(r.listener, r.item, r.condition): r.score for r in table}


def wanted_of(rated):
    return {
        (listener, *place): float(score)
        for (_, listener), scores in rated.items()
        for place, score in scores.items()
    }


@QUICK
@given(rated=sessions(), with_uuid=st.booleans(), data=st.data())
def test_webmushra_files_are_read_in_any_order_and_twice(tmp_path, rated, with_uuid, data):
    rows = webmushra_rows(rated, with_uuid=with_uuid)
    again = rows[: data.draw(st.integers(0, len(rows)))]
    shuffled = data.draw(st.permutations(rows + again))
    path = tmp_path / "mushra.csv"
    path.write_text(webmushra_text(shuffled, with_uuid=with_uuid), encoding="utf-8", newline="")
    assert by_listener(read_ratings(path)) == wanted_of(rated)


@QUICK
@given(rated=sessions(), data=st.data())
def test_tidy_files_are_read_in_any_order_and_twice(tmp_path, rated, data):
    rows = [
        [session, listener, item, condition, score]
        for (session, listener), scores in rated.items()
        for (item, condition), score in scores.items()
    ]
    rows = data.draw(st.permutations(rows + rows[:3]))
    text = io.StringIO()
    csv.writer(text).writerows([["session", "listener", "item", "condition", "score"], *rows])
    path = tmp_path / "ratings.csv"
    path.write_text(text.getvalue(), encoding="utf-8", newline="")
    assert by_listener(read_ratings(path)) == wanted_of(rated)


@QUICK
@given(rated=sessions(), data=st.data())
def test_pymushra_files_are_read_in_any_order_and_twice(tmp_path, rated, data):
    rows = [
        {
            "questionaire_uuid": session, "questionaire_listener": listener, "wm_id": item,
            "wm_type": "mushra", "wm_testId": "t", "responses_stimulus": condition,
            "responses_score": score, "responses_time": 900, "responses_comment": None,
        }
        for (session, listener), scores in rated.items()
        for (item, condition), score in scores.items()
    ]  # fmt: skip
    rows = data.draw(st.permutations(rows + rows[:3]))
    path = tmp_path / "export.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    assert by_listener(read_ratings(path)) == wanted_of(rated)


def listening_test(method="mushra"):
    """Two trials and one of training; ids say nothing."""

    def trial(name, item):
        stimuli = tuple(
            Stimulus(f"{name}{n}", condition, f"stimuli/{name}{n}.wav", "0" * 64, 100)
            for n, condition in enumerate(CONDITIONS)
        )
        reference = Stimulus(f"{name}r", "reference", f"stimuli/{name}r.wav", "0" * 64, 100)
        return Trial(name, item, "music", reference, stimuli)

    return ListeningTest(
        "test1", "Title", method, 1, 24000, "en",
        trials=(trial("x", "i1"), trial("y", "i2")),
        assignment=(("x", "y"),),
        training=(trial("z", "i3"),),
    )  # fmt: skip


def submission(session):
    body = {"testId": "test1", "participant": {"name": [], "response": []}, "trials": []}
    return Submission(session, "test1", body, "")


@QUICK
@given(scores=st.lists(st.integers(0, 100), min_size=8, max_size=8), data=st.data())
def test_stored_answers_are_read_in_any_order_and_once(tmp_path_factory, scores, data):
    folder = tmp_path_factory.mktemp("test")
    write_test(listening_test(), folder)
    places = [(trial, n) for trial in "xy" for n in range(4)]
    answers = [
        Answer("s", trial, f"{trial}{n}", float(score), position=n + 1)
        for (trial, n), score in zip(places, scores, strict=True)
    ]
    with AnswerStore(folder) as store:
        stored = data.draw(st.permutations(answers))
        assert store.record_submission(submission("s"), stored)
        assert not store.record_submission(submission("s"), stored)
    found = {(r.item, r.condition): r.score for r in read_ratings(folder)}
    items = {"x": "i1", "y": "i2"}
    assert found == {
        (items[trial], CONDITIONS[n]): float(score)
        for (trial, n), score in zip(places, scores, strict=True)
    }


def test_training_in_a_test_folder_does_not_count(tmp_path):
    write_test(listening_test(), tmp_path)
    with AnswerStore(tmp_path) as store:
        answers = [Answer("s", trial, f"{trial}0", 50.0) for trial in "xz"]
        store.record_submission(submission("s"), answers)
    table = read_ratings(tmp_path)
    assert [(r.item, r.condition, r.category) for r in table] == [("i1", "reference", "music")]


def test_an_answer_of_another_test_is_named(tmp_path):
    write_test(listening_test(), tmp_path)
    with AnswerStore(tmp_path) as store:
        store.record_submission(submission("s"), [Answer("s", "x", "q9", 50.0)])
    with pytest.raises(RatingError, match=r"answer 1: trial x has no stimulus 'q9'"):
        read_ratings(tmp_path)


def test_a_folder_that_nobody_has_rated_says_so(tmp_path):
    write_test(listening_test(), tmp_path)
    with pytest.raises(RatingError, match="nobody has rated yet"):
        read_ratings(tmp_path)
