"""Figures of a listening test, as SVG and PDF files for papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from mushra_web.analysis.analysis import Analysis
    from mushra_web.analysis.ratings_cube import RatingsCube

FORMATS = ("svg", "pdf")
# Okabe and Ito (2008), told apart with any colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vPX"
STYLE: dict[Any, Any] = {  # matplotlib knows the names and types
    "svg.hashsalt": "listening test",  # the same figure gives the same bytes
    "pdf.fonttype": 42,  # letters, not shapes
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SCALE_BANDS = {"mushra": ("Bad", "Poor", "Fair", "Good", "Excellent")}  # ITU-R BS.1534-3, 5.4
TALL = 2.8  # inches
PER_CONDITION = 0.75  # inches of width
LONGEST_LEVEL = 9  # letters that fit into it


def draw_figures(analysis: Analysis, cube: RatingsCube, folder: Path) -> tuple[Path, ...]:
    """Draw all figures of a test that rates on a scale.

    Args:
        analysis: the result.
        cube: the ratings that count.
        folder: where the files go; it exists.

    Returns:
        The files: ``ratings``, ``means``, ``items`` and ``listeners``, each in two formats.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    order = tuple(summary.condition for summary in analysis.conditions)
    width = max(3.5, PER_CONDITION * len(order) + 1)
    drawings: dict[str, tuple[float, float, Callable[[Axes], None]]] = {
        "ratings": (width, TALL, lambda axes: _boxes(axes, cube, order)),
        "means": (width, TALL, lambda axes: _means(axes, analysis)),
        "items": (max(4.5, 0.55 * len(cube.items) + 2), TALL,
                  lambda axes: _lines(axes, cube, order, cube.items, 0)),
        "listeners": (max(4.5, 0.55 * len(cube.listeners) + 2), TALL,
                      lambda axes: _lines(axes, cube, order, cube.listeners, 2)),
    }  # fmt: skip
    written = []
    with mpl.rc_context(STYLE):
        for name, (wide, tall, draw) in drawings.items():
            figure = Figure(figsize=(wide, tall), layout="constrained")
            axes = figure.add_subplot()
            draw(axes)
            _scale(axes, analysis.method)
            for suffix in FORMATS:
                path = folder / f"{name}.{suffix}"
                moment = {"svg": "Date", "pdf": "CreationDate"}[suffix]
                figure.savefig(path, metadata={moment: None})
                written.append(path)
    return tuple(written)


def _boxes(axes: Axes, cube: RatingsCube, order: tuple[str, ...]) -> None:
    values = [cube.of(name)[~np.isnan(cube.of(name))] for name in order]
    axes.boxplot(
        values,
        tick_labels=[_plain(name) for name in order],
        whis=1.5,
        widths=0.55,
        medianprops={"color": COLOURS[1]},
        flierprops={"marker": "o", "markersize": 3, "markerfacecolor": "none"},
    )
    _tilt(axes, order)


def _means(axes: Axes, analysis: Analysis) -> None:
    for place, summary in enumerate(analysis.conditions):
        axes.plot(place, summary.mean, "o", color=COLOURS[0], markersize=5)
        if summary.ci_low is not None and summary.ci_high is not None:
            axes.vlines(place, summary.ci_low, summary.ci_high, color=COLOURS[0], linewidth=1.5)
        top = summary.mean if summary.ci_high is None else summary.ci_high
        axes.annotate(
            analysis.letters.get(summary.condition, ""),
            (place, top),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
        )
    names = [summary.condition for summary in analysis.conditions]
    axes.set_xticks(range(len(names)), [_plain(name) for name in names])
    axes.set_xlim(-0.5, len(names) - 0.5)
    _tilt(axes, names)
    axes.set_title(
        f"mean, 95 % interval ({analysis.options.population}); "
        "a shared letter: no significant difference",
        fontsize=7,
        loc="left",
        pad=12,
    )


def _lines(
    axes: Axes, cube: RatingsCube, order: tuple[str, ...], names: tuple[str, ...], over: int
) -> None:
    """Means along items (averaged over axis 0) or listeners (over axis 2)."""
    for number, condition in enumerate(order):
        scores = cube.of(condition)
        known = ~np.isnan(scores)
        along = 0 if over == 0 else 1
        counts = known.sum(axis=along)
        means = np.where(known, scores, 0).sum(axis=along) / np.where(counts, counts, np.nan)
        axes.plot(
            range(len(names)),
            means,
            marker=MARKERS[number % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            markersize=4,
            linewidth=0.8,
            linestyle=("-", "--", ":")[number // len(COLOURS) % 3],
            label=_plain(condition),
        )
    axes.set_xticks(range(len(names)), [_plain(name) for name in names])
    _tilt(axes, names, always=True)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=7)


def _scale(axes: Axes, method: str) -> None:
    bands = SCALE_BANDS.get(method)
    if bands is None:
        axes.set_ylabel("score")
        return
    axes.set_ylim(0, 104)  # whole markers at 100
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("MUSHRA score")
    axes.grid(axis="y", linewidth=0.4, color="#cccccc")
    axes.set_axisbelow(True)
    for number, band in enumerate(bands):
        axes.text(
            1.0, 20 * number + 10, f" {band}", transform=axes.get_yaxis_transform(),
            fontsize=6, va="center", color="#777777",
        )  # fmt: skip
    if axes.get_legend() is not None:
        axes.legend(loc="center left", bbox_to_anchor=(1.12, 0.5), frameon=False, fontsize=7)


def _tilt(axes: Axes, names: list[str] | tuple[str, ...], *, always: bool = False) -> None:
    longest = max(map(len, names))
    if always or longest > LONGEST_LEVEL:
        for label in axes.get_xticklabels():
            label.set_rotation(35)
            label.set_horizontalalignment("right")


def _plain(name: str) -> str:
    """A name that matplotlib takes for text, whatever characters it has."""
    return name.replace("$", r"\$")
