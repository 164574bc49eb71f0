"""Mean ratings of a listening test, a row for each condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from reports.axes import fitted, horizontal_axis, row_name
from reports.names import readable, shortened
from reports.svg import Figure, drawing, element, marker, segment, series_class

if TYPE_CHECKING:
    from markupsafe import Markup

    from reports.axes import Scale
    from reports.listening import ListeningTest, RatedCondition

WIDTH, ROW = 620, 26
LEFT, TOP, RIGHT = 158, 10, 606
UNMEASURED = 7  # series of what no codec of the runs made: the reference and the anchors


def mean_ratings(test: ListeningTest, series: Mapping[str, int]) -> Figure | None:
    """Means with 95 % intervals, the best first; none for a test without rated conditions.

    Args:
        test: what was found.
        series: colour of each condition that the runs have.
    """
    if not test.conditions:
        return None
    limits = [end for rated in test.conditions for end in (rated.ci_low, rated.ci_high)]
    x = fitted(limits, LEFT, RIGHT, margin=0.04)
    bottom = TOP + ROW * len(test.conditions)
    rows = [
        _row(rated, series.get(rated.condition, UNMEASURED), x, TOP + ROW * (place + 0.5))
        for place, rated in enumerate(test.conditions)
    ]
    title = "Mean ratings"
    axis = horizontal_axis(x, TOP, bottom, "opinion score")
    return Figure(
        "ratings",
        title,
        drawing(WIDTH, bottom + 44, title, axis, *rows),
        "Means with 95 % intervals.",
    )


def _row(rated: RatedCondition, series: int, x: Scale, y: float) -> Markup:
    name = readable(rated.condition)
    tip = f"{name}: {rated.mean:.1f}, {rated.ci_low:.1f} to {rated.ci_high:.1f}, n = {rated.n}"
    return element(
        "g",
        row_name(LEFT - 10, y + 4, shortened(rated.condition, 20), name),
        segment(x(rated.ci_low), y, x(rated.ci_high), y, f"interval {series_class(series)}"),
        marker(x(rated.mean), y, series, tip),
    )
