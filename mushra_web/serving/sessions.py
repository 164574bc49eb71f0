"""The steps of a session, and which listener number a session gets: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from mushra_web.listening_test import ListeningTest
from mushra_web.presentation import Presentation, PresentedTrial
from mushra_web.serving.answers import Screening, Session

ABANDONED_AFTER = timedelta(hours=2)  # without an answer; the session can still be gone on with
SCREENING_ATTEMPTS = 2  # headphones are often put on only after the first one

StepKind = Literal["welcome", "volume", "screening", "training", "trial", "questionnaire"]


@dataclass(frozen=True, slots=True)
class Step:
    """One page that a listener completes.

    Attributes:
        kind: what is on it.
        trial: the trial on it, if it is one.
    """

    kind: StepKind
    trial: PresentedTrial | None = None


def session_steps(test: ListeningTest, shown: Presentation) -> tuple[Step, ...]:
    """All steps of a session in order; each attempt at the headphone screening is one."""
    steps = [Step("welcome")]
    if test.volume_stimulus is not None:
        steps.append(Step("volume"))
    if test.screening_trials:
        steps += [Step("screening")] * SCREENING_ATTEMPTS
    steps += [Step("training", trial) for trial in shown.training]
    steps += [Step("trial", trial) for trial in shown.trials]
    if test.questionnaire:
        steps.append(Step("questionnaire"))
    return tuple(steps)


def current_step(steps: Sequence[Step], done: Collection[int], screening: Screening) -> int:
    """Index of the first step that is not done; the number of steps at the end.

    A second attempt at the screening is passed over after a first one that passed.
    """
    for index, step in enumerate(steps):
        if index in done or (step.kind == "screening" and screening == "passed"):
            continue
        return index
    return len(steps)


def next_listener_number(sessions: Iterable[Session], n_blocks: int, now: datetime) -> int:
    """The smallest free number among those whose block of trials has the fewest listeners.

    With nobody leaving, numbers are given in turn. A listener who failed the screening, or has been
    away for :data:`ABANDONED_AFTER`, does not count, so that others take over the block.

    Args:
        sessions: those that there are.
        n_blocks: blocks of the test's assignment.
        now: the time, with its zone.
    """
    taken: set[int] = set()
    listeners = [0] * n_blocks
    for session in sessions:
        if session.listener_number is None:
            continue
        taken.add(session.listener_number)
        away = now - datetime.fromisoformat(session.seen) > ABANDONED_AFTER
        if session.finished or not (away or session.screening == "failed"):
            listeners[session.listener_number % n_blocks] += 1
    number = 0
    while number in taken or listeners[number % n_blocks] > min(listeners):
        number += 1
    return number


def take_number(test: ListeningTest, sessions: Iterable[Session]) -> int:
    """The number of a listener who comes now."""
    return next_listener_number(sessions, len(test.assignment), datetime.now(UTC))
