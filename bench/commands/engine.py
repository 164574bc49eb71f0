"""The options by which commands choose where their tasks run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

if TYPE_CHECKING:
    from bench.engines import Engine
    from codec_zoo.weights import WeightsFile

EngineName = Literal["inline", "local", "dask"]
CLUSTER = "bench.cluster"  # where a command keeps the [cluster] table of its configuration
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """What the options said.

    Attributes:
        name: which engine.
        jobs: worker processes of the engine ``local``; one per core where none are named.
        scheduler: address of a running Dask scheduler.
    """

    name: EngineName
    jobs: int | None = None
    scheduler: str | None = None


def engine_options(function: Function) -> Function:
    """Add ``--jobs``, ``--engine``, ``--scheduler`` and ``--timeout``."""
    options = (
        click.option(
            "--jobs",
            type=click.IntRange(min=1),
            help="Worker processes of the engine local. [default: one per core]",
        ),
        click.option(
            "--engine",
            type=click.Choice(["inline", "local", "dask"]),
            default="local",
            show_default=True,
            help="A pool of processes, this process (debugging, timing), or a Dask cluster.",
        ),
        click.option(
            "--scheduler",
            help="Address of a running Dask scheduler, such as tcp://10.0.0.1:8786, for the "
            "engine dask. [default: the [cluster] table of --config]",
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


@contextmanager
def opened_engine(
    choice: EngineChoice, folder: Path, weights: Sequence[WeightsFile] = ()
) -> Iterator[Engine]:
    """The engine of that choice, ready to run.

    Args:
        choice: what the options said.
        folder: the run folder, which workers of a cluster have to see.
        weights: weight files that they have to see as they are here.
    """
    from bench.engines import InlineEngine, available_cores
    from bench.local_engine import LocalEngine

    if choice.name != "dask" and choice.scheduler:
        raise click.UsageError("--scheduler goes with --engine dask.")
    engines: dict[EngineName, Callable[[], Any]] = {  # context managers of their engines
        "inline": InlineEngine,
        "local": lambda: LocalEngine(choice.jobs or available_cores()),
        "dask": lambda: _dask_engine(choice, folder, weights),
    }
    with engines[choice.name]() as engine:
        yield engine


@contextmanager
def _dask_engine(
    choice: EngineChoice, folder: Path, weights: Sequence[WeightsFile]
) -> Iterator[Engine]:
    try:
        from bench.cluster import ClusterConfigError, connect, parse_cluster, start
        from bench.dask_engine import ClusterError, DaskEngine
    except ImportError as error:
        raise click.UsageError(
            f"{error.name} is missing: pip install 'codecbench[cluster]'"
        ) from error

    table: Mapping[str, Any] | None = click.get_current_context().meta.get(CLUSTER)
    if (choice.scheduler is None) == (table is None):
        raise click.UsageError(
            "--engine dask needs a cluster: --scheduler ADDRESS, or a [cluster] table in the file "
            "of --config, and not both."
        )
    try:
        with ExitStack() as stack:
            client = (
                connect(choice.scheduler)
                if choice.scheduler
                else start(parse_cluster(table or {}), stack)
            )
            click.echo(f"dashboard of the cluster: {client.dashboard_link}", err=True)
            files = [(str(file.path), file.sha256) for file in weights]
            yield stack.enter_context(
                DaskEngine(client, weights=files, folders=[str(folder.resolve())])
            )
    except ClusterConfigError as error:
        raise click.UsageError(str(error)) from error
    except ClusterError as error:
        raise click.ClickException(str(error)) from error
