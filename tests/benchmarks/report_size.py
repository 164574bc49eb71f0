"""How long ``bench report`` takes and how large its page is, for made-up runs.

    python tests/benchmarks/report_size.py

CPU time counts the whole command, from the start of the interpreter. The page is to stay below
1 MB without audio for 5 codecs x 4 bitrates x 40 items, written in 3 s, and 50 x 4 x 1000 in 20 s.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from synthetic_runs import write_synthetic_run


@dataclass(frozen=True, slots=True)
class Size:
    """A run's size, and what its report may take."""

    n_codecs: int
    n_bitrates: int
    n_items: int
    with_audio: bool
    limit: float  # s


SIZES = (Size(5, 4, 40, True, 3.0), Size(50, 4, 1000, False, 20.0))


def measure(run: Path, page: Path) -> tuple[float, float]:
    """CPU and wall time of the command in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    subprocess.run(
        [Path(sys.executable).with_name("bench"), "report", run, "-o", page],
        check=True,
        capture_output=True,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def main() -> None:
    """Print a line for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    for size in SIZES:
        with tempfile.TemporaryDirectory() as scratch:
            run, page = Path(scratch) / "run", Path(scratch) / "report.html"
            write_synthetic_run(
                run,
                n_codecs=size.n_codecs,
                n_bitrates=size.n_bitrates,
                n_items=size.n_items,
                with_audio=size.with_audio,
                with_profiles=True,
            )
            times = [measure(run, page) for _ in range(options.repeats)]
            cpu, wall = (sorted(column)[len(times) // 2] for column in zip(*times, strict=True))
            print(
                f"{size.n_codecs} codecs x {size.n_bitrates} bitrates x {size.n_items} items: "
                f"page {page.stat().st_size / 1e6:.2f} MB, {cpu:.1f} s CPU, {wall:.1f} s wall "
                f"(median of {len(times)}; limit {size.limit:g} s)"
            )


if __name__ == "__main__":
    main()
