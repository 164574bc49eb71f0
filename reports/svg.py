"""SVG written by hand: elements with everything escaped, and the shapes that figures share.

Figures are coloured by classes alone; the style sheet gives the classes their colours, so one
figure serves the light page, the dark page and print.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup, escape

N_COLOURS = 8  # of the style sheet; later series repeat them with another marker
MARKERS = (
    "M0-4.2a4.2 4.2 0 1 1 0 8.4a4.2 4.2 0 1 1 0-8.4z",  # disc
    "M-3.8-3.8h7.6v7.6h-7.6z",  # square
    "M0-4.8L4.6 3.6H-4.6z",  # triangle
    "M0-5.2L4.6 0L0 5.2L-4.6 0z",  # diamond
    "M0 4.8L4.6-3.6H-4.6z",  # triangle on its tip
    "M-1.6-4.8h3.2v3.2h3.2v3.2h-3.2v3.2h-3.2v-3.2h-3.2v-3.2h3.2z",  # plus
    "M0-5L4.8-1.5L2.9 4.1H-2.9L-4.8-1.5z",  # pentagon
    "M-4.2-2.4L0-4.8L4.2-2.4V2.4L0 4.8L-4.2 2.4z",  # hexagon
    "M0-5.4L1.4-1.4L5.4 0L1.4 1.4L0 5.4L-1.4 1.4L-5.4 0L-1.4-1.4z",  # star
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of the page.

    Attributes:
        name: unique; also the name of the file when it is saved.
        title: what it shows.
        svg: the drawing.
        caption: how to read it.
    """

    name: str
    title: str
    svg: Markup
    caption: str = ""


def element(name: str, *content: str | Markup, **attributes: object) -> Markup:
    """One SVG element; text and attributes are escaped, ``class_`` and ``_`` become names.

    >>> str(element("text", "<b>", class_="tick", text_anchor="end", x=1.26))
    '<text class="tick" text-anchor="end" x="1.3">&lt;b&gt;</text>'
    """
    pairs = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(map(escape, content))
    return Markup(f"<{name}{pairs}>{inner}</{name}>" if inner else f"<{name}{pairs}/>")


def joined(parts: Iterable[Markup]) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def drawing(width: float, height: float, label: str, *content: Markup) -> Markup:
    """The root element; ``label`` says to those who cannot see it what the figure shows."""
    return element(
        "svg",
        *content,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_text(width)} {_text(height)}",
        width=width,
        height=height,
        role="img",
        aria_label=label,
    )


def series_class(index: int) -> str:
    """The class that colours series ``index``."""
    return f"s{index % N_COLOURS}"


def marker(x: float, y: float, index: int, tip: str = "", **attributes: object) -> Markup:
    """The marker of series ``index``; ``tip`` is told when it is pointed at."""
    return element(
        "path",
        *([element("title", tip)] if tip else []),
        class_=f"mark {series_class(index)}",
        d=MARKERS[(index // N_COLOURS + index) % len(MARKERS)],
        transform=f"translate({_text(x)} {_text(y)})",
        **attributes,
    )


def line(points: Sequence[tuple[float, float]], class_: str) -> Markup:
    """A line through points."""
    path = "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in points)
    return element("path", d=path, class_=class_)


def band(xs: Sequence[float], lows: Sequence[float], highs: Sequence[float], class_: str) -> Markup:
    """The area between two lines."""
    outline = [*zip(xs, highs, strict=True), *zip(xs[::-1], lows[::-1], strict=True)]
    path = "M" + "L".join(f"{_text(x)} {_text(y)}" for x, y in outline) + "z"
    return element("path", d=path, class_=class_)


def segment(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A straight line."""
    return element("path", d=f"M{_text(x1)} {_text(y1)}L{_text(x2)} {_text(y2)}", class_=class_)


def label(x: float, y: float, text: str, class_: str = "", anchor: str = "start") -> Markup:
    """A text; ``anchor`` is ``start``, ``middle`` or ``end``."""
    return element(
        "text",
        text,
        x=x,
        y=y,
        class_=class_ or None,
        text_anchor=None if anchor == "start" else anchor,
    )


def spread_labels(
    places: Sequence[float], *, low: float, high: float, gap: float = 14.0
) -> list[float]:
    """Places of labels along an axis, moved as little as keeps them apart and inside.

    Args:
        places: where each label would best stand.
        low: smallest place allowed.
        high: largest place allowed.
        gap: smallest distance; less where there is no room for it.
    """
    if not places:
        return []
    order = sorted(range(len(places)), key=lambda index: places[index])
    gap = min(gap, (high - low) / max(1, len(places) - 1))
    moved = [min(max(places[index], low), high) for index in order]
    for index in range(1, len(moved)):
        moved[index] = max(moved[index], moved[index - 1] + gap)
    moved[-1] = min(moved[-1], high)
    for index in range(len(moved) - 2, -1, -1):
        moved[index] = min(moved[index], moved[index + 1] - gap)
    assert all(b - a >= gap - 1e-6 for a, b in pairwise(moved))
    result = [0.0] * len(places)
    for place, index in zip(moved, order, strict=True):
        result[index] = place
    return result


def _text(value: object) -> str:
    if isinstance(value, float):
        value = f"{value:.1f}".removesuffix(".0")
    return str(escape(value))
