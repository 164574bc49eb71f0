"""Choices of an analysis."""

from __future__ import annotations

from dataclasses import dataclass

from mushra_web.analysis.screening import Rule
from mushra_web.analysis.statistics.intervals import Population
from mushra_web.listening_test import LOW_ANCHOR, MID_ANCHOR, REFERENCE

SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class Options:
    """Choices of an analysis.

    Attributes:
        screening: rule of the post-screening; none stands for ``bs1534-3`` where a MUSHRA test has
            a mid anchor, ``low-anchor`` where it has only the low one, and ``none`` elsewhere.
        population: what intervals and p values speak of; none stands for ``listeners and items``
            where there are two items or more, and ``listeners`` elsewhere.
        low_anchor: name of the low anchor's condition.
        mid_anchor: name of the mid anchor's condition.
        seed: of bootstraps and permutations.
    """

    screening: Rule | None = None
    population: Population | None = None
    low_anchor: str = LOW_ANCHOR
    mid_anchor: str = MID_ANCHOR
    seed: int = 0

    @property
    def hidden(self) -> tuple[str, ...]:
        """Conditions that are no systems under test."""
        return (REFERENCE, self.low_anchor, self.mid_anchor)
