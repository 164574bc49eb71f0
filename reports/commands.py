"""``bench report``: one HTML page about one run or several."""

from __future__ import annotations

from pathlib import Path

import click

from bench.commands.terminal import NothingMeasuredError


@click.command()
@click.argument("runs", type=click.Path(exists=True, file_okay=False), nargs=-1, required=True)
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False),
    default="report.html",
    show_default=True,
    help="The page. Audio goes into a folder beside it, report_audio for report.html.",
)
@click.option(
    "--self-contained", is_flag=True, help="Put the audio into the page instead, as lossless FLAC."
)
@click.option(
    "--items",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Items to listen to, spread evenly from the best to the worst; outliers come on top.",
)
@click.option(
    "--listening",
    type=click.Path(exists=True, dir_okay=False),
    help="Result of a listening test, from 'bench mushra analyze'.",
)
@click.option("--title", help="Heading of the page.  [default: names of the runs]")
def report(
    runs: tuple[str, ...],
    out: str,
    self_contained: bool,
    items: int,
    listening: str | None,
    title: str | None,
) -> None:
    """Write an HTML report of RUNS: tables, figures, players, downloads.

    The page opens from disk and needs no network. Several runs are put side by side; what they
    share is compared. Exit status 3 says that the runs hold no value.
    """
    from bench.store import StoreError
    from reports.listening import ListeningError
    from reports.page import ReportOptions, write_report
    from reports.results import NothingToReportError

    options = ReportOptions(
        title=title,
        self_contained=self_contained,
        n_examples=items,
        listening=Path(listening) if listening else None,
    )
    try:
        written = write_report([Path(run) for run in runs], Path(out), options)
    except (StoreError, ListeningError) as error:
        raise click.UsageError(str(error)) from error
    except NothingToReportError as error:
        raise NothingMeasuredError(str(error)) from error
    except OSError as error:
        raise click.UsageError(f"{out} cannot be written: {error.strerror}.") from error
    for note in written.notes:
        click.echo(note, err=True)
    click.echo(written.summary)
