"""What the commands share: tables on stdout, progress on stderr, exit codes, list options."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

EXIT_FAILED = 1
EXIT_NOTHING = 3
REPORT_EVERY = 10.0  # s between lines where stderr is no terminal

Function = TypeVar("Function", bound=Callable[..., Any])


class FailedError(click.ClickException):
    """Ends a command with exit code 1."""

    exit_code = EXIT_FAILED


class NothingMeasuredError(click.ClickException):
    """Ends a command with exit code 3."""

    exit_code = EXIT_NOTHING


def words(_: click.Context, __: click.Parameter, value: str | None) -> tuple[str, ...]:
    """A comma-separated option as a tuple without repetitions."""
    return tuple(dict.fromkeys(w.strip() for w in (value or "").split(",") if w.strip()))


def format_option(function: Function) -> Function:
    """Add ``--format table|json``."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="A table for people, or JSON for programs.",
    )(function)


def print_json(value: object) -> None:
    """Write JSON to stdout; a value that JSON lacks is a bug and raises."""
    click.echo(json.dumps(value, indent=1, allow_nan=False))


def print_table(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, title: str = "", fold: int = -1
) -> None:
    """Write a table to stdout.

    Where stdout is no terminal the table is as wide as it needs to be.

    Args:
        header: column headings.
        rows: cells.
        title: a line above.
        fold: index of a column that may be broken over lines.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for index, heading in enumerate(header):
        numeric = index > 0 and all(_is_numeric(row[index]) for row in rows)
        table.add_column(
            Text(heading),
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=index != fold and not sys.stdout.isatty(),
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 400, highlight=False).print(table)


def _is_numeric(cell: str) -> bool:
    return cell[:1] == "-" or cell[:1].isdigit()


@contextmanager
def progress_on_stderr() -> Iterator[TerminalProgress]:
    """Progress with a bar and the time left on a terminal, and a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield TerminalProgress(None)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description:>20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        yield TerminalProgress(bar)


class TerminalProgress:
    """Tells a run's progress on stderr; see :class:`bench.progress.Progress`."""

    def __init__(self, bar: Bar | None) -> None:
        """Show it as ``bar``, or as lines of text where there is none."""
        self._bar = bar
        self._task: TaskID | None = None
        self._title, self._done, self._total = "", 0, 0
        self._started = self._reported = time.monotonic()

    def stage(self, title: str, total: int) -> None:
        """A stage begins; one without cells is not shown."""
        self._title, self._done, self._total = title, 0, total
        self._started = time.monotonic()
        if self._bar is not None and total:
            self._task = self._bar.add_task(title, total=total)

    def advance(self, cells: int) -> None:
        """Cells of the stage are finished."""
        self._done += cells
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, cells)
            return
        now = time.monotonic()
        if now - self._reported >= REPORT_EVERY or self._done == self._total:
            self._reported = now
            left = (now - self._started) / self._done * (self._total - self._done)
            click.echo(f"{self._title}: {self._done}/{self._total}, {left:.0f} s left", err=True)

    def note(self, message: str) -> None:
        """Something that the user should read."""
        if self._bar is None:
            click.echo(message, err=True)
        else:
            self._bar.console.print(message, markup=False, highlight=False)
