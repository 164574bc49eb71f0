"""Plain curves: quality over packet loss, entropy over codebooks, share over opinion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.axes import Frame, fitted
from reports.names import readable, shortened
from reports.numerals import fixed
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

WIDTH, HEIGHT = 520, 300
LEFT, TOP, RIGHT, BOTTOM = 46, 34, 404, 250
MOST_LABELS = 12


@dataclass(frozen=True, slots=True)
class Curve:
    """A named curve; each point is x, y and the ends of its interval, if it has one."""

    name: str
    series: int
    points: Sequence[tuple[float, float, float | None, float | None]]


def curves(
    name: str,
    title: str,
    drawn: Sequence[Curve],
    *,
    x_heading: str,
    y_heading: str,
    caption: str = "",
    include: Sequence[float] = (),
    whole: bool = False,
) -> Figure | None:
    """Curves with intervals and names; none where no curve has a point.

    Args:
        name: of the figure.
        title: what it shows.
        drawn: the curves.
        x_heading: of the horizontal axis.
        y_heading: of the vertical axis.
        caption: how to read it.
        include: values that the vertical axis must hold.
        whole: whether the horizontal axis counts something.
    """
    drawn = [curve for curve in drawn if curve.points]
    if not drawn:
        return None
    x = fitted([p[0] for curve in drawn for p in curve.points], LEFT, RIGHT)
    x = replace(x, whole=whole)
    y = fitted(
        [value for curve in drawn for p in curve.points for value in p[1:]],
        BOTTOM,
        TOP,
        include=include,
    )
    groups = []
    for curve in drawn:
        colour = series_class(curve.series)
        parts = []
        if len(curve.points) > 1:
            parts.append(line([(x(p[0]), y(p[1])) for p in curve.points], f"curve {colour}"))
        for at, value, low, high in curve.points:
            if low is not None and high is not None:
                parts.append(line([(x(at), y(low)), (x(at), y(high))], f"whisker {colour}"))
            tip = f"{readable(curve.name)}: {fixed(value)} at {at:g}"
            parts.append(marker(x(at), y(value), curve.series, tip))
        groups.append(element("g", joined(parts), class_="series", data_series=curve.series))
    places = spread_labels([y(c.points[-1][1]) for c in drawn], low=TOP + 4, high=BOTTOM - 2)
    names = [
        label(
            RIGHT + 12, place + 4, shortened(curve.name, 16), f"name {series_class(curve.series)}"
        )
        for curve, place in zip(drawn, places, strict=True)
    ]
    frame = Frame(x, y, x_heading, y_heading).draw()
    labels = names if len(drawn) <= MOST_LABELS else []
    return Figure(name, title, drawing(WIDTH, HEIGHT, title, frame, *groups, *labels), caption)
