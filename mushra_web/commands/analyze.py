"""``bench mushra analyze``: what a listening test found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.commands.terminal import FailedError, print_json, print_whole
from mushra_web.commands.rating_options import rating_options, read

if TYPE_CHECKING:
    from mushra_web.analysis.analysis import Analysis
    from mushra_web.analysis.metric_agreement import Metrics
    from mushra_web.ratings import RatingsTable

POPULATIONS = {"listeners-and-items": "listeners and items", "listeners": "listeners"}


@click.command()
@rating_options
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the analysis to this JSON file.",
)
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write figures (SVG, PDF), tables (LaTeX, Markdown) and the summary to this folder.",
)
@click.option(
    "--screening",
    type=click.Choice(["bs1534-3", "low-anchor", "none"]),
    help="Rule by which listeners are left out. [default: bs1534-3 with a mid anchor, low-anchor "
    "with only the low one, none in other tests]",
)
@click.option(
    "--population",
    type=click.Choice(list(POPULATIONS)),
    help="What intervals and p values speak of: other listeners with other items, or with the "
    "same. [default: listeners-and-items, with two items or more]",
)
@click.option("--low-anchor", default="anchor35", show_default=True, help="Its condition.")
@click.option("--mid-anchor", default="anchor70", show_default=True, help="Its condition.")
@click.option(
    "--run",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Run whose metrics are compared with the scores.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of bootstraps and permutations.",
)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="The summary and the tables, or the whole analysis.",
)
def analyze(
    ratings: Path,
    out: Path | None,
    report: Path | None,
    screening: Any,  # click admits only the rules
    population: str | None,
    low_anchor: str,
    mid_anchor: str,
    run: Path | None,
    seed: int,
    style: str,
    **source: Any,  # the options of rating_options, by name
) -> None:
    """Analyse RATINGS: screening, means, comparisons, models, agreement with metrics.

    RATINGS is a test folder, a file of webMUSHRA or pymushra, or a tidy CSV. A CSV of published
    means (columns condition and mean) is compared with the metrics of --run only.
    """
    from mushra_web.analysis.analysis import analyse
    from mushra_web.analysis.options import Options
    from mushra_web.analysis.published_means import is_means_file
    from mushra_web.ratings import RatingError

    metrics = None if run is None else _metrics(run)
    if is_means_file(ratings):
        _compare_means(ratings, metrics, seed, style)
        return
    table = read(ratings, **source)
    options = Options(
        screening,
        POPULATIONS[population] if population else None,  # type: ignore[arg-type]  # a table of them
        low_anchor,
        mid_anchor,
        seed,
    )
    try:
        analysis = analyse(table, options, metrics=metrics)
    except RatingError as error:
        raise click.UsageError(str(error)) from error
    present(analysis, table, out=out, report=report, style=style)


def present(
    analysis: Analysis, table: RatingsTable, *, out: Path | None, report: Path | None, style: str
) -> None:
    """Write an analysis to its files, and its summary and tables, or all of it, to stdout.

    Raises:
        FailedError: a file cannot be written.
    """
    from bench.run_folder import write_bytes
    from mushra_web.analysis.outputs import write_report
    from mushra_web.analysis.summary_text import summary_text
    from mushra_web.analysis.tables import tables

    written = []
    try:
        if out is not None:
            write_bytes(out, analysis.to_json().encode())
            written.append(out)
        if report is not None:
            written += write_report(analysis, table, report)
    except OSError as error:
        raise FailedError(f"{error.filename} cannot be written: {error.strerror}.") from error
    if style == "json":
        click.echo(analysis.to_json(), nl=False)
    else:
        click.echo(summary_text(analysis))
        for shown in tables(analysis):
            print_whole(shown)
            click.echo()
    for path in written:
        click.echo(f"wrote {path}", err=True)


def _metrics(run: Path) -> Metrics:
    from bench.store import StoreError
    from mushra_web.analysis.metric_agreement import read_metrics

    try:
        return read_metrics(run)
    except StoreError as error:
        raise click.UsageError(str(error)) from error


def _compare_means(source: Path, metrics: Metrics | None, seed: int, style: str) -> None:
    from dataclasses import asdict

    import numpy as np

    from mushra_web.analysis.metric_agreement import agreement_by_condition
    from mushra_web.analysis.published_means import read_means, unique_means
    from mushra_web.analysis.tables import agreement_table
    from mushra_web.ratings import RatingError

    if metrics is None:
        raise click.UsageError(f"{source} holds means without ratings: give the --run they are of.")
    try:
        means = unique_means(read_means(source))
        found = agreement_by_condition(metrics, means, np.random.default_rng(seed))
    except RatingError as error:
        raise click.UsageError(str(error)) from error
    if style == "json":
        print_json([asdict(entry) for entry in found])
    else:
        print_whole(agreement_table(found))
