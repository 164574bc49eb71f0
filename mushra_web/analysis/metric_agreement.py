"""How well the metrics of a run agree with listening scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from mushra_web.analysis.statistics.correlation import fit_error, kendall, pearson, spearman

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.store import Measure
    from mushra_web.analysis.ratings_cube import RatingsCube

Level = Literal["condition", "item"]
Values: TypeAlias = Mapping[tuple[str, str], float]  # by condition and item
Statistic: TypeAlias = "Callable[[NDArray[np.float64], NDArray[np.float64]], float | None]"

MIN_POINTS = 3  # two points always correlate perfectly
RESAMPLES = 500
LEVEL_ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Metrics:
    """Values of the metrics of a run that say which is better."""

    measures: tuple[Measure, ...]
    values: Mapping[str, Values]


@dataclass(frozen=True, slots=True)
class Coefficient:
    """A figure with its 95 % bootstrap interval; no ends where most draws leave it undefined."""

    value: float
    ci_low: float | None
    ci_high: float | None


@dataclass(frozen=True, slots=True)
class MetricAgreement:
    """Agreement of one metric with the scores.

    Attributes:
        metric: its name.
        level: ``condition`` for means over items, ``item`` for each item at each condition.
        n: points.
        n_items: items behind them.
        pearson: linear correlation; this and the others are turned round for a metric of which
            less is better. None where one side does not vary.
        spearman: of ranks.
        kendall: tau-b.
        rmse: root mean square error in points of the scale after a monotone third-order fit; none
            for too few points.
    """

    metric: str
    level: Level
    n: int
    n_items: int
    pearson: Coefficient | None
    spearman: Coefficient | None
    kendall: Coefficient | None
    rmse: Coefficient | None


def read_metrics(run: Path) -> Metrics:
    """The metrics of a run folder; failed cells have no value.

    Raises:
        StoreError: it holds no readable run.
    """
    from bench.store import Store

    values: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    with Store(run) as store:
        names = {condition.key: condition.id for condition in store.conditions()}
        for row in store.grid():
            if row.value is not None:
                values[row.metric][names[row.condition], row.item] = row.value
        measures = tuple(m for m in store.measures() if m.direction != "none")
    return Metrics(measures, values)


def item_scores(cube: RatingsCube) -> dict[tuple[str, str], float]:
    """Mean score over listeners of each condition on each item that was rated."""
    return {
        (condition, item): float(np.nanmean(cube.scores[:, c, i]))
        for c, condition in enumerate(cube.conditions)
        for i, item in enumerate(cube.items)
        if not np.isnan(cube.scores[:, c, i]).all()
    }


def agreement_by_item(
    metrics: Metrics, scores: Values, rng: np.random.Generator
) -> tuple[MetricAgreement, ...]:
    """Agreement of each metric over conditions and over single items.

    Means over conditions are of the items that have a score and a value at every condition.

    Args:
        metrics: of a run.
        scores: mean listening score by condition and item.
        rng: of the bootstrap, which draws conditions, or items with all their points.
    """
    found = []
    for measure in metrics.measures:
        values = metrics.values.get(measure.name, {})
        points = [point for point in scores if point in values]
        conditions = tuple(dict.fromkeys(condition for condition, _ in points))
        known = set(points)
        items = [
            item
            for item in dict.fromkeys(item for _, item in points)
            if all((condition, item) in known for condition in conditions)
        ]
        sign = _sign(measure)
        if len(conditions) >= MIN_POINTS and items:
            x = [sign * float(np.mean([values[c, i] for i in items])) for c in conditions]
            y = [float(np.mean([scores[c, i] for i in items])) for c in conditions]
            found.append(_agreement(measure.name, "condition", x, y, conditions, len(items), rng))
        if len(points) >= MIN_POINTS:
            x, y = [sign * values[point] for point in points], [scores[point] for point in points]
            clusters = [item for _, item in points]
            n_items = len(set(clusters))
            found.append(_agreement(measure.name, "item", x, y, clusters, n_items, rng))
    return tuple(found)


def agreement_by_condition(
    metrics: Metrics, means: Mapping[str, float], rng: np.random.Generator
) -> tuple[MetricAgreement, ...]:
    """Agreement of each metric with means that are known without their items, as in papers.

    Args:
        metrics: of a run; means are of the items that have a value at every condition.
        means: mean listening score by condition.
        rng: of the bootstrap, which draws conditions.
    """
    found = []
    for measure in metrics.measures:
        values = metrics.values.get(measure.name, {})
        conditions = [name for name in means if any(name == c for c, _ in values)]
        items = [
            item
            for item in dict.fromkeys(item for _, item in values)
            if all((name, item) in values for name in conditions)
        ]
        if len(conditions) >= MIN_POINTS and items:
            sign = _sign(measure)
            x = [sign * float(np.mean([values[c, i] for i in items])) for c in conditions]
            y = [means[name] for name in conditions]
            found.append(_agreement(measure.name, "condition", x, y, conditions, len(items), rng))
    return tuple(found)


def _sign(measure: Measure) -> float:
    return 1.0 if measure.direction == "higher" else -1.0


def _agreement(
    metric: str,
    level: Level,
    x: Sequence[float],
    y: Sequence[float],
    clusters: Sequence[Hashable],
    n_items: int,
    rng: np.random.Generator,
) -> MetricAgreement:
    values, scores = np.array(x), np.array(y)
    numbers = {cluster: number for number, cluster in enumerate(dict.fromkeys(clusters))}
    index = np.array([numbers[cluster] for cluster in clusters])
    members = [np.nonzero(index == number)[0] for number in range(len(numbers))]
    draws = [
        np.concatenate([members[number] for number in drawn])
        for drawn in rng.integers(0, len(members), (RESAMPLES, len(members)))
    ]
    return MetricAgreement(
        metric=metric,
        level=level,
        n=values.size,
        n_items=n_items,
        pearson=_coefficient(pearson, values, scores, draws),
        spearman=_coefficient(spearman, values, scores, draws),
        kendall=_coefficient(kendall, values, scores, draws),
        rmse=_coefficient(fit_error, values, scores, draws),
    )


def _coefficient(
    statistic: Statistic,
    values: NDArray[np.float64],
    scores: NDArray[np.float64],
    draws: Sequence[NDArray[np.intp]],
) -> Coefficient | None:
    value = statistic(values, scores)
    if value is None:
        return None
    drawn = [statistic(values[draw], scores[draw]) for draw in draws]
    known = [found for found in drawn if found is not None]
    if 2 * len(known) < len(draws):
        return Coefficient(value, None, None)
    low, high = np.quantile(known, LEVEL_ENDS)
    return Coefficient(value, float(low), float(high))
