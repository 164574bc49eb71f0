"""What the harness costs on top of the codec and the metrics, and what a second process gains.

    python tests/benchmarks/harness_overhead.py [--corpus PATH] [--items 40] [--repeats 3]

Overhead: CPU time of ``bench run --jobs 1``, start-up included, over the sum of the bare calls to
encoder, decoder and metrics, whose inputs are read and resampled outside the timing. Speed-up: wall
time of ``--jobs 1`` over ``--jobs 2``; it wants two idle cores. Runs are interleaved.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.engines import pin_threads

BITRATES = (6000, 12000, 24000)
METRICS = ("pesq_wb", "stoi", "mel_dac")


def bare_cpu_seconds(manifest: Path) -> float:
    """CPU time of the bare encode, decode and metric calls over a corpus."""
    from bench.audio import read_audio, resample, to_mono
    from bench.corpus import find_sources
    from bench.metrics.spec import UndefinedMetricError, metric_spec
    from codec_zoo.registry import codec_entry

    codec = codec_entry("opus").build(None, "cpu")
    specs = [metric_spec(name) for name in METRICS]
    functions = [spec.load() for spec in specs]
    total = 0.0
    for number, source in enumerate(find_sources(manifest)):
        samples, rate = read_audio(source.path)
        reference = resample(to_mono(samples), rate, codec.info.sample_rate)
        rate = codec.info.sample_rate
        for bitrate in BITRATES:
            start = time.process_time()
            bitstream = codec.encode(reference, bitrate)
            decoded = codec.decode(bitstream)
            spent = time.process_time() - start
            for spec, function in zip(specs, functions, strict=True):
                target = spec.sample_rate or rate
                pair = [resample(signal, rate, target) for signal in (reference, decoded)]
                if number == 0 and bitrate == BITRATES[0]:
                    function(*pair, target)  # tables and caches are filled once
                start = time.process_time()
                with contextlib.suppress(UndefinedMetricError):  # PESQ of some sounds
                    function(*pair, target)
                spent += time.process_time() - start
            total += spent
    return total


def bench_run(manifest: Path, jobs: int) -> tuple[float, float]:
    """CPU and wall seconds of the whole command."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-c", "from bench.cli import main; main()", "run",
            "--corpus", str(manifest), "--codecs", "opus", "--metrics", ",".join(METRICS),
            "--bitrates", ",".join(f"{rate / 1000:g}" for rate in BITRATES),
            "--jobs", str(jobs), "--out", str(Path(folder, "run")),
        ]  # fmt: skip
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return cpu, wall


def bare_in_own_process(manifest: Path) -> float:
    """The bare CPU time, measured in a process of its own so that no state is shared."""
    result = subprocess.run(
        [sys.executable, __file__, "--bare", str(manifest)],
        check=True,
        capture_output=True,
        text=True,
    )
    return float(result.stdout)


def repeat_items(corpus: Path, count: int, folder: Path) -> Path:
    """A manifest of ``count`` items that goes round the corpus."""
    from bench.corpus import find_sources

    sources = find_sources(corpus)
    manifest = folder / "items.csv"
    with manifest.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "path"])
        for index in range(count):
            writer.writerow([f"item{index:03d}", sources[index % len(sources)].path])
    return manifest


def main() -> None:
    """Print every repeat and the medians."""
    from bench.corpus import demo_corpus

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=demo_corpus())
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    pin_threads()
    if options.bare:
        print(bare_cpu_seconds(options.bare))
        return
    overheads, gains = [], []
    with tempfile.TemporaryDirectory() as folder:
        manifest = repeat_items(options.corpus, options.items, Path(folder))
        print(f"{options.items} items, {len(BITRATES)} bitrates, {', '.join(METRICS)}")
        print(f"load average {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores")
        for _ in range(options.repeats):
            bare = bare_in_own_process(manifest)
            one_cpu, one_wall = bench_run(manifest, 1)
            _, two_wall = bench_run(manifest, 2)
            overheads.append(one_cpu / bare)
            gains.append(one_wall / two_wall)
            print(
                f"bare {bare:.2f} s CPU; --jobs 1: {one_cpu:.2f} s CPU, {one_wall:.2f} s wall; "
                f"--jobs 2: {two_wall:.2f} s wall"
            )
    print(f"overhead x{statistics.median(overheads):.3f}")
    print(f"speed-up x{statistics.median(gains):.2f}")


if __name__ == "__main__":
    main()
