"""Ratings from a tidy CSV: one rating a row, the columns named as the fields of a rating."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from mushra_web.analysis.readers.cells import number, whole_number
from mushra_web.ratings import COLUMNS, Rating, RatingError, RatingsTable, collect, is_method

NEEDED = ("listener", "item", "condition", "score")


def is_tidy(header: list[str]) -> bool:
    """Whether a header is that of a tidy CSV."""
    return set(NEEDED) <= set(header)


def read_tidy(path: Path) -> RatingsTable:
    """The ratings of a tidy CSV.

    ``listener``, ``item``, ``condition`` and ``score`` are needed. Without a column (or with an
    empty cell) the session is the listener, the trial the item, the test the name of the file, and
    the method MUSHRA.

    Raises:
        RatingError: a column is missing or unknown, or a row is wrong; the message names it.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        header = reader.fieldnames or []
        missing = [name for name in NEEDED if name not in header]
        unknown = [name for name in header if name not in COLUMNS]
        if missing or unknown:
            raise RatingError(
                f"{path}: columns missing: {', '.join(missing) or 'none'}; unknown: "
                f"{', '.join(unknown) or 'none'}; known: {', '.join(COLUMNS)}."
            )
        return collect(_rows(path, reader))


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[str, Rating]]:
    for row in reader:
        where = f"{path.name}, line {reader.line_num}"
        if None in row or None in row.values():
            raise RatingError(f"{where}: not one cell for each of {len(COLUMNS)} columns.")
        yield where, _rating(row, path.stem, where)


def _rating(row: Mapping[str, str], test: str, where: str) -> Rating:
    for name in ("listener", "item", "condition"):
        if not row[name]:
            raise RatingError(f"{where}: {name} is empty; a name expected.")
    method = row.get("method") or "mushra"
    if not is_method(method):
        raise RatingError(f"{where}: unknown method {method!r}.")
    return Rating(
        test=row.get("test") or test,
        session=row.get("session") or row["listener"],
        listener=row["listener"],
        trial=row.get("trial") or row["item"],
        item=row["item"],
        category=row.get("category") or "",
        condition=row["condition"],
        score=number(row["score"], "score", where),
        position=whole_number(row.get("position") or "", "position", where),
        seconds=number(row.get("seconds") or "", "seconds", where),
        method=method,
        comment=row.get("comment") or "",
    )
