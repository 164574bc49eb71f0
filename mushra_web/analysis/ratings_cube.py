"""Ratings as an array of listeners, conditions and items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mushra_web.ratings import Rating


@dataclass(frozen=True, slots=True)
class RatingsCube:
    """Scores by listener, condition and item; the mean where a listener gave several.

    Attributes:
        listeners: names along the first axis.
        conditions: names along the second axis.
        items: names along the third axis.
        categories: of the items.
        scores: shape ``(listeners, conditions, items)``; NaN where there is none.
    """

    listeners: tuple[str, ...]
    conditions: tuple[str, ...]
    items: tuple[str, ...]
    categories: tuple[str, ...]
    scores: NDArray[np.float64]

    def of(self, condition: str) -> NDArray[np.float64]:
        """Scores of a condition, shape ``(listeners, items)``."""
        return self.scores[:, self.conditions.index(condition)]

    def difference(self, first: str, second: str) -> NDArray[np.float64]:
        """First minus second where a listener rated both on an item; shape as :meth:`of`."""
        return self.of(first) - self.of(second)

    def in_category(self, category: str) -> RatingsCube:
        """The part whose items are of a category."""
        chosen = [index for index, name in enumerate(self.categories) if name == category]
        return RatingsCube(
            self.listeners,
            self.conditions,
            tuple(self.items[index] for index in chosen),
            tuple(self.categories[index] for index in chosen),
            self.scores[:, :, chosen],
        )

    def complete(self) -> RatingsCube:
        """The listeners who rated everything."""
        whole = ~np.isnan(self.scores).any(axis=(1, 2))
        names = tuple(self.listeners[index] for index in np.flatnonzero(whole))
        return RatingsCube(names, self.conditions, self.items, self.categories, self.scores[whole])

    def with_conditions(self, names: Iterable[str]) -> RatingsCube:
        """The part of some conditions, in the order given."""
        wanted = tuple(names)
        index = [self.conditions.index(name) for name in wanted]
        return RatingsCube(
            self.listeners, wanted, self.items, self.categories, self.scores[:, index]
        )


def ratings_cube(ratings: Iterable[Rating]) -> RatingsCube:
    """The ratings with a score as an array; conditions from the best mean to the worst."""
    scored = [(rating, rating.score) for rating in ratings if rating.score is not None]
    listeners = _numbered(rating.listener for rating, _ in scored)
    conditions = _numbered(rating.condition for rating, _ in scored)
    items = _numbered(rating.item for rating, _ in scored)
    categories = {rating.item: rating.category for rating, _ in scored}
    sums = np.zeros((len(listeners), len(conditions), len(items)))
    counts = np.zeros(sums.shape)
    for rating, score in scored:
        place = listeners[rating.listener], conditions[rating.condition], items[rating.item]
        sums[place] += score
        counts[place] += 1
    scores = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    means = {name: float(np.nanmean(scores[:, index])) for name, index in conditions.items()}
    cube = RatingsCube(
        tuple(listeners), tuple(conditions), tuple(items), tuple(categories[i] for i in items),
        scores,
    )  # fmt: skip
    return cube.with_conditions(sorted(conditions, key=lambda name: -means[name]))


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(dict.fromkeys(names))}
