"""Differences that listeners grade: against the hidden reference (BS.1116), or directly (CCR)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.stats import holm
from mushra_web.analysis.choices import pages, pair_of, score_of
from mushra_web.analysis.statistics.opinion_scores import opinion_difference
from mushra_web.listening_test import REFERENCE
from mushra_web.ratings import RatingError

if TYPE_CHECKING:
    from mushra_web.ratings import RatingsTable


@dataclass(frozen=True, slots=True)
class GradedPair:
    """How condition ``a`` is graded against condition ``b``, over listeners.

    Attributes:
        a: the condition.
        b: what it is graded against; for BS.1116 the hidden reference.
        n_listeners: whose means are averaged.
        difference: mean grade; below 0 where ``a`` is worse.
        ci_low: lower end of its 95 % interval, by t over listeners' means.
        ci_high: its upper end.
        p_wilcoxon: signed ranks of listeners' means, adjusted by Holm over all pairs.
    """

    a: str
    b: str
    n_listeners: int
    difference: float
    ci_low: float | None
    ci_high: float | None
    p_wilcoxon: float


def difference_grades(table: RatingsTable) -> tuple[GradedPair, ...]:
    """Grade of each condition minus that of the hidden reference in the same trial.

    Source: ITU-R BS.1116-3, section 9.

    Raises:
        RatingError: a trial has not one hidden reference and one other stimulus.
    """
    grades: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for page in pages(table):
        references = [r for r in page if r.condition == REFERENCE]
        others = [r for r in page if r.condition != REFERENCE]
        if len(references) != 1 or len(others) != 1:
            raise RatingError(
                f"session {page[0].session!r}, trial {page[0].trial!r} has {len(references)} "
                f"hidden references and {len(others)} other stimuli; one of each expected."
            )
        grade = score_of(others[0]) - score_of(references[0])
        grades[others[0].condition, REFERENCE][page[0].listener].append(grade)
    return _graded(grades)


def comparison_grades(table: RatingsTable) -> tuple[GradedPair, ...]:
    """Comparison mean opinion scores of all pairs.

    Source: ITU-T P.800, annex E.

    Raises:
        RatingError: a trial has not two scores that add up to 0.
    """
    grades: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for page in pages(table):
        a, b = pair_of(page, total=0.0)
        if a.condition == REFERENCE:
            a, b = b, a
        grades[a.condition, b.condition][a.listener].append(score_of(a))
    return _graded(grades)


def _graded(grades: dict[tuple[str, str], dict[str, list[float]]]) -> tuple[GradedPair, ...]:
    found = []
    for (a, b), by_listener in grades.items():
        means = np.array([np.mean(values) for values in by_listener.values()])
        result = opinion_difference(means)
        mean = result.mean
        found.append(
            GradedPair(a, b, means.size, mean.mean, mean.ci_low, mean.ci_high, result.wilcoxon)
        )
    adjusted = holm([pair.p_wilcoxon for pair in found])
    return tuple(replace(pair, p_wilcoxon=p) for pair, p in zip(found, adjusted, strict=True))
