"""Tasks on the workers of a Dask cluster; see https://distributed.dask.org.

Each worker has one chunk of tasks at a time, sent to it by name. Left to itself the scheduler
queues several at a worker and blames all of them for its death. A worker may also leave for reasons
of its own, such as the end of its job, so a lost task is tried again elsewhere before it is called
the culprit; a lost chunk is taken apart first.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from distributed import Client, Future, wait
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm.core import CommClosedError

from bench.engines import Failure
from bench.worker_environment import check_workers

if TYPE_CHECKING:
    from bench.worker_environment import WeightsHash

Task = TypeVar("Task")
Result = TypeVar("Result")

CHUNK = (
    32  # tasks that travel together; at 2 to 3 ms each, single ones would cost more than some run
)
CHUNKS_PER_WORKER = 4  # at least, so that all end at about the same time
ATTEMPTS = 3  # workers that may be lost with a task before it is to blame
LOST = (CommClosedError, ClosedClientError, FutureCancelledError, OSError)  # the scheduler
POLL = 0.5  # s between looks at who is there
JOIN_TIMEOUT = 300.0  # s that a cluster may take to give a first worker


class ClusterError(RuntimeError):
    """The cluster cannot be used, or was lost; finished cells are kept."""


@dataclass(eq=False, slots=True)
class _Chunk:
    tasks: tuple[Any, ...]  # of any type of task
    limit: float
    attempts: int = 0


@dataclass(eq=False, slots=True)
class _Job:
    """A chunk at a worker."""

    chunk: _Chunk
    worker: str
    future: Future[Any]
    deadline: float = field(default=math.inf)


class DaskEngine:
    """Runs tasks on a Dask cluster; see :class:`bench.engines.Engine`."""

    def __init__(
        self, client: Client, *, weights: Iterable[WeightsHash] = (), folders: Iterable[str] = ()
    ) -> None:
        """Use the cluster of ``client``.

        Args:
            client: connected to the scheduler.
            weights: files that the workers must see as they are here.
            folders: folders that they must see.
        """
        self._client = client
        self._weights = tuple(weights)
        self._folders = tuple(folders)

    def __enter__(self) -> DaskEngine:
        """The engine, once a worker is there and all are fit to run the tasks.

        Raises:
            ClusterError: no worker joined, or a worker differs from this process.
        """
        try:
            self._client.wait_for_workers(1, timeout=JOIN_TIMEOUT)
        except TimeoutError as error:
            raise ClusterError(f"no worker joined within {JOIN_TIMEOUT:.0f} s.") from error
        if problems := check_workers(self._client, self._weights, self._folders):
            raise ClusterError("; ".join(problems))
        return self

    def __exit__(self, *error: object) -> None:
        """Leave the cluster; its workers stay unless this process started them."""
        self._client.close()

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        timeout: Callable[[Task], float],
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """See :class:`bench.engines.Engine`.

        Raises:
            ClusterError: the scheduler was lost.
        """
        everything = list(tasks)
        size = min(CHUNK, max(1, len(everything) // (CHUNKS_PER_WORKER * self._n_workers())))
        waiting = deque(
            _Chunk(tuple(part), math.fsum(map(timeout, part)))
            for part in (everything[i : i + size] for i in range(0, len(everything), size))
        )
        at_work: dict[Future[Any], _Job] = {}
        try:
            while waiting or at_work:
                for worker in self._idle(at_work):
                    if not waiting:
                        break
                    job = self._submit(function, waiting.popleft(), worker)
                    at_work[job.future] = job
                for job in self._ended(at_work):
                    del at_work[job.future]
                    yield from self._outcomes(job, waiting, timeout)
        except LOST as error:
            raise ClusterError(
                f"the scheduler was lost ({error}). Finished cells are kept; repeat the command."
            ) from error
        finally:
            with contextlib.suppress(*LOST):
                self._client.cancel(list(at_work), force=True)

    def _workers(self) -> list[str]:
        if self._client.status != "running":
            raise CommClosedError(f"the connection is {self._client.status}")
        workers = self._client.scheduler_info(n_workers=-1).get("workers", {})
        return [address for address, state in workers.items() if state["status"] == "running"]

    def _n_workers(self) -> int:
        return max(1, len(self._workers()))

    def _idle(self, at_work: dict[Future[Any], _Job]) -> list[str]:
        busy = {job.worker for job in at_work.values()}
        return [worker for worker in self._workers() if worker not in busy]

    def _submit(self, function: Callable[[Any], Any], chunk: _Chunk, worker: str) -> _Job:
        future = self._client.submit(
            run_chunk,
            function,
            chunk.tasks,
            workers=[worker],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        return _Job(chunk, worker, future, time.monotonic() + chunk.limit)

    def _ended(self, at_work: dict[Future[Any], _Job]) -> list[_Job]:
        """Jobs that are done, late, or whose worker is gone or about to go."""
        if not at_work:
            time.sleep(POLL)  # no worker is there; one may come
            return []
        with contextlib.suppress(TimeoutError):
            wait(list(at_work), timeout=POLL, return_when="FIRST_COMPLETED")
        present = set(self._workers())
        now = time.monotonic()
        return [
            job
            for job in at_work.values()
            if job.future.done() or job.worker not in present or now >= job.deadline
        ]

    def _outcomes(
        self, job: _Job, waiting: deque[_Chunk], timeout: Callable[[Any], float]
    ) -> Iterator[tuple[Any, Any]]:
        """What came of a chunk's tasks; nothing for those that go back to the others."""
        chunk, future = job.chunk, job.future
        if future.status == "finished":
            yield from zip(chunk.tasks, future.result(), strict=True)
            return
        if future.status == "error" and not _is_loss(future):
            raise future.exception()
        is_late = time.monotonic() >= job.deadline and job.worker in self._workers()
        future.cancel(force=True)
        if is_late:
            self._client.restart_workers([job.worker], raise_for_error=False)
        if len(chunk.tasks) > 1:
            waiting.extendleft(_Chunk((task,), timeout(task)) for task in reversed(chunk.tasks))
        elif is_late:
            message = f"not finished after {chunk.limit:g} s; its worker was restarted."
            yield chunk.tasks[0], Failure("timeout", message)
        elif chunk.attempts + 1 < ATTEMPTS:
            chunk.attempts += 1
            waiting.append(chunk)
        else:
            message = f"{ATTEMPTS} workers were lost with it, the last at {job.worker}."
            yield chunk.tasks[0], Failure("crashed", message)


def run_chunk(function: Callable[[Any], Any], tasks: tuple[Any, ...]) -> list[Any]:
    """Results of the tasks, in a worker."""
    return [function(task) for task in tasks]


def _is_loss(future: Future[Any]) -> bool:
    from distributed.scheduler import KilledWorker

    return isinstance(future.exception(), KilledWorker)
