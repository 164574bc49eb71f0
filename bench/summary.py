"""Means over items, for one run: conditions are only ever compared over the same items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.conditions import ConditionKey
from bench.stats import Mean, mean_with_interval
from bench.store import ScoreRow

ALL = "all"
MIN_COVERAGE = 0.5  # share of its items for which a condition must have values to be compared


@dataclass(frozen=True, slots=True)
class Summary:
    """One mean, or none, of a condition.

    Attributes:
        condition: what was measured.
        category: category of the items, or ``all``.
        metric: name of the metric.
        mean: over the items that every compared condition has; none if there are none.
        n: those items.
        n_failed: items for which this condition has no value, for whatever reason.
        unit: unit of the mean.
    """

    condition: ConditionKey
    category: str
    metric: str
    mean: Mean | None
    n: int
    n_failed: int
    unit: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Conditions that were given the same items.

    Attributes:
        items: ids of the items.
        conditions: the conditions that were given all of them.
        summaries: their means over these items.
    """

    items: tuple[str, ...]
    conditions: tuple[ConditionKey, ...]
    summaries: tuple[Summary, ...]


def compare(rows: Sequence[ScoreRow]) -> list[Comparison]:
    """The comparisons that a run allows, the one with most conditions first.

    A run gives all its items to all its conditions, and there is one. In a list of decoded files
    each codec may cover other items; then every distinct set of items makes a comparison of the
    conditions that cover it.
    """
    given: dict[ConditionKey, dict[str, None]] = {}
    for row in rows:
        given.setdefault(row.condition, {})[row.item] = None
    comparisons = []
    for items in dict.fromkeys(frozenset(items) for items in given.values()):
        conditions = {condition: None for condition, have in given.items() if items <= have.keys()}
        chosen = [r for r in rows if r.condition in conditions and r.item in items]
        ordered = tuple(dict.fromkeys(row.item for row in chosen))
        comparisons.append(Comparison(ordered, tuple(conditions), tuple(summarise(chosen))))
    return sorted(comparisons, key=lambda comparison: -len(comparison.conditions))


def summarise(rows: Sequence[ScoreRow]) -> list[Summary]:
    """Means per condition, category and metric, in the order of ``rows``.

    Each is taken over the items for which every condition has a value. A condition that has one for
    fewer than half of its items takes no part in that metric and gets no mean, lest it empty the
    set of the others: a lossless codec, say, whose SI-SDR is undefined wherever nothing is lost.
    """
    cells: dict[tuple[str, str], dict[ConditionKey, list[ScoreRow]]] = {}
    for row in rows:
        for category in dict.fromkeys((ALL, row.category)):
            conditions = cells.setdefault((category, row.metric), {})
            conditions.setdefault(row.condition, []).append(row)
    return [
        summary
        for (category, metric), conditions in cells.items()
        for summary in _means(category, metric, conditions)
    ]


def _means(
    category: str, metric: str, conditions: dict[ConditionKey, list[ScoreRow]]
) -> list[Summary]:
    values = {
        condition: {row.item: row.value for row in rows if row.value is not None}
        for condition, rows in conditions.items()
    }
    compared = {
        condition
        for condition, rows in conditions.items()
        if len(values[condition]) >= max(1, MIN_COVERAGE * len(rows))
    }
    present = [values[condition].keys() for condition in compared]
    shared = set(present[0]).intersection(*present) if present else set()
    summaries = []
    for condition, rows in conditions.items():
        found = values[condition]
        is_compared = condition in compared
        paired = [value for item, value in found.items() if item in shared and is_compared]
        summaries.append(
            Summary(
                condition,
                category,
                metric,
                mean_with_interval(paired) if paired else None,
                len(paired),
                len(rows) - len(found),
                rows[0].unit,
            )
        )
    return summaries
