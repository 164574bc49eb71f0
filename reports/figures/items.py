"""The value of every item, a row for each condition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from reports.axes import fitted, horizontal_axis, row_name
from reports.names import readable, shortened, slug
from reports.numerals import fixed
from reports.outliers import OUTLYING, outliers
from reports.study import heading
from reports.svg import Figure, drawing, element, joined, segment, series_class

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

    from bench.store import Measure
    from reports.axes import Scale
    from reports.study import Study

WIDTH, ROW = 620, 24
LEFT, TOP, RIGHT = 158, 14, 606
MOST_ROWS = 40
MOST_DOTS = 150  # items beyond which a row is drawn as a box with its outliers
MOST_OUTLIERS = 6  # named in each row


def item_strip(study: Study, measure: Measure, anchors: Mapping[int, str]) -> Figure | None:
    """Values of all items; outliers are named, and linked where a player has them.

    Args:
        study: the conditions.
        measure: what is drawn.
        anchors: by item, where in the page it can be heard.
    """
    values = study.column(measure)
    rows = [row for row in range(len(values)) if np.isfinite(values[row]).any()]
    if not rows:
        return None
    rows.sort(key=lambda row: (study.series(row), study.rates[row] or 0.0))
    shown = rows[:MOST_ROWS]
    finite = values[shown][np.isfinite(values[shown])]
    x = fitted([float(finite.min()), float(finite.max())], LEFT, RIGHT, margin=0.04)
    bottom = TOP + ROW * len(shown)
    drawn = [
        _row(study, row, values[row], x, TOP + ROW * (place + 0.5), anchors)
        for place, row in enumerate(shown)
    ]
    title = f"{heading(measure)} of every item"
    n_items = len(study.items)
    kind = (
        "A dot is an item"
        if n_items <= MOST_DOTS
        else "Boxes hold half of the items, lines nine tenths"
    )
    left_out = len(rows) - len(shown)
    return Figure(
        f"items-{slug(measure.name)}",
        title,
        drawing(
            WIDTH, bottom + 44, title, horizontal_axis(x, TOP, bottom, heading(measure)), *drawn
        ),
        f"{kind}, the bar is the median. Ringed: outliers (modified z above {OUTLYING:g}), the "
        f"farthest {MOST_OUTLIERS} of a row; a click leads to the player where there is one."
        + (f" {left_out} further conditions are not drawn." if left_out else ""),
    )


def _row(
    study: Study,
    row: int,
    values: NDArray[np.float64],
    x: Scale,
    y: float,
    anchors: Mapping[int, str],
) -> Markup:
    colour = series_class(study.series(row))
    present = values[np.isfinite(values)]
    name = study.conditions[row].label
    far = outliers(values)[:MOST_OUTLIERS]
    median = x(float(np.median(present)))
    if values.size > MOST_DOTS:
        low, first, third, high = (x(float(v)) for v in np.percentile(present, (5, 25, 75, 95)))
        body = [
            segment(low, y, high, y, f"whisker {colour}"),
            element("rect", x=first, y=y - 6, width=third - first, height=12, rx=2,
                    class_=f"box {colour}"),
        ]  # fmt: skip
    else:
        dots = "".join(f"M{x(float(v)):.1f} {y:.1f}h0" for v in present)
        body = [element("path", d=dots, class_=f"dots {colour}")]
    return element(
        "g",
        row_name(LEFT - 10, y + 4, shortened(name, 20), readable(name)),
        *body,
        segment(median, y - 8, median, y + 8, "median"),
        joined(_outlier(study, row, item, float(values[item]), x, y, anchors) for item in far),
        class_="series",
        data_series=study.series(row),
    )


def _outlier(
    study: Study,
    row: int,
    item: int,
    value: float,
    x: Scale,
    y: float,
    anchors: Mapping[int, str],
) -> Markup:
    tip = f"{readable(study.items[item].label)}: {fixed(value)}"
    ring = element(
        "circle",
        element("title", tip),
        cx=x(value),
        cy=y,
        r=6,
        class_=f"outlier {series_class(study.series(row))}",
    )
    return element("a", ring, href=f"#{anchors[item]}") if item in anchors else ring
