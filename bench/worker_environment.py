"""Whether the workers of a cluster would compute what this process would."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from bench.environment import versions

if TYPE_CHECKING:
    from distributed import Client

WeightsHash: TypeAlias = tuple[str, str]
"""Path of a file, and its sha256."""

THREADS = "OMP_NUM_THREADS"


def fingerprint(weights: Sequence[WeightsHash], folders: Sequence[str]) -> dict[str, str]:
    """What a worker has: versions, threads, and the files that it can see.

    Args:
        weights: files to hash.
        folders: folders to look for.
    """
    found = {"python": platform.python_version(), THREADS: os.environ.get(THREADS, "not set")}
    found |= {package: number or "not installed" for package, number in versions().items()}
    for path, _ in weights:
        found[path] = _hash(path)
    for folder in folders:
        found[folder] = "seen" if Path(folder).is_dir() else "not seen"
    return found


def check_workers(
    client: Client, weights: Sequence[WeightsHash], folders: Sequence[str] = ()
) -> list[str]:
    """What is wrong with the workers, one sentence for each difference; none where all is well."""
    expected = {
        **fingerprint((), ()),
        THREADS: "1",
        **dict(weights),
        **dict.fromkeys(folders, "seen"),
    }
    problems: dict[str, list[str]] = {}
    for worker, found in client.run(fingerprint, weights, folders).items():
        for difference in differences(expected, found):
            problems.setdefault(difference, []).append(worker)
    for worker, state in client.scheduler_info(n_workers=-1)["workers"].items():
        if state["nthreads"] != 1:
            problem = f"runs {state['nthreads']} tasks at once; start it with --nthreads 1"
            problems.setdefault(problem, []).append(worker)
    return [f"{', '.join(sorted(workers))}: {problem}" for problem, workers in problems.items()]


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """The entries in which a worker differs.

    >>> differences({"numpy": "2.4.6"}, {"numpy": "2.3.0"})
    ['numpy is 2.3.0 there and 2.4.6 here']
    """
    return [
        f"{name} is {found.get(name, 'unknown')} there and {value} here"
        for name, value in expected.items()
        if found.get(name) != value
    ]


@functools.cache
def _hash(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"unreadable ({error.strerror})"
