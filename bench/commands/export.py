"""``bench export``: every score, or the table, for other programs and for papers."""

from __future__ import annotations

from pathlib import Path

import click

from bench.commands.show import check_listed
from bench.commands.terminal import words


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--format",
    "style",
    type=click.Choice(["csv", "jsonl", "parquet", "latex", "markdown"]),
    required=True,
    help="csv, jsonl and parquet hold one row per score; latex and markdown the table of means.",
)
@click.option("--metrics", callback=words, help="Columns of the table. [default: all]")
@click.option("--category", default="all", show_default=True, help="Items of the table.")
@click.option("-o", "--out", type=click.Path(dir_okay=False), help="File. [default: stdout]")
def export(run: str, style: str, metrics: tuple[str, ...], category: str, out: str | None) -> None:
    """Write the scores of a run in another format."""
    from bench.cost_tables import cost_tables
    from bench.export import ExportError, to_csv, to_jsonl, to_latex, to_markdown, write_parquet
    from bench.profiles import system_rows
    from bench.store import Store, StoreError
    from bench.summary import compare
    from bench.tables import score_tables

    if style == "parquet" and out is None:
        raise click.UsageError("--format parquet is binary; name a file with -o.")
    try:
        with Store(Path(run)) as store:
            rows = list(store.grid())
            measures, conditions = store.measures(), store.conditions()
            profiles = store.profiles()
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    if style == "parquet":
        try:
            write_parquet([*rows, *system_rows(profiles)], Path(str(out)))
        except ExportError as error:
            raise click.ClickException(str(error)) from error
        return
    if style in ("csv", "jsonl"):
        rows += system_rows(profiles)
        text = to_csv(rows) if style == "csv" else to_jsonl(rows)
    else:
        comparisons = compare(rows)
        categories = [s.category for comparison in comparisons for s in comparison.summaries]
        check_listed("metric", metrics, [measure.name for measure in measures])
        check_listed("category", [category], categories or [category])
        write = to_latex if style == "latex" else to_markdown
        tables = score_tables(comparisons, measures, conditions, category=category, metrics=metrics)
        text = "\n".join(map(write, [*tables, *cost_tables(profiles)]))
    if out is None:
        click.echo(text, nl=False)
    else:
        Path(out).write_text(text, encoding="utf-8")
