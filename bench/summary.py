"""Means over items, for one run: an item that failed for one condition counts for none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.stats import Mean, mean_with_interval
from bench.store import ScoreRow

ALL = "all"


@dataclass(frozen=True, slots=True)
class Summary:
    """One mean, or none, of a condition.

    Attributes:
        codec: name of the codec.
        bitrate: nominal bitrate in bit/s.
        category: category of the items, or ``all``.
        metric: name of the metric.
        mean: over the condition's items that no compared condition lacks; none if there are none.
        n: those items.
        n_failed: items for which this condition has no value, for whatever reason.
        unit: unit of the mean.
        direction: which way is better; filled in by whoever knows the metric.
    """

    codec: str
    bitrate: int | None
    category: str
    metric: str
    mean: Mean | None
    n: int
    n_failed: int
    unit: str


def summarise(rows: Iterable[ScoreRow]) -> list[Summary]:
    """Means per condition, category and metric, in the order of ``rows``.

    An item leaves the comparison of all conditions when one that was to have it has no value, so
    that conditions with the same items are compared over the same ones. A condition without a
    single value for a metric takes no part, lest it empty the set of the others.
    """
    cells: dict[tuple[str, str], dict[tuple[str, int | None], list[ScoreRow]]] = {}
    for row in rows:
        for category in dict.fromkeys((ALL, row.category)):
            conditions = cells.setdefault((category, row.metric), {})
            conditions.setdefault((row.codec, row.bitrate), []).append(row)
    return [
        summary
        for (category, metric), conditions in cells.items()
        for summary in _compare(category, metric, conditions)
    ]


def _compare(
    category: str, metric: str, conditions: dict[tuple[str, int | None], list[ScoreRow]]
) -> list[Summary]:
    values = {
        condition: {row.item: row.value for row in rows if row.value is not None}
        for condition, rows in conditions.items()
    }
    missing = {
        row.item
        for condition, rows in conditions.items()
        for row in rows
        if row.value is None and values[condition]
    }
    summaries = []
    for (codec, bitrate), rows in conditions.items():
        found = values[codec, bitrate]
        paired = [value for item, value in found.items() if item not in missing]
        summaries.append(
            Summary(
                codec,
                bitrate,
                category,
                metric,
                mean_with_interval(paired) if paired else None,
                len(paired),
                len(rows) - len(found),
                rows[0].unit,
            )
        )
    return summaries
