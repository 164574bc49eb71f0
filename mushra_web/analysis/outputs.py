"""What an analysis leaves in a folder for a paper: figures, tables and the summary."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mushra_web.analysis.figures import draw_figures
from mushra_web.analysis.ratings_cube import ratings_cube
from mushra_web.analysis.screening import kept
from mushra_web.analysis.summary_text import summary_text
from mushra_web.analysis.tables import latex, markdown

if TYPE_CHECKING:
    from mushra_web.analysis.analysis import Analysis
    from mushra_web.ratings import RatingsTable


def write_report(analysis: Analysis, table: RatingsTable, folder: Path) -> tuple[Path, ...]:
    """Write ``summary.txt``, ``tables.md``, ``tables.tex`` and ``figures/``.

    Args:
        analysis: what was found.
        table: all ratings, also of the listeners who were left out.
        folder: where the files go; made if it is not there.

    Returns:
        The files. There are figures only of tests that rate on a scale.

    Raises:
        OSError: a file cannot be written.
    """
    figures = folder / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in (
        ("summary.txt", summary_text(analysis)),
        ("tables.md", markdown(analysis)),
        ("tables.tex", latex(analysis)),
    ):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        written.append(path)
    if not analysis.conditions:
        return tuple(written)
    figures.mkdir(exist_ok=True)
    cube = ratings_cube(kept(table, analysis.screening))
    return (*written, *draw_figures(analysis, cube, figures))
