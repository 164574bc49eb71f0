"""The numbers of the page as compact data, from which its script makes CSV and JSON files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reports.study import heading

if TYPE_CHECKING:
    from reports.results import Results
    from reports.study import Study

MOST_VALUES = 60_000  # kept in the page; about 7 bytes each
DIGITS = 5  # significant, of values in the page


def download_data(results: Results, study: Study) -> dict[str, Any]:  # as JSON takes it
    """Means of every condition and, unless there are too many, the value of every item.

    The comparison in question is the first one; further sets of items are in ``bench export``.
    """
    measures = [
        {"name": m.name, "version": m.version, "unit": m.unit, "direction": m.direction,
         "heading": heading(m)}
        for m in study.measures
    ]  # fmt: skip
    means = [
        [row, column, cell.n, cell.n_failed]
        + ([cell.mean.mean, cell.mean.ci_low, cell.mean.ci_high] if cell.mean else [None] * 3)
        for row in range(len(study.conditions))
        for column, cell in enumerate(study.cells(m)[row] for m in study.measures)
    ]
    complete = study.values.size <= MOST_VALUES
    return {
        "runs": [run.name for run in results.runs],
        "measures": measures,
        "conditions": [
            [c.label, c.condition.codec, c.bitrate, c.loss, c.condition.status]
            for c in study.conditions
        ],
        "means": means,
        "items": [[item.label, item.category, item.item.sha256] for item in study.items]
        if complete
        else [],
        "values": [
            [[_rounded(value) for value in row] for row in column]
            for column in study.values.tolist()
        ]
        if complete
        else [],
    }


def _rounded(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
