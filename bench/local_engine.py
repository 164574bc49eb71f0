"""A pool of processes on this machine; a worker that dies or hangs loses its own task only.

Every worker has a pipe of its own and one task at a time, so that a death or a missed deadline
always belongs to a known task. Pools whose workers share a queue cannot tell: the executor of the
standard library fails all tasks that are pending, and others blame the task before.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from bench.engines import Failure, pin_threads

Task = TypeVar("Task")
Result = TypeVar("Result")

READY = "ready"
FOREVER = float("inf")


class WorkerError(RuntimeError):
    """A worker process could not start, or raised what cannot travel between processes."""


class LocalEngine:
    """Runs tasks in processes on this machine; see :class:`bench.engines.Engine`."""

    def __init__(self, jobs: int) -> None:
        """Prepare ``jobs`` processes; each starts when there is a task for it."""
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def __enter__(self) -> LocalEngine:
        """The engine itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the processes; those that are at work are killed."""
        for worker in self._workers:
            worker.end()
        self._workers.clear()

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Iterable[Task],
        timeout: Callable[[Task], float],
    ) -> Iterator[tuple[Task, Result | Failure]]:
        """See :class:`bench.engines.Engine`.

        Raises:
            WorkerError: a worker could not start.
        """
        waiting = iter(tasks)
        at_work: dict[_Worker, Task] = {}

        def hand_out(worker: _Worker | None) -> None:
            for task in waiting:
                worker = worker or self._hire()
                at_work[worker] = task
                worker.start(function, task, timeout(task))
                return

        idle: list[_Worker | None] = [*self._workers]
        for worker in idle + [None] * (self._jobs - len(idle)):
            hand_out(worker)
        while at_work:
            for worker in _wait(at_work):
                task = at_work.pop(worker)
                outcome: Any = worker.outcome(timeout(task))
                if isinstance(outcome, Failure):
                    self._workers.remove(worker)
                hand_out(None if isinstance(outcome, Failure) else worker)
                yield task, outcome

    def _hire(self) -> _Worker:
        worker = _Worker()
        self._workers.append(worker)
        return worker


class _Worker:
    """One process, its pipe and the time at which its task must be done."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.deadline = FOREVER
        self.is_ready = False
        self._first: tuple[bytes, float] | None = None

    def start(self, function: Callable[[Any], Any], task: object, limit: float) -> None:
        """Hand out a task; the clock starts when the process is there to take it."""
        job = pickle.dumps((function, task))
        if self.is_ready:
            self._send(job, limit)
        else:
            self._first = (job, limit)

    def has_news(self, ready: set[Any]) -> bool:  # pipes and sentinels
        """Whether the task has come to an end, one way or another."""
        if not self.is_ready and self.pipe in ready:
            self._greet()
            return False
        return bool({self.pipe, self.process.sentinel} & ready) or time.monotonic() >= self.deadline

    def outcome(self, limit: float) -> Any:  # whatever the function returns
        """Result of the task, a failure of the process, or the exception that was raised."""
        is_late, self.deadline = time.monotonic() >= self.deadline, FOREVER
        if self.pipe.poll():
            try:
                succeeded, value = self.pipe.recv()
            except (EOFError, OSError):  # it died: the pipe ends where a result should be
                return self._crash()
            if succeeded:
                return value
            raise value
        if is_late and self.process.exitcode is None:
            self.end()
            return Failure("timeout", f"not finished after {limit:g} s; its process was ended.")
        return self._crash()

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()

    def _crash(self) -> Failure:
        self.process.join()
        self.pipe.close()
        code = self.process.exitcode or 0
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return Failure("crashed", f"its process ended by {how}.")

    def _greet(self) -> None:
        try:
            self.pipe.recv()
        except (EOFError, OSError) as error:
            self.process.join()
            raise WorkerError(
                f"a worker process ended at its start, by exit code {self.process.exitcode}."
            ) from error
        self.is_ready = True
        if self._first is not None:
            job, limit = self._first
            self._first = None
            self._send(job, limit)

    def _send(self, job: bytes, limit: float) -> None:
        self.deadline = time.monotonic() + limit
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send_bytes(job)  # where it died since its last task, its end says so


def _wait(at_work: Iterable[_Worker]) -> list[_Worker]:
    """The workers whose tasks have come to an end; waits for at least one."""
    workers = list(at_work)
    while True:
        left = min(worker.deadline for worker in workers) - time.monotonic()
        sources: list[Any] = [worker.pipe for worker in workers]  # what wait takes
        sources += [worker.process.sentinel for worker in workers]
        ready = set(wait(sources, None if left == FOREVER else max(left, 0)))
        if finished := [worker for worker in workers if worker.has_news(ready)]:
            return finished


def _serve(pipe: Connection) -> None:
    """What a worker process does: one task after the other, until its pipe ends."""
    pin_threads()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends the pool
    pipe.send(READY)
    while True:
        try:
            function, task = pickle.loads(pipe.recv_bytes())
        except EOFError:
            return
        try:
            answer = pickle.dumps((True, function(task)))
        except Exception as error:  # noqa: BLE001  # it is raised again in the parent
            answer = _as_answer(error)
        pipe.send_bytes(answer)


def _as_answer(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:  # noqa: BLE001  # exceptions with their own arguments often do not travel
        report = "".join(traceback.format_exception(error))
        return pickle.dumps((False, WorkerError(report)))
    return answer
