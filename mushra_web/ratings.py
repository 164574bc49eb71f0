"""Ratings of a listening test, one a row, with items and conditions by name."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from typing import TypeGuard

from mushra_web.listening_test import SCALES, Method


class RatingError(ValueError):
    """Ratings that cannot be used; the message names the row and says what was expected."""


@dataclass(frozen=True, slots=True)
class Rating:
    """One score of one listener.

    Attributes:
        test: id of the test.
        session: id of the session, unique in a file.
        listener: who rated; several sessions may have the same listener.
        trial: id of the trial.
        item: what was heard.
        category: of the item; empty where it is unknown.
        condition: how it was coded; ``reference`` for the hidden reference.
        score: on the scale of the method, see :mod:`mushra_web.listening_test`; none where the
            listener gave none.
        position: place in the order of presentation, 1 for the first.
        seconds: time on the page of the trial.
        method: how listeners rate.
        comment: free text.
    """

    test: str
    session: str
    listener: str
    trial: str
    item: str
    category: str
    condition: str
    score: float | None
    position: int | None
    seconds: float | None
    method: Method
    comment: str = ""


COLUMNS = tuple(field.name for field in fields(Rating))


@dataclass(frozen=True, slots=True)
class RatingsTable:
    """Ratings of one test, each counted once.

    Attributes:
        ratings: one or more.
        notes: what was left out on reading, or is unusual, and why.
    """

    ratings: tuple[Rating, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Rating]:
        """The ratings."""
        return iter(self.ratings)

    def __len__(self) -> int:
        """Number of ratings."""
        return len(self.ratings)

    @property
    def method(self) -> Method:
        """How the listeners rated."""
        return self.ratings[0].method

    @property
    def listeners(self) -> tuple[str, ...]:
        """Names of the listeners, in the order of their first rating."""
        return tuple(dict.fromkeys(rating.listener for rating in self.ratings))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Names of the conditions, in the order of their first rating."""
        return tuple(dict.fromkeys(rating.condition for rating in self.ratings))


def collect(rows: Iterable[tuple[str, Rating]], notes: Iterable[str] = ()) -> RatingsTable:
    """Ratings that were read, checked as a whole.

    A score that is there twice, because a session was sent or copied again, counts once.

    Args:
        rows: each rating with the place where it stands, such as ``results.csv, line 7``.
        notes: what the reader has to say.

    Raises:
        RatingError: there are none, they are of several tests or methods, a score is off the scale,
            or the same stimulus has two different scores.
    """
    kept: dict[tuple[str, str, str], Rating] = {}
    repeated: dict[str, int] = {}
    first: Rating | None = None
    for where, rating in rows:
        first = first or rating
        _check_same_test(where, rating, first)
        _check_score(where, rating)
        key = (rating.session, rating.trial, rating.condition)
        known = kept.get(key)
        if known is None:
            kept[key] = rating
            continue
        if known.score != rating.score:
            raise RatingError(
                f"{where}: session {rating.session!r} has the scores {known.score} and "
                f"{rating.score} for condition {rating.condition!r} in trial {rating.trial!r}; "
                "one expected. Remove one of the rows."
            )
        repeated[rating.session] = repeated.get(rating.session, 0) + 1
    if not kept:
        raise RatingError("there are no ratings; at least one row that is not training expected.")
    found = tuple(kept.values())
    return RatingsTable(found, (*notes, *_repetitions(repeated), *_returning_listeners(found)))


def to_csv(ratings: Iterable[Rating]) -> str:
    """Tidy CSV: one rating a row, the columns named as the fields of :class:`Rating`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(astuple(rating) for rating in ratings)
    return text.getvalue()


def is_method(name: str) -> TypeGuard[Method]:
    """Whether a method of that name exists."""
    return name in SCALES


def _check_same_test(where: str, rating: Rating, first: Rating) -> None:
    for what, given, expected in (
        ("test", rating.test, first.test),
        ("method", rating.method, first.method),
    ):
        if given != expected:
            raise RatingError(
                f"{where}: {what} {given!r} in ratings of {what} {expected!r}; "
                "one test at a time: split the file, or name the test that is meant."
            )


def _check_score(where: str, rating: Rating) -> None:
    scale = SCALES[rating.method]
    if rating.score is not None and not scale.minimum <= rating.score <= scale.maximum:
        raise RatingError(
            f"{where}: score {rating.score} of condition {rating.condition!r}; "
            f"{scale.minimum:g} to {scale.maximum:g} expected for {rating.method}."
        )


def _repetitions(repeated: dict[str, int]) -> Iterator[str]:
    for session, count in repeated.items():
        yield f"session {session}: {count} ratings are there again; each counts once."


def _returning_listeners(ratings: tuple[Rating, ...]) -> Iterator[str]:
    sessions: dict[str, dict[str, None]] = {}
    for rating in ratings:
        sessions.setdefault(rating.listener, {})[rating.session] = None
    for listener, names in sessions.items():
        if len(names) > 1:
            yield (
                f"listener {listener} has {len(names)} sessions ({', '.join(names)}); "
                "they count as those of one listener."
            )
