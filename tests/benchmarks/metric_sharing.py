"""What scoring one item at several conditions costs, against scoring pair by pair, in CPU seconds.

python tests/benchmarks/metric_sharing.py --corpus FOLDER [--limit 36] [--metrics paper:hilcodec]

Three ways to the same scores of the same decoded files, one after the other for every item, so
that whatever else the machine does meets all three alike:

- naive: each pair on its own, as a script would do it: read both files, resample both, call the
  metric. For ViSQOL the call is that of visqol-python.
- pair: the same with our functions.
- shared: what ``bench run`` does with an item and all its conditions.

Coding is not counted. The scores of all three must be equal to the last bit.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench.engines import pin_threads

pin_threads()  # before numpy is loaded

import numpy as np  # noqa: E402
from visqol import VisqolApi  # noqa: E402

from bench.audio import read_audio, resample, to_mono, write_audio  # noqa: E402
from bench.corpus import Item, find_sources, inspect  # noqa: E402
from bench.metrics.presets import expand  # noqa: E402
from bench.metrics.spec import MetricSpec, UndefinedMetricError, metric_spec  # noqa: E402
from bench.preparation import Preparation  # noqa: E402
from bench.scoring import ScoringCell, ScoringTask, score  # noqa: E402
from bench.store import Coding  # noqa: E402
from codec_zoo.registry import codec_entry  # noqa: E402
from codec_zoo.samples import Samples  # noqa: E402

BITRATES = (6000, 12000, 24000, 64000)  # bit/s, of Opus
MODES = {"visqol_audio": "audio", "visqol_speech": "speech"}
Metric = Callable[[Samples, Samples, int], float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--corpus", type=Path, required=True, help="folder of audio files")
    parser.add_argument(
        "--limit", type=int, default=36, help="items, spread over the corpus (default: 36)"
    )
    parser.add_argument("--metrics", default="paper:hilcodec", help="names or presets")
    arguments = parser.parse_args()
    specs = [metric_spec(name) for name in expand(arguments.metrics.split(","))]
    ours, naive = {s.name: s.load() for s in specs}, {s.name: upstream(s) for s in specs}
    sources = find_sources(arguments.corpus)
    chosen = sources[:: -(-len(sources) // arguments.limit)]
    seconds = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, item in enumerate(map(inspect, chosen)):
            codings = code(item, folder)
            ways = {
                "naive": partial(by_pairs, item, codings, folder, naive),
                "pair": partial(by_pairs, item, codings, folder, ours),
                "shared": partial(shared, item, codings, folder, specs),
            }
            if number == 0:  # the first calls compile and load
                for way in ways.values():
                    way()
            timed = {way: measure(ways[way]) for way in sorted(ways, reverse=bool(number % 2))}
            if not timed["naive"].values == timed["pair"].values == timed["shared"].values:
                sys.exit(f"{item.source.id}: the scores differ: {timed}")
            seconds.append([timed[way].seconds for way in ways])
            costs = "".join(f"{cost:9.3f}" for cost in seconds[-1])
            print(f"{item.source.id:<36}{costs}", flush=True)
    report(np.array(seconds), list(ways), specs)


def report(seconds: np.ndarray, ways: list[str], specs: list[MetricSpec]) -> None:
    """The totals, and each way's share of the naive one with the spread over items."""
    metrics = ", ".join(spec.name for spec in specs)
    print(f"\n{metrics}: {len(seconds)} items x {len(BITRATES)} conditions, CPU seconds")
    for way, costs in zip(ways, seconds.T, strict=True):
        low, middle, high = np.percentile(100 * costs / seconds[:, 0], [0, 50, 100])
        total = 100 * costs.sum() / seconds[:, 0].sum()
        print(
            f"{way:<8}{costs.sum():9.2f} s {total:6.1f} % of naive "
            f"(items: median {middle:.1f}, {low:.1f} to {high:.1f})"
        )


def upstream(spec: MetricSpec) -> Metric:
    """The library's own call where the metric is one of ViSQOL; our function otherwise."""
    if spec.name not in MODES:
        return spec.load()
    api = VisqolApi()
    api.create(mode=MODES[spec.name], use_lattice_model=spec.name == "visqol_speech")
    return lambda reference, degraded, rate: float(
        api.measure_from_arrays(reference[0], degraded[0], rate).moslqo
    )


def code(item: Item, folder: Path) -> list[Coding]:
    """The item coded by Opus at all bitrates, as files."""
    codec = codec_entry("opus").build(None, "cpu")
    samples, rate = read_audio(item.source.path)
    reference = resample(to_mono(samples), rate, codec.info.sample_rate)
    codings = []
    for bitrate in BITRATES:
        decoded = codec.decode(codec.encode(reference, bitrate))
        decoded = resample(decoded, codec.info.sample_rate, rate, samples.shape[1])
        name = write_audio(folder / f"{item.source.id}-{bitrate}", decoded, rate).name
        stop = samples.shape[1]
        codings.append(
            Coding(str(bitrate), item.source.id, "", "ok", start=0, stop=stop, audio=name)
        )
    return codings


def by_pairs(
    item: Item, codings: list[Coding], folder: Path, metrics: dict[str, Metric]
) -> list[float | None]:
    values: list[float | None] = []
    for coding in codings:
        for name, metric in metrics.items():
            pair = [read_audio(path) for path in (item.source.path, folder / str(coding.audio))]
            rate = metric_spec(name).sample_rate or pair[0][1]
            reference, degraded = (resample(to_mono(s), given, rate) for s, given in pair)
            try:
                values.append(metric(reference, degraded, rate))
            except UndefinedMetricError:
                values.append(None)
    return values


def shared(
    item: Item, codings: list[Coding], folder: Path, specs: list[MetricSpec]
) -> list[float | None]:
    names = tuple(spec.name for spec in specs)
    cells = tuple(ScoringCell(coding, names, names) for coding in codings)
    task = ScoringTask(item, cells, Preparation(), folder)
    return [row.value for row in score(task)]


class Timed(NamedTuple):
    values: list[float | None]
    seconds: float


def measure(way: Callable[[], list[float | None]]) -> Timed:
    start = time.process_time()
    values = way()
    return Timed(values, time.process_time() - start)


if __name__ == "__main__":
    main()
