"""A fixed piece of work, timed beside codecs so that machines and noisy hours can be compared."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SIZE = 768  # channels; the kernel takes 2.4 MB, about what a core keeps to itself
N_ROWS = 32  # frames of a product
N_PRODUCTS = 3
N_ELEMENTS = 1 << 16
WAITING_LIMIT = 0.05  # share of the wall time that a quiet machine may keep a busy process waiting
PROBE_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Elapsed:
    """Time that a piece of work took, in seconds."""

    cpu: float
    wall: float


def timed(work: Callable[[], object]) -> Elapsed:
    """Time of one call: CPU time of this process, and wall time."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Elapsed(time.process_time() - cpu, time.perf_counter() - wall)


class ReferenceWorkload:
    """A few rows times a large kernel, and an exponential: what streaming networks do.

    Of four mixtures tried beside HILCodec on two cores under a load of five, this one gave the
    steadiest ratio: a coefficient of variation of 1.4 to 2.2 % over ten passes. Work that fits the
    first cache gave up to 4.6 %, a chain of kernels that fit none up to 2.7 %.
    """

    def __init__(self) -> None:
        """Lay out the operands, the same ones everywhere."""
        rng = np.random.default_rng(0)
        self._kernel = (rng.standard_normal((SIZE, SIZE)) / SIZE**0.5).astype(np.float32)
        self._rows = rng.standard_normal((N_ROWS, SIZE)).astype(np.float32)
        self._elements = rng.standard_normal(N_ELEMENTS).astype(np.float32)
        self._result = np.empty_like(self._elements)

    def __call__(self) -> None:
        """Do the work once."""
        rows = self._rows
        for _ in range(N_PRODUCTS):
            rows = rows @ self._kernel
        np.exp(self._elements, out=self._result)


def peak_products_per_second(repeats: int = 10) -> float:
    """Largest number of MACs per second seen in large single-precision matrix products."""
    size = 1024
    a = np.ones((size, size), np.float32)
    out = np.empty_like(a)
    fastest = min(timed(lambda: np.matmul(a, a, out=out)).cpu for _ in range(repeats))
    return size**3 / fastest


def waiting_share(work: Callable[[], object], seconds: float = PROBE_SECONDS) -> float:
    """Share of the wall time for which busy work did not get a core: 0 on a quiet machine."""
    spent = Elapsed(0.0, 0.0)
    while spent.wall < seconds:
        step = timed(work)
        spent = Elapsed(spent.cpu + step.cpu, spent.wall + step.wall)
    return max(0.0, 1 - spent.cpu / spent.wall)
