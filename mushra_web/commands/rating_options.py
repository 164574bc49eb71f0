"""What ``results`` and ``analyze`` share: where ratings are read from, and what their ids mean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from bench.commands.terminal import words

if TYPE_CHECKING:
    from mushra_web.ratings import RatingsTable

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS = (
    click.argument("ratings", type=click.Path(exists=True, path_type=Path)),
    click.option(
        "--names",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Test folder whose opaque ids a webMUSHRA or pymushra file holds.",
    ),
    click.option(
        "--categories",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="CSV with the columns item and category.",
    ),
    click.option(
        "--training",
        callback=words,
        help="Pages whose ratings never count, separated by commas. [default: those of the test "
        "folder, or whose id begins with training]",
    ),
    click.option("--test", default="", help="Which test, where a pymushra file holds several."),
    click.option(
        "--scale",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Which scale of a Likert test with several.",
    ),
)


def rating_options(function: Function) -> Function:
    """Add the argument RATINGS and the options by which it is understood."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def read(
    ratings: Path,
    *,
    names: Path | None,
    categories: Path | None,
    training: tuple[str, ...],
    test: str,
    scale: int,
) -> RatingsTable:
    """The ratings that a command was given.

    Raises:
        click.UsageError: they cannot be read; the message names the row.
    """
    from mushra_web.analysis.readers.files import categorised, read_categories, read_ratings
    from mushra_web.analysis.readers.responses import Naming
    from mushra_web.listening_test import ListeningTestError, read_test
    from mushra_web.ratings import RatingError
    from mushra_web.serving.answers import AnswerStoreError

    try:
        naming = Naming(read_test(names) if names else None, training)
        table = read_ratings(ratings, naming, test=test, scale=scale)
        return categorised(table, read_categories(categories)) if categories else table
    except (AnswerStoreError, ListeningTestError, RatingError) as error:
        raise click.UsageError(str(error)) from error
