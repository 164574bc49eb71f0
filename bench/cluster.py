"""Dask clusters: one that runs already, or one that a ``[cluster]`` table describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from distributed import Client

Kind = Literal["local", "ssh", "slurm"]

CONNECT_TIMEOUT = 30.0  # s


class ClusterConfigError(ValueError):
    """The cluster cannot be described or reached so; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """A cluster to start.

    Attributes:
        kind: ``local`` for processes here, ``ssh`` for hosts, ``slurm`` for jobs.
        workers: number of workers to ask for.
        adaptive: fewest and most workers, where the number shall follow the work.
        options: what the constructor of distributed's or dask-jobqueue's class takes beyond.
    """

    kind: Kind
    workers: int = 2
    adaptive: tuple[int, int] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)  # as that library defines them


def parse_cluster(table: Mapping[str, Any]) -> ClusterConfig:
    """The cluster of a ``[cluster]`` table.

    Raises:
        ClusterConfigError: an entry is unknown or of the wrong kind.
    """
    known = ("kind", "workers", "adaptive", "options")
    if strange := sorted(set(table) - set(known)):
        raise ClusterConfigError(
            f"[cluster]: unknown keys {', '.join(strange)}; known: {', '.join(known)}."
        )
    kind: Any = table.get("kind")  # whatever TOML holds
    if kind not in STARTERS:
        raise ClusterConfigError(
            f"[cluster] kind = {kind!r}; one of {', '.join(STARTERS)} expected."
        )
    workers, adaptive = table.get("workers", 2), table.get("adaptive")
    if not _is_count(workers):
        raise ClusterConfigError(f"[cluster] workers = {workers!r}; a whole number expected.")
    if adaptive is not None and not (
        isinstance(adaptive, list) and len(adaptive) == 2 and all(map(_is_count, adaptive))
    ):
        raise ClusterConfigError(f"[cluster] adaptive = {adaptive!r}; [fewest, most] expected.")
    return ClusterConfig(
        kind, workers, tuple(adaptive) if adaptive else None, dict(table.get("options", {}))
    )


def connect(address: str) -> Client:
    """A client of the scheduler at ``address``, such as ``tcp://10.0.0.1:8786``.

    Raises:
        ClusterConfigError: no scheduler answers there, or the address is none.
    """
    from distributed import Client

    try:
        return Client(address, timeout=CONNECT_TIMEOUT)
    except (OSError, TimeoutError, ValueError) as error:
        raise ClusterConfigError(f"no Dask scheduler answers at {address}: {error}") from error


def start(config: ClusterConfig, stack: ExitStack) -> Client:
    """Start a cluster that ends with ``stack``, and a client of it.

    Raises:
        ClusterConfigError: its library is missing or refuses the options.
    """
    from distributed import Client

    try:
        cluster = stack.enter_context(STARTERS[config.kind](config))
        if config.adaptive:
            cluster.adapt(minimum=config.adaptive[0], maximum=config.adaptive[1])
        client: Client = stack.enter_context(Client(cluster))
    except (ImportError, OSError, TypeError, ValueError) as error:
        raise ClusterConfigError(f"[cluster] of kind {config.kind}: {error}") from error
    return client


def _local(config: ClusterConfig) -> Any:  # distributed is not typed
    from distributed import LocalCluster

    return LocalCluster(
        n_workers=0 if config.adaptive else config.workers,
        threads_per_worker=1,
        **{"host": "127.0.0.1", **config.options},
    )


def _ssh(config: ClusterConfig) -> Any:  # distributed is not typed
    from distributed import SSHCluster

    options = dict(config.options)
    worker_options = {"nthreads": 1, **options.pop("worker_options", {})}
    return SSHCluster(worker_options=worker_options, **options)


def _slurm(config: ClusterConfig) -> Any:  # dask-jobqueue is not typed
    from dask_jobqueue.slurm import SLURMCluster

    # One worker per core: a worker runs one task at a time.
    options = {"cores": 1, "memory": "4GB", **config.options}
    cluster: Any = SLURMCluster(**{"processes": options["cores"], **options})
    if not config.adaptive:
        cluster.scale(config.workers)
    return cluster


STARTERS: Mapping[Kind, Callable[[ClusterConfig], Any]] = {
    "local": _local,
    "ssh": _ssh,
    "slurm": _slurm,
}


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
