"""Scales, ticks and the frame of a plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from markupsafe import Markup

from reports.svg import element, joined, label, segment

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)  # of ticks, times a power of ten
LOG_STEPS = ((1.0, 2.0, 5.0), (1.0, 3.0), (1.0,))  # from few decades to many
CHARACTER = 6.6  # width of a character of a label, in units of the drawing


@dataclass(frozen=True, slots=True)
class Scale:
    """Where values come to lie.

    Attributes:
        low: value at ``start``.
        high: value at ``stop``.
        start: place in the drawing.
        stop: place in the drawing; smaller than ``start`` on a vertical axis.
        kind: ``linear``, or ``log`` for positive values.
        whole: whether only whole numbers have ticks.
    """

    low: float
    high: float
    start: float
    stop: float
    kind: Literal["linear", "log"] = "linear"
    whole: bool = False

    def __call__(self, value: float) -> float:
        """The place of a value."""
        low, high = self.low, self.high
        if self.kind == "log":
            value, low, high = math.log(value), math.log(low), math.log(high)
        return self.start + (value - low) / (high - low) * (self.stop - self.start)

    def ticks(self, most: int = 6) -> list[float]:
        """Round values within the scale, at most about ``most``."""
        ticks = (_log_ticks if self.kind == "log" else _linear_ticks)(self.low, self.high, most)
        return [tick for tick in ticks if not self.whole or tick == round(tick)]


def fitted(
    values: Iterable[float | None],
    start: float,
    stop: float,
    *,
    kind: Literal["linear", "log"] = "linear",
    margin: float = 0.06,
    include: Sequence[float] = (),
) -> Scale:
    """A scale that holds all values that there are, with room at both ends.

    Raises:
        ValueError: there is no finite value, or one that is not positive on a log scale.
    """
    found = [value for value in (*values, *include) if value is not None and math.isfinite(value)]
    if not found:
        raise ValueError("an axis without values was asked for.")
    low, high = min(found), max(found)
    if kind == "log":
        if low <= 0:
            raise ValueError(f"{low} has no place on a logarithmic axis.")
        ratio = max(high / low, 1.3) ** margin
        return Scale(low / ratio, high * ratio, start, stop, "log")
    room = (high - low) * margin or abs(high) * margin or 1.0
    return Scale(low - room, high + room, start, stop)


@dataclass(frozen=True, slots=True)
class Frame:
    """A plot's axes: grid, ticks and headings."""

    x: Scale
    y: Scale
    x_heading: str
    y_heading: str

    def draw(self) -> Markup:
        """Grid lines, tick labels and headings, to lie below the data."""
        left, right = sorted((self.x.start, self.x.stop))
        top, bottom = sorted((self.y.start, self.y.stop))
        parts = [
            *(segment(left, self.y(t), right, self.y(t), "grid") for t in self.y.ticks()),
            *(segment(self.x(t), top, self.x(t), bottom, "grid") for t in self.x.ticks()),
            segment(left, bottom, right, bottom, "axis"),
            *(label(self.x(t), bottom + 16, number(t), "tick", "middle") for t in self.x.ticks()),
            *(label(left - 7, self.y(t) + 4, number(t), "tick", "end") for t in self.y.ticks()),
            label((left + right) / 2, bottom + 35, self.x_heading, "heading", "middle"),
            label(4, top - 11, self.y_heading, "heading"),
        ]
        return joined(parts)


def horizontal_axis(x: Scale, top: float, bottom: float, heading: str) -> Markup:
    """Grid and ticks of a plot whose rows are named, not measured."""
    return joined(
        [
            *(segment(x(t), top, x(t), bottom, "grid") for t in x.ticks()),
            segment(x.start, bottom, x.stop, bottom, "axis"),
            *(label(x(t), bottom + 16, number(t), "tick", "middle") for t in x.ticks()),
            label((x.start + x.stop) / 2, bottom + 35, heading, "heading", "middle"),
        ]
    )


def row_name(x: float, y: float, text: str, full: str) -> Markup:
    """Name of a row to the left of ``x``; the full name is told when it is pointed at."""
    tip = [element("title", full)] if full != text else []
    return element("text", text, *tip, x=x, y=y, class_="row", text_anchor="end")


def number(value: float) -> str:
    """A tick's value in as few characters as keep it exact.

    >>> [number(value) for value in (0.1 + 0.2, 1500, 2.5e6, 1e-5)]
    ['0.3', '1500', '2.5M', '1e-05']
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            size = 1e3 if unit == "k" else size
            return f"{value / size:.4g}{unit}"
    return f"{round(value, 10):.4g}" if abs(value) >= 1e-3 else f"{value:.2g}"


def _linear_ticks(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * step for step in STEPS if power * step >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def _log_ticks(low: float, high: float, most: int) -> list[float]:
    for steps in LOG_STEPS:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) <= most:
            break
    return inside if len(inside) >= 2 else _linear_ticks(low, high, most)
