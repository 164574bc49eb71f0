"""Paired differences between conditions of about one bitrate, with their intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.axes import fitted, horizontal_axis, row_name
from reports.names import readable, shortened, slug
from reports.numerals import fixed, probability, signed
from reports.study import KILO, heading, sign_of
from reports.svg import Figure, drawing, element, joined, label, segment

if TYPE_CHECKING:
    from markupsafe import Markup

    from bench.store import Measure
    from reports.axes import Scale
    from reports.comparison import Contrast
    from reports.study import Study

WIDTH, ROW, GAP = 680, 21, 8
LEFT, TOP, RIGHT = 322, 30, 590
MOST_ROWS = 24
NAME_LENGTH = 17


def forest(study: Study, measure: Measure) -> Figure | None:
    """Differences of all pairs within each band of bitrate; none where no band has two."""
    found = study.contrasts[measure.name]
    if not found:
        return None
    shown = sorted(found, key=lambda c: -abs(c.difference.effect_size or 0.0))[:MOST_ROWS]
    means = [contrast.difference.mean for contrast in shown]
    limits = [limit for m in means for limit in (m.mean, m.ci_low, m.ci_high)]
    x = fitted(limits, LEFT, RIGHT, include=(0.0,))
    rows = []
    y = TOP
    for bitrate, members in study.bands:
        own = [contrast for contrast in shown if contrast.first in members]
        own.sort(key=lambda c: sign_of(measure) * c.difference.mean.mean)
        if own and bitrate is not None:
            rows.append(label(4, y + ROW / 2 + 4, f"near {bitrate / KILO:.3g} kbit/s", "heading"))
        for contrast in own:
            rows.append(_row(study, measure, contrast, x, y + ROW / 2))
            y += ROW
        y += GAP if own else 0
    bottom = y
    title = f"Paired differences in {heading(measure)}"
    better, worse = ("right", "left") if measure.direction == "higher" else ("left", "right")
    left_out = len(found) - len(shown)
    return Figure(
        f"forest-{slug(measure.name)}",
        title,
        drawing(
            WIDTH,
            bottom + 46,
            title,
            horizontal_axis(x, TOP - 8, bottom, f"first minus second, {heading(measure)}"),
            segment(x(0.0), TOP - 8, x(0.0), bottom, "zero"),
            label(RIGHT + 12, TOP - 12, "p (Holm)", "tick"),
            *rows,
        ),
        f"Where the interval lies on the {better} of zero the first is better, on the {worse} the "
        f"second. Filled: significant after Holm over these {len(found)} differences."
        + (f" The {left_out} smallest effects are not drawn." if left_out else ""),
    )


def _row(study: Study, measure: Measure, contrast: Contrast, x: Scale, y: float) -> Markup:
    mean = contrast.difference.mean
    first, second = (study.conditions[index].label for index in (contrast.first, contrast.second))
    names = f"{shortened(first, NAME_LENGTH)} - {shortened(second, NAME_LENGTH)}"
    effect = contrast.difference.effect_size
    tip = (
        f"{readable(first)} minus {readable(second)}: {signed(mean.mean)} {measure.unit}, n = "
        f"{mean.n}" + ("" if effect is None else f", Hedges' g {fixed(effect)}")
    )
    wins = sign_of(measure) * mean.mean > 0
    colour = f"{'better' if wins else 'worse'} {'sure' if contrast.is_significant else 'open'}"
    parts = [row_name(LEFT - 10, y + 4, names, f"{readable(first)} - {readable(second)}")]
    if mean.ci_low is not None and mean.ci_high is not None:
        parts.append(segment(x(mean.ci_low), y, x(mean.ci_high), y, f"interval {colour}"))
    parts += [
        element("circle", element("title", tip), cx=x(mean.mean), cy=y, r=4.5,
                class_=f"estimate {colour}"),
        label(RIGHT + 12, y + 4, probability(contrast.p), "tick"),
    ]  # fmt: skip
    return joined(parts)
