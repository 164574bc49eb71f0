"""``bench baseline``: a run as a file that later runs are held against."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bench.commands.terminal import EXIT_FAILED, NothingMeasuredError

if TYPE_CHECKING:
    from bench.gate.baseline import Baseline

SHOWN = 5  # failed cells that are named


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False),
    help="JSON file to write; compressed where its name ends in .gz.",
)
@click.option("--audio", is_flag=True, help="Hash the decoded audio too, for identical_audio.")
@click.option("--allow-failed", is_flag=True, help="Take a run in which cells failed.")
def baseline(run: str, output: str, audio: bool, allow_failed: bool) -> None:
    """Write what a run gave as a baseline: values by item, hashes, versions, costs.

    Keep the file under version control and gate later runs against it. Exit status 1 says that
    cells of the run failed and nothing was written.
    """
    from bench.gate.snapshot import failures

    content = take_snapshot(Path(run), audio=audio)
    failed = failures(content)
    if failed and not allow_failed:
        for line in failed[:SHOWN]:
            click.echo(line, err=True)
        click.echo(
            f"{run}: {len(failed)} cells failed, so this is no baseline. Repeat the run with "
            "--retry-failed, or accept them with --allow-failed.",
            err=True,
        )
        sys.exit(EXIT_FAILED)
    save(content, Path(output))


def take_snapshot(run: Path, *, audio: bool) -> Baseline:
    """What a gate compares of a run; a run that has nothing is said to be one."""
    from bench.gate.snapshot import SnapshotError, snapshot
    from bench.store import Store, StoreError

    try:
        with Store(run) as store:
            return snapshot(store, audio=audio)
    except StoreError as error:
        raise click.UsageError(str(error)) from error
    except SnapshotError as error:
        raise NothingMeasuredError(str(error)) from error


def save(content: Baseline, path: Path) -> None:
    """Write the baseline and say so."""
    from bench.gate.baseline import write_baseline

    try:
        write_baseline(content, path)
    except OSError as error:
        raise click.UsageError(f"{path} cannot be written: {error.strerror}.") from error
    click.echo(
        f"{path}: {len(content.conditions)} conditions, {len(content.items)} items", err=True
    )
