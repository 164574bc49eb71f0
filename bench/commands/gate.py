"""``bench gate``: a run against a baseline, for continuous integration."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.commands.baseline import save, take_snapshot
from bench.commands.terminal import (
    EXIT_FAILED,
    EXIT_INCONCLUSIVE,
    NothingMeasuredError,
    format_option,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from bench.gate.comparison import Comparison
    from bench.gate.finding import Finding

HEADER = ("condition", "metric", "verdict", "difference [90 % CI]", "margin", "n", "")
SUMMARY = "GITHUB_STEP_SUMMARY"


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False))
@click.option(
    "--baseline",
    "baseline_file",
    required=True,
    type=click.Path(dir_okay=False),
    help="File that bench baseline wrote.",
)
@click.option(
    "--config", type=click.Path(exists=True, dir_okay=False), help="TOML file: [gate], [margins]."
)
@click.option("--junit", type=click.Path(dir_okay=False), help="Write JUnit XML to this file.")
@click.option(
    "--github", is_flag=True, help="Print annotations; add a step summary where GitHub takes one."
)
@click.option(
    "--strict",
    is_flag=True,
    help="Exit with status 4 where nothing failed but a finding is inconclusive.",
)
@click.option("--update", is_flag=True, help="Then make this run the baseline, and exit with 0.")
@click.option("--all", "show_all", is_flag=True, help="List what passed, too.")
@format_option
def gate(
    run: str,
    baseline_file: str,
    config: str | None,
    junit: str | None,
    github: bool,
    strict: bool,
    update: bool,
    show_all: bool,
    style: str,
) -> None:
    """Compare a run with a baseline: has anything become worse?

    Scores are paired by item and held against a margin; parameters, operations, latency and
    measured bitrates have to be equal; streaming speed may fall by a tenth.

    Exit status: 0 nothing became worse, 1 something did, 3 the two cannot be compared, 4 with
    --strict, more items are needed to tell.
    """
    from bench.gate.baseline import BaselineError, read_baseline
    from bench.gate.comparison import IncomparableError, compare
    from bench.gate.config import GateConfig, GateConfigError, read_config
    from bench.gate.junit import to_junit

    path = Path(baseline_file)
    if not path.is_file() and not update:
        raise NothingMeasuredError(
            f"{path} does not exist; bench baseline RUN -o {path} writes it."
        )
    try:
        rules = read_config(Path(config)) if config else GateConfig()
        before = read_baseline(path) if path.is_file() else None
        after = take_snapshot(Path(run), audio=bool(before and before.audio))
        comparison = compare(before, after, rules) if before else None
    except GateConfigError as error:
        raise click.UsageError(str(error)) from error
    except (BaselineError, IncomparableError) as error:
        if not update:
            raise NothingMeasuredError(str(error)) from error
        click.echo(str(error), err=True)
        comparison, after = None, take_snapshot(Path(run), audio=False)
    if comparison is not None:
        _print(comparison, style, show_all=show_all)
        if junit:
            _write(Path(junit), to_junit(comparison.findings), "w")
        if github:
            _tell_github(comparison, err=style == "json")
    if update:
        save(after, path)
        return
    assert comparison is not None
    if comparison.count("fail"):
        sys.exit(EXIT_FAILED)
    if strict and comparison.count("inconclusive"):
        sys.exit(EXIT_INCONCLUSIVE)


def _print(comparison: Comparison, style: str, *, show_all: bool) -> None:
    if style == "json":
        print_json([asdict(finding) for finding in comparison.findings])
        return
    shown = [f for f in comparison.findings if show_all or f.verdict != "pass"]
    if shown:
        print_table(HEADER, [_row(finding) for finding in shown], fold=len(HEADER) - 1)
    for note in comparison.notes:
        click.echo(note)
    click.echo(", ".join(f"{comparison.count(v)} {v}" for v in ("fail", "inconclusive", "pass")))


def _tell_github(comparison: Comparison, *, err: bool) -> None:
    from bench.gate.github import step_summary, workflow_commands

    if summary := os.environ.get(SUMMARY):
        _write(Path(summary), step_summary(comparison), "a")
    for command in workflow_commands(comparison.findings):
        click.echo(command, err=err)


def _write(path: Path, text: str, mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _row(finding: Finding) -> tuple[str, ...]:
    return (
        finding.condition,
        finding.metric,
        finding.verdict,
        finding.interval(),
        "" if finding.margin is None else f"{finding.margin:.4g}",
        str(finding.n or ""),
        finding.message,
    )
