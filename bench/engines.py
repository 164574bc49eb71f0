"""Where tasks run: in this process, or in a pool whose workers may die without taking others along.

A task goes out as paths and settings, small rows come back. A worker that dies or hangs loses its
own task only. The standard library's ProcessPoolExecutor fails all that are pending, hence pebble.
"""

from __future__ import annotations

import concurrent.futures
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

LOGGER = logging.getLogger(__name__)
EngineName = Literal["inline", "local"]

Task = TypeVar("Task")
Result = TypeVar("Result")

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


@dataclass(frozen=True, slots=True)
class Failure:
    """A task whose process did not come back with a result."""

    status: Literal["crashed", "timeout"]
    message: str


class Engine(Protocol):
    """Runs a function over tasks."""

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        timeout: Callable[[Task], float],
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """Pairs of task and outcome, in any order.

        An exception that ``function`` raises is raised here: functions turn what is expected to
        fail into rows themselves.

        Args:
            function: importable by name, so that another process can run it.
            tasks: taken one by one as there is room.
            timeout: seconds that a task may take.
        """
        ...

    def __enter__(self) -> Engine:
        """The engine, ready to run."""
        ...

    def __exit__(self, *error: object) -> None:
        """Let go of its processes."""
        ...


def pin_threads() -> None:
    """Make numerical libraries, here and in child processes, use one thread.

    One thread per worker is fastest for many small tasks, and sums come out the same whatever the
    number of workers. Only effective before those libraries are imported.
    """
    for variable in THREAD_VARIABLES:
        os.environ[variable] = "1"


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class InlineEngine:
    """Runs every task in this process: for debugging and for timing. Time limits do not apply."""

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        timeout: Callable[[Task], float],  # nobody could interrupt the process
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """See :class:`Engine`."""
        for task in tasks:
            yield task, function(task)

    def __enter__(self) -> InlineEngine:
        """The engine itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Nothing to let go of."""


class LocalEngine:
    """Runs tasks in a pool of processes on this machine."""

    def __init__(self, jobs: int) -> None:
        """Prepare a pool of ``jobs`` processes; they start with the first task."""
        self._jobs = jobs
        self._pool = ProcessPool(
            max_workers=jobs,
            context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
        )

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        timeout: Callable[[Task], float],
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """See :class:`Engine`."""
        waiting = iter(tasks)
        running: dict[ProcessFuture[Result], Task] = {}
        while True:
            for task in waiting:
                future = self._pool.schedule(function, args=[task], timeout=timeout(task))
                running[future] = task
                if len(running) >= 2 * self._jobs:  # one at work and one at hand for each
                    break
            if not running:
                return
            concurrent.futures.wait(running, return_when=FIRST_COMPLETED)
            for future in [future for future in running if future.done()]:
                task = running.pop(future)
                outcome: Result | Failure = _outcome(future, timeout(task))
                yield task, outcome

    def __enter__(self) -> LocalEngine:
        """The engine itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes; after an error without waiting for their tasks."""
        if error and error[0] is not None:
            self._pool.stop()  # type: ignore[no-untyped-call]  # pebble leaves it unannotated
        else:
            self._pool.close()  # type: ignore[no-untyped-call]  # likewise
        self._pool.join()


def _start_worker() -> None:
    pin_threads()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the pool


def _outcome(future: ProcessFuture[Any], limit: float) -> Any:  # whatever the task returns
    try:
        return future.result()
    except concurrent.futures.TimeoutError:
        return Failure("timeout", f"not finished after {limit:g} s; its process was ended.")
    except ProcessExpired as error:
        LOGGER.debug("worker %s expired", error.pid)
        how = f"signal {-error.exitcode}" if error.exitcode < 0 else f"exit code {error.exitcode}"
        return Failure("crashed", f"its process ended by {how}.")


def make_engine(name: EngineName, jobs: int) -> Engine:
    """The engine of that name."""
    engines: dict[EngineName, Callable[[], Engine]] = {
        "inline": InlineEngine,
        "local": lambda: LocalEngine(jobs),
    }
    return engines[name]()
