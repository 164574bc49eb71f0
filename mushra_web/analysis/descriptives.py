"""What the ratings of one condition look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.stats import cluster_bootstrap_mean
from mushra_web.analysis.statistics.distribution import bimodality, skewness
from mushra_web.analysis.statistics.intervals import (
    Population,
    estimate,
    listener_estimate,
    pooled_interval,
    two_way_estimate,
)
from mushra_web.analysis.statistics.permutation import median_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.stats import Mean
    from mushra_web.analysis.ratings_cube import RatingsCube

ALL = "all"


@dataclass(frozen=True, slots=True)
class Interval:
    """Ends of a 95 % interval by another method; none where the method needs more ratings."""

    method: str
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True, slots=True)
class ConditionSummary:
    """Ratings of a condition on the items of a category.

    Attributes:
        condition: its name.
        category: of the items; ``all`` for all of them.
        n: ratings.
        n_listeners: who gave them.
        n_items: on which.
        mean: of all ratings.
        ci_low: lower end of the 95 % interval of the analysis.
        ci_high: its upper end.
        median: of all ratings.
        median_ci_low: lower end of its 95 % bootstrap interval over listeners.
        median_ci_high: its upper end.
        q1: lower quartile.
        q3: upper quartile.
        iqr: distance of the quartiles.
        skewness: none for equal ratings.
        bimodality: coefficient; none for equal ratings.
        intervals: of the mean by other methods.
    """

    condition: str
    category: str
    n: int
    n_listeners: int
    n_items: int
    mean: float
    ci_low: float | None
    ci_high: float | None
    median: float
    median_ci_low: float
    median_ci_high: float
    q1: float
    q3: float
    iqr: float
    skewness: float | None
    bimodality: float | None
    intervals: tuple[Interval, ...]


def summaries(
    cube: RatingsCube, category: str, population: Population, rng: np.random.Generator
) -> tuple[ConditionSummary, ...]:
    """One summary for each condition that was rated, in the order of the array.

    Args:
        cube: the ratings of the category.
        category: its name.
        population: what the intervals speak of.
        rng: of the bootstrap.
    """
    return tuple(
        _summary(name, category, cube.of(name), population, rng)
        for name in cube.conditions
        if not np.isnan(cube.of(name)).all()
    )


def _summary(
    condition: str,
    category: str,
    scores: NDArray[np.float64],
    population: Population,
    rng: np.random.Generator,
) -> ConditionSummary:
    known = ~np.isnan(scores)
    scores = scores[known.any(axis=1)]
    values = scores[~np.isnan(scores)]
    mean = estimate(scores, population).mean
    q1, median, q3 = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    median_low, median_high = median_interval(scores, rng)
    return ConditionSummary(
        condition=condition,
        category=category,
        n=values.size,
        n_listeners=len(scores),
        n_items=int(known.any(axis=0).sum()),
        mean=mean.mean,
        ci_low=mean.ci_low,
        ci_high=mean.ci_high,
        median=median,
        median_ci_low=median_low,
        median_ci_high=median_high,
        q1=q1,
        q3=q3,
        iqr=q3 - q1,
        skewness=skewness(values),
        bimodality=bimodality(values),
        intervals=_intervals(scores, rng),
    )


def _intervals(scores: NDArray[np.float64], rng: np.random.Generator) -> tuple[Interval, ...]:
    rows, columns = np.nonzero(~np.isnan(scores))
    drawn = cluster_bootstrap_mean(scores[rows, columns].tolist(), rows.tolist(), rng)
    found: dict[str, Mean] = {
        "two-way t over listeners and items": two_way_estimate(scores).mean,
        "t over listeners' means": listener_estimate(scores).mean,
        "listener-cluster bootstrap (percentile)": drawn,
        "t over pooled ratings": pooled_interval(scores),
    }
    return tuple(Interval(name, mean.ci_low, mean.ci_high) for name, mean in found.items())
