"""Scores of ViSQOL that should not be believed, told by condition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.metrics.consistency import (
    MIN_CORRELATION,
    MIN_SI_SDR,
    SUSPECT_PREFIX,
    misleading,
)
from bench.tables import listed
from reports.names import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from reports.study import Study

WITNESSES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.bool_]]] = {
    "waveform_correlation": lambda values: np.abs(values) < MIN_CORRELATION,
    "si_sdr": lambda values: values < MIN_SI_SDR,
}
NAMED_ITEMS = 4


@dataclass(frozen=True, slots=True)
class _Row:
    """A score under the name that its condition has in the report."""

    codec: str
    bitrate: int | None
    item: str
    metric: str
    value: float | None


def consistency_flags(study: Study) -> list[str]:
    """A sentence for each condition and metric with scores that mislead."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for flag in misleading(_rows(study)):
        groups.setdefault((flag.codec, flag.metric, flag.reason), []).append(flag.item)
    merged: dict[tuple[str, str], tuple[list[str], str]] = {}
    for (condition, metric, reason), items in groups.items():
        merged.setdefault((condition, metric), ([], reason))[0].extend(items)
    return [
        f"{readable(condition)}, {metric}: {len(items)} of {len(study.items)} items "
        f"({listed([readable(item) for item in items], NAMED_ITEMS)}); the first: {reason}"
        for (condition, metric), (items, reason) in merged.items()
    ]


def _rows(study: Study) -> Iterator[_Row]:
    """Scores of the cells that a witness contradicts; the others cannot mislead."""
    suspect = np.zeros(study.planned.shape, np.bool_)
    for measure in study.measures:
        if measure.name in WITNESSES:
            suspect |= WITNESSES[measure.name](study.column(measure))
    for measure in study.measures:
        if not measure.name.startswith(SUSPECT_PREFIX) and measure.name not in WITNESSES:
            continue
        column = study.column(measure)
        for row, item in np.argwhere(suspect).tolist():
            shown, value = study.conditions[row], float(column[row, item])
            yield _Row(
                shown.label,
                shown.bitrate,
                study.items[item].label,
                measure.name,
                value if np.isfinite(value) else None,
            )
