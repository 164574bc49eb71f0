"""``bench mushra results``: ratings as a file for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from bench.commands.terminal import FailedError
from mushra_web.commands.rating_options import rating_options, read


@click.command()
@rating_options
@click.option(
    "--format",
    "style",
    type=click.Choice(["csv", "webmushra", "json"]),
    default="csv",
    show_default=True,
    help="Tidy CSV or JSON with one rating a row, or a CSV shaped like webMUSHRA's mushra.csv.",
)
@click.option(
    "-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File. [default: stdout]"
)
def results(
    style: str,
    out: Path | None,
    **source: Any,  # the options of rating_options, by name
) -> None:
    """Write the ratings in RATINGS: a test folder, or a file of webMUSHRA, pymushra or tidy CSV.

    Opaque ids are mapped back, training is left out, and what was sent twice counts once.
    """
    from bench.run_folder import write_bytes
    from mushra_web.analysis.exports import EXPORTS
    from mushra_web.ratings import RatingError

    table = read(**source)
    for note in table.notes:
        click.echo(f"note: {note}", err=True)
    try:
        text = EXPORTS[style](table)
    except RatingError as error:
        raise click.UsageError(str(error)) from error
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        write_bytes(out, text.encode())
    except OSError as error:
        raise FailedError(f"{out} cannot be written: {error.strerror}.") from error
    click.echo(
        f"{out}: {len(table)} ratings of {len(table.listeners)} listeners, "
        f"{len(table.conditions)} conditions.",
        err=True,
    )
