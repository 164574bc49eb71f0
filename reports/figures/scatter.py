"""Quality against what it costs, with the line that no condition beats on both counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reports.axes import Frame, fitted
from reports.names import readable, shortened, slug
from reports.numerals import fixed, scaled
from reports.pareto import pareto_front
from reports.study import heading, sign_of
from reports.svg import (
    Figure,
    drawing,
    element,
    joined,
    label,
    line,
    marker,
    series_class,
    spread_labels,
)

if TYPE_CHECKING:
    from bench.store import Measure
    from reports.study import Study

WIDTH, HEIGHT = 520, 320
LEFT, TOP, RIGHT, BOTTOM = 46, 34, 414, 270
MOST_LABELS = 14
MIN_CODECS = 2


@dataclass(frozen=True, slots=True)
class Cost:
    """A cost of codecs.

    Attributes:
        name: what it is, for titles.
        heading: of its axis, with the unit.
        values: by codec; those of which it is unknown are left out.
        lower_is_better: whether less of it is better; else it is a speed.
    """

    name: str
    heading: str
    values: Mapping[str, float]
    lower_is_better: bool = True


def quality_against_cost(study: Study, measure: Measure, cost: Cost) -> Figure | None:
    """Every condition at the cost of its codec; none where fewer than two codecs have both."""
    cells = study.cells(measure)
    rows = [
        row
        for row, condition in enumerate(study.conditions)
        if cost.values.get(condition.codec, 0.0) > 0 and cells[row].mean
    ]
    if len({study.conditions[row].codec for row in rows}) < MIN_CODECS:
        return None
    costs = {row: cost.values[study.conditions[row].codec] for row in rows}
    means = {row: mean.mean for row in rows if (mean := cells[row].mean)}
    x = fitted(costs.values(), LEFT, RIGHT, kind="log", margin=0.08)
    y = fitted(means.values(), BOTTOM, TOP, margin=0.1)
    sense, sign = (1.0 if cost.lower_is_better else -1.0), sign_of(measure)
    front = pareto_front([(sense * costs[row], sign * means[row]) for row in rows])
    groups, ends = [], []
    for series, codec in enumerate(study.codecs):
        own = [row for row in study.rows_of(codec) if row in means]
        if not own:
            continue
        points = [(x(costs[row]), y(means[row])) for row in own]
        marks = [
            marker(
                *point,
                series,
                f"{readable(study.conditions[row].label)}: {fixed(means[row])} {measure.unit}, "
                f"{cost.name} {scaled(costs[row])}",
            )
            for row, point in zip(own, points, strict=True)
        ]
        stem = [line(points, f"stem {series_class(series)}")] if len(own) > 1 else []
        groups.append(element("g", joined([*stem, *marks]), class_="series", data_series=series))
        ends.append((series, codec, points[-1][1]))
    names = []
    if len(ends) <= MOST_LABELS:
        places = spread_labels([end for *_, end in ends], low=TOP + 4, high=BOTTOM - 2)
        names = [
            element(
                "g",
                label(RIGHT + 12, place + 4, shortened(codec, 15), f"name {series_class(series)}"),
                class_="series",
                data_series=series,
            )
            for (series, codec, _), place in zip(ends, places, strict=True)
        ]
    best = [(x(costs[rows[i]]), y(means[rows[i]])) for i in front]
    title = f"{heading(measure)} against {cost.name}"
    return Figure(
        f"cost-{slug(cost.name)}-{slug(measure.name)}",
        title,
        drawing(
            WIDTH,
            HEIGHT,
            title,
            Frame(x, y, cost.heading, heading(measure)).draw(),
            *([line(best, "pareto")] if len(best) > 1 else []),
            *groups,
            *names,
        ),
    )
