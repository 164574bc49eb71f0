"""The table that a run prints: conditions down, metrics across, means with intervals and counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.coding import BITRATE
from bench.conditions import Condition
from bench.stats import Mean
from bench.store import Measure
from bench.summary import ALL, Comparison, Summary

ARROWS = {"higher": " ↑", "lower": " ↓", "none": ""}
NO_VALUE = "-"
MOST_NAMES = 8  # items named in a note
SMALLEST_FIXED = 0.001  # below, three decimals would show nothing


@dataclass(frozen=True, slots=True)
class Table:
    """Text in cells, for the terminal, Markdown or LaTeX.

    Attributes:
        title: what the table shows.
        header: column headings.
        rows: cells of each row.
        notes: what a reader must know to read it rightly.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]


def score_tables(
    comparisons: Sequence[Comparison],
    measures: Sequence[Measure],
    conditions: Sequence[Condition],
    *,
    category: str = ALL,
    metrics: Sequence[str] = (),
) -> list[Table]:
    """The means over the items of one category, a table for each comparison that has some.

    Args:
        comparisons: conditions and their means.
        measures: columns of results of the run.
        conditions: conditions of the run, in the order in which they are shown.
        category: which items.
        metrics: which columns; all if none are named.
    """
    shown = [m for m in measures if not metrics or m.name in metrics]
    return [
        _score_table(comparison, shown, conditions, category, name_items=len(comparisons) > 1)
        for comparison in comparisons
        if any(summary.category == category for summary in comparison.summaries)
    ]


def _score_table(
    comparison: Comparison,
    shown: Sequence[Measure],
    conditions: Sequence[Condition],
    category: str,
    *,
    name_items: bool,
) -> Table:
    compared = [c for c in conditions if c.key in comparison.conditions]
    cells = {(s.condition, s.metric): s for s in comparison.summaries if s.category == category}
    usual = max((s.n for s in cells.values()), default=0)
    rows = []
    for condition in compared:
        found = [cells.get((condition.key, m.name)) for m in shown]
        mark = " (vocoder)" if condition.is_vocoder else ""
        mark += " (preview)" if condition.preview else ""
        if condition.status == "ok":
            texts = [
                # What cannot exist has not failed.
                NO_VALUE
                if condition.is_vocoder and m.name == BITRATE.name
                else _cell(summary, usual)
                for m, summary in zip(shown, found, strict=True)
            ]
        else:  # the notes say why
            texts = [condition.status, *[NO_VALUE] * len(shown)][: len(shown)]
        rows.append((condition.id + mark, *texts))
    notes = [f"n = {usual} where a cell says nothing else.", *reasons(compared)]
    if name_items:
        notes.insert(1, f"Items that all of these conditions have: {listed(comparison.items)}.")
    return Table(
        title=f"Means over {category} items with 95 % confidence intervals",
        header=("condition", *map(_heading, shown)),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def listed(names: Sequence[str], most: int = MOST_NAMES) -> str:
    """The names for a sentence, the first of them where there are many.

    >>> listed(["a", "b", "c"], 2)
    'a, b and 1 more'
    """
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _heading(measure: Measure) -> str:
    unit = "kbit/s" if measure.name == BITRATE.name else measure.unit
    return f"{measure.name}{f' [{unit}]' if unit else ''}{ARROWS[measure.direction]}"


def _cell(summary: Summary | None, usual: int) -> str:
    if summary is None:
        return NO_VALUE
    text = NO_VALUE if summary.mean is None else _mean(summary.mean, summary.metric)
    counts = [f"n={summary.n}"] if summary.n != usual else []
    counts += [f"{summary.n_failed} failed"] if summary.n_failed else []
    return f"{text} ({', '.join(counts)})" if counts else text


def _mean(mean: Mean, metric: str) -> str:
    scale = 1000 if metric == BITRATE.name else 1
    number = _scientific if 0 < abs(mean.mean / scale) < SMALLEST_FIXED else _fixed
    text = number(mean.mean / scale)
    return text if mean.half_width is None else f"{text} ±{number(mean.half_width / scale)}"


def _fixed(value: float) -> str:
    """Three decimals below 1, two below 100, one above."""
    size = abs(value)
    decimals = 3 if size < 1 else 2 if size < 100 else 1
    return f"{value:.{decimals}f}"


def _scientific(value: float) -> str:
    return f"{value:.2e}"


def reasons(conditions: Sequence[Condition]) -> list[str]:
    """One note per reason for which conditions could not run."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for condition in conditions:
        if condition.status != "ok":
            reasons.setdefault((condition.status, condition.message), []).append(condition.id)
    return [f"{', '.join(ids)}: {status}: {why}" for (status, why), ids in reasons.items()]
