"""Answers are on disk when they are confirmed, once and unchanged."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from bench.run_folder import StorageFullError
from mushra_web.listening_test import Question
from mushra_web.presentation import PresentedTrial
from mushra_web.serving.answers import (
    DATABASE,
    Answer,
    AnswerConflictError,
    AnswerStore,
    AnswerStoreError,
    Session,
)
from mushra_web.serving.questionnaire_replies import InvalidReplyError, checked_replies
from mushra_web.serving.sessions import Step, current_step, next_listener_number
from mushra_web.serving.trial_scores import InvalidScoresError, SentScore, SentTrial, trial_answers

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with AnswerStore(tmp_path) as store:
        yield store


def begin(store, name="one", token="secret", identity="", number=0):
    return store.begin(
        name,
        token,
        identity=identity,
        participant={"PROLIFIC_PID": identity} if identity else {},
        completion="C0DE",
        listener_number=lambda _: number,
    )


def test_a_token_leads_to_its_session_and_no_other_does(store):
    session = begin(store)
    assert store.session_of("secret") == session
    assert store.session_of("guess") is None
    assert store.session_of("") is None


def test_the_file_does_not_hold_the_token(store, tmp_path):
    begin(store, token="a-secret-of-a-browser")
    store.close()
    assert b"a-secret-of-a-browser" not in (tmp_path / DATABASE).read_bytes()


def test_answers_survive_a_reader_of_its_own(store, tmp_path):
    begin(store)
    store.record_step("one", 0, {"a": 1}, answers=[Answer("one", "t", "s", 80.0, 1, 2.5, 3)])
    with AnswerStore(tmp_path) as other:
        (answer,) = other.answers()
    assert (answer.trial, answer.stimulus, answer.score) == ("t", "s", 80.0)
    assert (answer.position, answer.seconds, answer.replays) == (1, 2.5, 3)
    assert answer.received


def test_the_same_step_again_changes_nothing_and_another_is_refused(store):
    begin(store)
    answers = [Answer("one", "t", "s", 80.0)]
    store.record_step("one", 0, {"a": 1, "b": 2}, answers=answers)
    store.record_step("one", 0, {"b": 2, "a": 1}, answers=answers)
    with pytest.raises(AnswerConflictError, match="answered otherwise"):
        store.record_step("one", 0, {"a": 2}, answers=[Answer("one", "t", "s", 20.0)])
    assert [answer.score for answer in store.answers()] == [80.0]


def test_a_participant_who_comes_back_gets_the_same_session(store):
    first = begin(store, identity="p1")
    again = begin(store, name="two", token="other", identity="p1", number=1)
    assert again.id == first.id
    assert store.session_of("other") == store.session_of("secret")


def test_a_participant_who_has_finished_is_refused(store):
    begin(store, identity="p1")
    store.record_step("one", 0, {}, finished=True)
    with pytest.raises(AnswerConflictError, match="finished"):
        begin(store, name="two", token="other", identity="p1", number=1)


def test_a_full_disk_stores_nothing_and_the_store_works_on_after_it(store):
    begin(store)
    store._connection.execute("PRAGMA max_page_count = 1")  # as many as there are
    with pytest.raises(StorageFullError, match="cannot grow"):
        store.record_step("one", 0, {"text": "x" * 100_000}, answers=[Answer("one", "t", "s", 1.0)])
    assert list(store.answers()) == []
    assert store.steps("one") == {}
    store._connection.execute("PRAGMA max_page_count = 100000")
    store.record_step("one", 0, {}, answers=[Answer("one", "t", "s", 1.0)])
    assert len(list(store.answers())) == 1


def test_commits_are_synchronous_and_logged_ahead(store):
    pragma = store._connection.execute
    assert pragma("PRAGMA journal_mode").fetchone() == ("wal",)
    assert pragma("PRAGMA synchronous").fetchone() == (2,)  # FULL


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / DATABASE).write_text("no database, but a long enough text to be read as one" * 20)
    with pytest.raises(AnswerStoreError, match=r"ratings\.sqlite cannot be used"):
        AnswerStore(tmp_path)


def test_a_newer_schema_is_refused(tmp_path):
    AnswerStore(tmp_path).close()
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        connection.execute("UPDATE meta SET value = '99'")
    connection.close()
    with pytest.raises(AnswerStoreError, match="schema version 99"):
        AnswerStore(tmp_path)


def seen(number, *, ago=timedelta(0), finished=False, screening=""):
    moment = (NOW - ago).isoformat()
    return Session(
        str(number),
        number,
        "page",
        started=moment,
        seen=moment,
        finished=moment if finished else None,
        screening=screening,
    )


def test_numbers_are_given_in_turn_while_nobody_leaves():
    sessions = []
    for expected in range(7):
        assert next_listener_number(sessions, 3, NOW) == expected
        sessions.append(seen(expected))


@pytest.mark.parametrize(
    "leaver", [seen(1, ago=timedelta(hours=3)), seen(1, screening="failed")], ids=["away", "failed"]
)
def test_the_block_of_a_listener_who_left_is_given_again(leaver):
    sessions = [seen(0), leaver, seen(2)]
    assert next_listener_number(sessions, 3, NOW) == 4  # the next number of block 1


def test_a_finished_listener_counts_however_long_ago():
    sessions = [seen(0, finished=True, ago=timedelta(days=9)), seen(1)]
    assert next_listener_number(sessions, 3, NOW) == 2


def test_the_second_attempt_at_the_screening_is_passed_over_after_success():
    steps = [Step("welcome"), Step("screening"), Step("screening"), Step("questionnaire")]
    assert current_step(steps, {0, 1}, "") == 2
    assert current_step(steps, {0, 1}, "passed") == 3
    assert current_step(steps, {0, 1, 3}, "passed") == 4


def sent(scores, trial="q0", seconds=3.0):
    return SentTrial(trial, seconds, tuple(SentScore(*score) for score in scores))


def test_scores_become_answers_with_their_positions(small_listening_test):
    test = small_listening_test(n_trials=1)
    names = tuple(stimulus.id for stimulus in test.trials[0].stimuli)
    shown = PresentedTrial("q0", names[::-1])
    answers = trial_answers(test, shown, sent([(name, 50, 1) for name in names]), "one")
    assert [(answer.stimulus, answer.position) for answer in answers] == list(
        zip(names[::-1], (1, 2, 3, 4), strict=True)
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"trial": "q9"}, "another|not of this step"),
        ({"seconds": -1.0}, "seconds on the page"),
        ({"score": 101}, "0 to 100 in steps of 1 expected"),
        ({"score": 50.5}, "0 to 100 in steps of 1 expected"),
        ({"score": -1}, "0 to 100 in steps of 1 expected"),
        ({"replays": 0}, "rated but not heard"),
        ({"stimulus": "nobody"}, "one for each of"),
    ],
)
def test_scores_that_do_not_fit_are_refused(small_listening_test, changed, message):
    test = small_listening_test(n_trials=1)
    names = tuple(stimulus.id for stimulus in test.trials[0].stimuli)
    scores = [[name, 50, 1] for name in names]
    for place, key in enumerate(("stimulus", "score", "replays")):
        scores[0][place] = changed.get(key, scores[0][place])
    about = {key: value for key, value in changed.items() if key in ("trial", "seconds")}
    with pytest.raises(InvalidScoresError, match=message):
        trial_answers(test, PresentedTrial("q0", names), sent(scores, **about), "one")


@pytest.mark.parametrize("unknown_is", [0, 1])
@pytest.mark.parametrize("taken", [0, 1])
def test_only_the_server_knows_whether_x_was_recognised(small_listening_test, unknown_is, taken):
    test = small_listening_test(method="abx", n_trials=1)
    a, b, *unknowns = test.trials[0].stimuli
    shown = PresentedTrial("q0", (b.id, a.id, unknowns[unknown_is].id))
    scores = [(a.id, float(taken == 0), 1), (b.id, float(taken == 1), 1)]
    answers = trial_answers(test, shown, sent(scores), "one")
    assert answers[-1].stimulus == unknowns[unknown_is].id
    assert answers[-1].score == float(unknown_is == taken)
    assert answers[-1].position == 3


@pytest.mark.parametrize(("method", "scores"), [("ab", (1, 1)), ("ccr", (2, 2))])
def test_the_scores_of_a_pair_must_agree(small_listening_test, method, scores):
    test = small_listening_test(method=method, n_trials=1)
    names = tuple(stimulus.id for stimulus in test.trials[0].stimuli)
    rated = [(name, score, 1) for name, score in zip(names, scores, strict=True)]
    with pytest.raises(InvalidScoresError, match="add up to"):
        trial_answers(test, PresentedTrial("q0", names), sent(rated), "one")


QUESTIONS = (
    Question("age", "Age?", "number", minimum=18, maximum=99),
    Question("kind", "Kind?", "choice", choices=("open", "closed")),
    Question("comment", "Comment?", "long_text", optional=True),
)


def test_replies_keep_every_character():
    text = 'R&B was 50% worse + noisy;\nünïcode ok "quoted" <b>'
    replies = checked_replies(QUESTIONS, {"age": 30, "kind": "open", "comment": text})
    assert replies == {"age": 30.0, "kind": "open", "comment": text}


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"kind": "open"}, "age needs a reply"),
        ({"age": 17, "kind": "open"}, "18 to 99 expected"),
        ({"age": True, "kind": "open"}, "age needs a number"),
        ({"age": 30, "kind": "none"}, "none of open, closed"),
        ({"age": 30, "kind": "open", "other": 1}, "no questions other"),
        ({"age": 30, "kind": "open", "comment": "x" * 10_001}, "10001 characters"),
        ({"age": 30, "kind": "open", "comment": 4}, "needs a text"),
        ([], "no table"),
    ],
)
def test_replies_that_do_not_fit_are_refused(sent, message):
    with pytest.raises(InvalidReplyError, match=message):
        checked_replies(QUESTIONS, sent)
