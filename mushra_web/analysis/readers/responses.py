"""What webMUSHRA stores of one response, and the ratings that it stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from mushra_web.analysis.readers.cells import number
from mushra_web.listening_test import REFERENCE, UNKNOWN_PREFIX, ListeningTest, Method
from mushra_web.ratings import Rating, RatingError

TRAINING_PREFIX = "training"
NOT_RATED = "NA"
# scores of reference, other stimulus and X in a comparison with the reference
ANSWERS = {"correct": (1.0, 0.0, 1.0), "incorrect": (0.0, 1.0, 0.0), "undecided": (0.5, 0.5, 0.5)}


@dataclass(frozen=True, slots=True)
class Response:
    """One response, whichever program stored it.

    Attributes:
        where: its place in the file.
        test: id of the test.
        session: id of the session.
        listener: who rated.
        kind: type of the page.
        trial: id of the page.
        cells: ``stimulus``, ``score``, ``time`` in ms and ``comment``, and what else its type has.
        position: place of the response within its page, 1 for the first.
    """

    where: str
    test: str
    session: str
    listener: str
    kind: str
    trial: str
    cells: Mapping[str, str]
    position: int


@dataclass(frozen=True, slots=True)
class Naming:
    """What the ids of a file stand for.

    Attributes:
        test: the listening test whose opaque ids they are; none where ids are names.
        training: pages that do not count; those whose id begins with ``training`` if none are
            named.
    """

    test: ListeningTest | None = None
    training: tuple[str, ...] = ()

    def is_training(self, trial: str) -> bool:
        """Whether the ratings of a page do not count."""
        if self.test is not None and any(t.id == trial for t in self.test.training):
            return True
        if self.training or self.test is not None:
            return trial in self.training
        return trial.lower().startswith(TRAINING_PREFIX)


def ratings_of(responses: Iterable[Response], naming: Naming) -> Iterator[tuple[str, Rating]]:
    """The ratings of the responses that count, each with its place.

    Raises:
        RatingError: a page has a type without ratings, or a cell is wrong.
    """
    for response in responses:
        if naming.is_training(response.trial):
            continue
        if response.kind not in KINDS:
            raise RatingError(
                f"{response.where}: responses of type {response.kind!r} are not analysed; "
                f"{', '.join(KINDS)} are."
            )
        for rating in KINDS[response.kind](response):
            yield response.where, _named(rating, response.where, naming.test)


def training_note(responses: Iterable[Response], naming: Naming) -> tuple[str, ...]:
    """Which pages were left out as training."""
    left_out = dict.fromkeys(r.trial for r in responses if naming.is_training(r.trial))
    return (f"left out as training: {', '.join(left_out)}.",) if left_out else ()


def _mushra(response: Response) -> tuple[Rating, ...]:
    cells = response.cells
    return (_rating(response, "mushra", cells["stimulus"], _score(response, "score")),)


def _opinion(response: Response) -> tuple[Rating, ...]:
    text = response.cells["score"].strip()
    score = None if text == NOT_RATED else _score(response, "score")
    stimulus = response.cells["stimulus"]
    return (_rating(response, "acr", stimulus, score, trial=f"{response.trial}/{stimulus}"),)


def _bs1116(response: Response) -> tuple[Rating, ...]:
    cells = response.cells
    trial = f"{response.trial}/{cells['stimulus']}"
    return tuple(
        _rating(response, "bs1116", cells[name], _score(response, column), trial=trial)
        for name, column in (("reference", "reference_score"), ("stimulus", "score"))
    )


def _paired(response: Response) -> tuple[Rating, ...]:
    cells = response.cells
    if cells["answer"] not in ANSWERS:
        raise RatingError(
            f"{response.where}: answer {cells['answer']!r}; {', '.join(ANSWERS)} expected."
        )
    trial = f"{response.trial}/{cells['stimulus']}"
    conditions = (cells["reference"], cells["stimulus"], UNKNOWN_PREFIX + cells["reference"])
    return tuple(
        _rating(response, "abx", condition, score, trial=trial)
        for condition, score in zip(conditions, ANSWERS[cells["answer"]], strict=True)
    )


KINDS: dict[str, Callable[[Response], tuple[Rating, ...]]] = {
    "mushra": _mushra,
    "paired_comparison": _paired,
    "bs1116": _bs1116,
    "likert_single_stimulus": _opinion,
    "likert_multi_stimulus": _opinion,
}


def _score(response: Response, column: str) -> float | None:
    return number(response.cells[column], f"{column} ({response.kind})", response.where)


def _rating(
    response: Response, method: Method, condition: str, score: float | None, *, trial: str = ""
) -> Rating:
    milliseconds = number(response.cells.get("time", ""), "time", response.where)
    return Rating(
        test=response.test,
        session=response.session,
        listener=response.listener,
        trial=trial or response.trial,
        item=response.trial,
        category="",
        condition=condition,
        score=score,
        position=response.position,
        seconds=None if milliseconds is None else milliseconds / 1000,
        method=method,
        comment=response.cells.get("comment", ""),
    )


def _named(rating: Rating, where: str, test: ListeningTest | None) -> Rating:
    """The rating with item and condition in place of the opaque ids of a test."""
    if test is None:
        return rating
    x = rating.condition.startswith(UNKNOWN_PREFIX)
    stimulus = rating.condition.removeprefix(UNKNOWN_PREFIX)
    try:
        trial = test.trial(rating.item)  # a page holds one trial, whose id is its name
        if stimulus == REFERENCE:  # the id that webMUSHRA gives to what it plays as the reference
            condition = REFERENCE if trial.reference else trial.stimuli[0].condition
        else:
            condition = trial.stimulus(stimulus).condition
    except LookupError as error:
        raise RatingError(
            f"{where}: {error} The ratings are of another test than {test.id}."
        ) from error
    return replace(
        rating,
        test=test.id,
        trial=trial.id,
        item=trial.item,
        category=trial.category,
        condition=UNKNOWN_PREFIX + condition if x else condition,
        method=test.method,
    )
