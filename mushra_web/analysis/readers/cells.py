"""Numbers from the cells of a file."""

from __future__ import annotations

import math

from mushra_web.ratings import RatingError


def number(text: str, what: str, where: str) -> float | None:
    """The number in a cell; none for an empty one.

    Args:
        text: the cell.
        what: name of its column.
        where: its place in the file.

    Raises:
        RatingError: it holds no finite number.
    """
    if not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RatingError(f"{where}: {what} is {text!r}; a number expected.")
    return value


def whole_number(text: str, what: str, where: str) -> int | None:
    """The whole number in a cell; none for an empty one.

    Raises:
        RatingError: it holds no whole number.
    """
    value = number(text, what, where)
    if value is None:
        return None
    if not value.is_integer():
        raise RatingError(f"{where}: {what} is {text!r}; a whole number expected.")
    return int(value)
