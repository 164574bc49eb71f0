"""Ratings and listeners that deserve a look; they are named, and left in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from mushra_web.listening_test import SCALES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mushra_web.analysis.ratings_cube import RatingsCube
    from mushra_web.ratings import Rating, RatingsTable

WHISKER = 1.5  # quartile distances; ITU-R BS.1534-3, 10.3
MIN_RATINGS = 5  # quartiles of fewer say little
NARROW_SHARE = 0.05  # of the scale: conditions this close together were hardly told apart
SECONDS_PER_STIMULUS = 1.0  # less, and not each one can have been heard
MOST_TRIALS = 0.5  # of a listener, in which something has to happen to be called a habit

Habit = Literal["all scores at the maximum", "hardly tells conditions apart", "faster than heard"]


@dataclass(frozen=True, slots=True)
class Outlier:
    """A score beyond the whiskers of its condition and item."""

    listener: str
    condition: str
    item: str
    score: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A listener who may not have listened.

    Attributes:
        listener: who.
        habit: what was seen.
        n_trials: trials in which it was seen.
        of_trials: trials that the listener rated.
    """

    listener: str
    habit: Habit
    n_trials: int
    of_trials: int


def outliers(cube: RatingsCube) -> tuple[Outlier, ...]:
    """Scores more than 1.5 quartile distances beyond the quartiles of their condition and item."""
    found = []
    for c, condition in enumerate(cube.conditions):
        for i, item in enumerate(cube.items):
            scores = cube.scores[:, c, i]
            if np.count_nonzero(~np.isnan(scores)) < MIN_RATINGS:
                continue
            q1, q3 = np.nanquantile(scores, [0.25, 0.75])
            low, high = float(q1 - WHISKER * (q3 - q1)), float(q3 + WHISKER * (q3 - q1))
            found += [
                Outlier(cube.listeners[index], condition, item, float(scores[index]), low, high)
                for index in np.nonzero((scores < low) | (scores > high))[0]
            ]
    return tuple(found)


def suspicions(table: RatingsTable) -> tuple[Suspicion, ...]:
    """Habits of listeners over their trials, of tests that rate several stimuli per trial."""
    scale = SCALES[table.method]
    trials: dict[str, dict[tuple[str, str], list[Rating]]] = defaultdict(dict)
    for rating in table:
        trials[rating.listener].setdefault((rating.session, rating.trial), []).append(rating)
    narrow = (scale.maximum - scale.minimum) * NARROW_SHARE
    found = []
    for listener, pages in trials.items():
        rated = {key: page for key, page in pages.items() if len(page) > 1}
        top = _count(rated, lambda scores: min(scores) == scale.maximum)
        close = _count(rated, lambda scores: max(scores) - min(scores) <= narrow) - top
        fast = sum(map(_is_too_fast, rated.values()))
        seen: tuple[tuple[Habit, int], ...] = (
            ("all scores at the maximum", top),
            ("hardly tells conditions apart", close),
            ("faster than heard", fast),
        )
        found += [
            Suspicion(listener, habit, count, len(rated))
            for habit, count in seen
            if rated and count > MOST_TRIALS * len(rated)
        ]
    return tuple(found)


def _count(
    pages: Mapping[tuple[str, str], Iterable[Rating]], holds: Callable[[list[float]], bool]
) -> int:
    scores = [[r.score for r in page if r.score is not None] for page in pages.values()]
    return sum(holds(page) for page in scores if page)


def _is_too_fast(page: list[Rating]) -> bool:
    seconds = page[0].seconds
    return seconds is not None and seconds < SECONDS_PER_STIMULUS * len(page)
