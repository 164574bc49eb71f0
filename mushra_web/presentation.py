"""What a listener meets, in which order: a pure function of the test and the listener's number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mushra_web.listening_test import ListeningTest, Trial


@dataclass(frozen=True, slots=True)
class PresentedTrial:
    """A trial as one listener meets it.

    Attributes:
        trial: its id.
        stimuli: ids in the order from left to right, or of hearing; in an ABX trial X comes last.
    """

    trial: str
    stimuli: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """A whole session.

    Attributes:
        listener_number: 0 for the first listener.
        block: index of the block of trials that the listener gets.
        training: trials that do not count, in order.
        trials: trials that count, in order.
    """

    listener_number: int
    block: int
    training: tuple[PresentedTrial, ...]
    trials: tuple[PresentedTrial, ...]


def presentation(test: ListeningTest, listener_number: int) -> Presentation:
    """Order of trials and stimuli for a listener, drawn from the test's seed and the number.

    The blocks of trials go round in turn, so each gets the same number of listeners. Within a block
    the trials are shuffled, and within a trial the stimuli; training keeps the order of its trials.

    Args:
        test: the listening test.
        listener_number: 0 for the first listener.

    Raises:
        ValueError: the number is negative.
    """
    if listener_number < 0:
        raise ValueError(f"listener number {listener_number}; 0 or more expected.")
    generator = np.random.default_rng([test.seed, listener_number])
    block = listener_number % len(test.assignment)
    names = test.assignment[block]
    order = [names[index] for index in generator.permutation(len(names))]
    return Presentation(
        listener_number,
        block,
        training=tuple(_presented(trial, generator) for trial in test.training),
        trials=tuple(_presented(test.trial(name), generator) for name in order),
    )


def _presented(trial: Trial, generator: np.random.Generator) -> PresentedTrial:
    unknowns = trial.unknowns
    rated = [stimulus for stimulus in trial.stimuli if stimulus not in unknowns]
    order = [rated[index].id for index in generator.permutation(len(rated))]
    if unknowns:
        order.append(unknowns[generator.integers(len(unknowns))].id)
    return PresentedTrial(trial.id, tuple(order))
