"""Ratings from a test folder: what the server stored, with ids mapped back by ``test.json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mushra_web.listening_test import ListeningTest, read_test
from mushra_web.ratings import Rating, RatingError, RatingsTable, collect
from mushra_web.serving.answers import DATABASE, Answer, AnswerStore, Session


def read_folder(folder: Path) -> RatingsTable:
    """All ratings of a test folder.

    Raises:
        ListeningTestError: the folder holds no readable test.
        AnswerStoreError: the database cannot be read.
        RatingError: nobody has rated yet, or an answer does not belong to the test.
    """
    test = read_test(folder)
    if not (folder / DATABASE).is_file():
        raise RatingError(
            f"{folder} holds no {DATABASE}, so nobody has rated yet; "
            f"'bench mushra serve {folder}' collects ratings."
        )
    with AnswerStore(folder) as store:
        return collect(_rows(test, store), _notes(test, store))


def read_store(test: ListeningTest, store: AnswerStore) -> tuple[Rating, ...]:
    """The ratings that are stored so far; empty before the first one.

    Raises:
        RatingError: an answer does not belong to the test.
    """
    return tuple(rating for _, rating in _rows(test, store))


def _rows(test: ListeningTest, store: AnswerStore) -> Iterator[tuple[str, Rating]]:
    listeners = {session.id: _listener(session) for session in store.sessions()}
    training = {trial.id for trial in test.training}
    for number, answer in enumerate(store.answers(), start=1):
        if answer.trial in training:
            continue
        where = f"{store.path.name}, answer {number}"
        yield where, _rating(test, answer, listeners.get(answer.session, answer.session), where)


def _rating(test: ListeningTest, answer: Answer, listener: str, where: str) -> Rating:
    try:
        trial = test.trial(answer.trial)
        stimulus = trial.stimulus(answer.stimulus)
    except LookupError as error:
        raise RatingError(f"{where}: {error} The answers are of another test.") from error
    return Rating(
        test=test.id,
        session=answer.session,
        listener=listener,
        trial=trial.id,
        item=trial.item,
        category=trial.category,
        condition=stimulus.condition,
        score=answer.score,
        position=answer.position,
        seconds=answer.seconds,
        method=test.method,
        comment=answer.comment,
    )


def _listener(session: Session) -> str:
    """Who it was: the id that came with the link, else the session."""
    return next((value for value in session.participant.values() if value), session.id)


def _notes(test: ListeningTest, store: AnswerStore) -> Iterator[str]:
    rated = {answer.session for answer in store.answers()}
    for session in store.sessions():
        if session.id not in rated:
            continue
        if session.finished is None:
            yield f"session {session.id} was not finished; its trials so far count."
        if session.screening == "failed":
            yield f"session {session.id} failed the headphone screening ({test.screening})."
