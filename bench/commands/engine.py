"""The options by which commands choose where their tasks run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from bench.engines import Engine

EngineName = Literal["inline", "local"]
Function = TypeVar("Function", bound=Callable[..., Any])


def engine_options(function: Function) -> Function:
    """Add ``--jobs``, ``--engine`` and ``--timeout``."""
    options = (
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            help="Worker processes of the engine local. [default: one per core]",
        ),
        click.option(
            "--engine",
            type=click.Choice(["inline", "local"]),
            default="local",
            show_default=True,
            help="A pool of processes, or this process (debugging, timing).",
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            default=600.0,
            show_default=True,
            help="Seconds that one cell may take.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def make_engine(name: EngineName, jobs: int | None) -> Engine:
    """The engine of that name; without ``jobs`` a pool has a process per core."""
    from bench.engines import InlineEngine, available_cores
    from bench.local_engine import LocalEngine

    engines: dict[EngineName, Callable[[], Engine]] = {
        "inline": InlineEngine,
        "local": lambda: LocalEngine(jobs or available_cores()),
    }
    return engines[name]()
