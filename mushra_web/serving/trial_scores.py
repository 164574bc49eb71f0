"""The scores of one trial as a browser sends them, checked against what the listener was shown."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mushra_web.listening_test import SCALES, UNKNOWN_PREFIX, ListeningTest, Scale
from mushra_web.presentation import PresentedTrial
from mushra_web.serving.answers import Answer

MAX_SECONDS = 24 * 3600.0
PAIR_SUMS = {"ab": 1.0, "abx": 1.0, "ccr": 0.0}  # what the two scores of a pair add up to


class InvalidScoresError(ValueError):
    """Scores that do not fit the trial; the message says which."""


@dataclass(frozen=True, slots=True)
class SentScore:
    """The score of one stimulus.

    Attributes:
        stimulus: its id.
        score: on the scale of the method.
        replays: how often it was switched to.
    """

    stimulus: str
    score: float
    replays: int


@dataclass(frozen=True, slots=True)
class SentTrial:
    """A finished trial.

    Attributes:
        trial: its id.
        seconds: time on its page.
        scores: of every stimulus that is rated.
    """

    trial: str
    seconds: float
    scores: tuple[SentScore, ...]


def trial_answers(
    test: ListeningTest, shown: PresentedTrial, sent: SentTrial, session: str
) -> tuple[Answer, ...]:
    """The answers of a trial, ready to be stored.

    For an ABX trial the row of X is added here, since only the server knows what X is.

    Args:
        test: the listening test.
        shown: what the listener was shown.
        sent: what came back.
        session: id of the session.

    Raises:
        InvalidScoresError: it is about another trial, a stimulus lacks or was not heard, or a score
            is off the scale.
    """
    if sent.trial != shown.trial:
        raise InvalidScoresError(f"these are scores of trial {sent.trial!r}, not of this step's.")
    if not (math.isfinite(sent.seconds) and 0 <= sent.seconds <= MAX_SECONDS):
        raise InvalidScoresError(f"{sent.seconds} seconds on the page; 0 to a day expected.")
    unknowns = {stimulus.id for stimulus in test.trial(shown.trial).unknowns}
    rated = [name for name in shown.stimuli if name not in unknowns]
    by_stimulus = {score.stimulus: score for score in sent.scores}
    if sorted(rated) != sorted(score.stimulus for score in sent.scores):
        raise InvalidScoresError(
            f"{len(sent.scores)} scores for {len(by_stimulus)} stimuli; "
            f"one for each of {', '.join(rated)} expected."
        )
    scale = SCALES[test.method]
    for score in sent.scores:
        _check(score, scale)
    if test.method in PAIR_SUMS and sum(s.score for s in sent.scores) != PAIR_SUMS[test.method]:
        raise InvalidScoresError(
            f"the scores of the pair add up to {sum(s.score for s in sent.scores):g}; "
            f"{PAIR_SUMS[test.method]:g} expected."
        )
    answers = [
        Answer(
            session,
            shown.trial,
            name,
            by_stimulus[name].score,
            position=shown.stimuli.index(name) + 1,
            seconds=sent.seconds,
            replays=by_stimulus[name].replays,
        )
        for name in rated
    ]
    return (*answers, *_answer_for_unknown(test, shown, answers))


def _check(score: SentScore, scale: Scale) -> None:
    steps = (score.score - scale.minimum) / scale.step
    if not (scale.minimum <= score.score <= scale.maximum and abs(steps - round(steps)) < 1e-6):
        raise InvalidScoresError(
            f"stimulus {score.stimulus} has score {score.score:g}; {scale.minimum:g} to "
            f"{scale.maximum:g} in steps of {scale.step:g} expected."
        )
    if score.replays < 1:
        raise InvalidScoresError(f"stimulus {score.stimulus} was rated but not heard.")


def _answer_for_unknown(
    test: ListeningTest, shown: PresentedTrial, answers: list[Answer]
) -> list[Answer]:
    trial = test.trial(shown.trial)
    unknown = next((s for s in trial.unknowns if s.id in shown.stimuli), None)
    if unknown is None:
        return []
    taken = next(trial.stimulus(answer.stimulus) for answer in answers if answer.score == 1)
    right = taken.condition == unknown.condition.removeprefix(UNKNOWN_PREFIX)
    return [
        Answer(
            answers[0].session,
            shown.trial,
            unknown.id,
            float(right),
            position=len(shown.stimuli),
            seconds=answers[0].seconds,
        )
    ]
