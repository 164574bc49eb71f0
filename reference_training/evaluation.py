"""How well exported weights code a folder of audio."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import soxr

from bench.metrics.spec import UndefinedMetricError, metric_spec
from codec_zoo.adapters.hilcodec import HILCODEC
from codec_zoo.checkpoints import load_metadata
from codec_zoo.registry import codec_entry
from codec_zoo.weights import WeightsFile, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from codec_zoo.interface import Codec
    from codec_zoo.samples import Samples

SAMPLE_RATE = HILCODEC.info.sample_rate
METRICS = ("si_sdr", "mel_dac", "pesq_wb", "stoi")


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One metric of one item at one bitrate; no value, and the reason, where it has none."""

    item: str
    category: str
    bitrate: int
    metric: str
    value: float | None
    message: str = ""


def read_items(folder: Path) -> list[tuple[str, str, Path]]:
    """Id, category and path of each row of the folder's ``index.csv``.

    Raises:
        FileNotFoundError: the folder has no ``index.csv``.
    """
    with (folder / "index.csv").open(newline="") as file:
        return [(row["id"], row["category"], folder / row["file"]) for row in csv.DictReader(file)]


def first_items(
    items: Sequence[tuple[str, str, Path]], limit: int | None
) -> list[tuple[str, str, Path]]:
    """The first ``limit`` items of each category; all where there is no limit."""
    counts: dict[str, int] = {}
    kept = []
    for item in items:
        counts[item[1]] = counts.get(item[1], 0) + 1
        if limit is None or counts[item[1]] <= limit:
            kept.append(item)
    return kept


def exported_codec(weights: Path) -> Codec:
    """The codec that exported weights are of, on the CPU.

    Raises:
        WeightsError: the file is damaged or of another codec.
    """
    entry = codec_entry(load_metadata(weights).get("codec", HILCODEC.info.name))
    return entry.build_codec(WeightsFile(weights, sha256_of(weights), "imported"), "cpu")


def evaluate(
    codec: Codec,
    items: Sequence[tuple[str, str, Path]],
    bitrates: Sequence[int],
    metrics: Sequence[str] = METRICS,
) -> Iterator[ItemScore]:
    """Scores of items that were coded to bytes and decoded from them, item by item.

    All codecs are compared at the rate of HILCodec: the audio is brought to it first, and for a
    codec of another rate up and back.

    Args:
        codec: what codes.
        items: id, category and path.
        bitrates: in bit/s.
        metrics: names as ``bench metrics`` lists them.
    """
    specs = [(metric_spec(name), metric_spec(name).load()) for name in metrics]
    for item, category, path in items:
        reference = _read(path)
        at_codec_rate = _resampled(reference, SAMPLE_RATE, codec.info.sample_rate)
        for bitrate in bitrates:
            decoded = codec.decode(codec.encode(at_codec_rate, bitrate))
            degraded = _resampled(decoded, codec.info.sample_rate, SAMPLE_RATE)
            for spec, compute in specs:
                rate = spec.sample_rate or SAMPLE_RATE
                original = _resampled(reference, SAMPLE_RATE, rate)
                try:
                    value = compute(original, _resampled(degraded, SAMPLE_RATE, rate), rate)
                except UndefinedMetricError as error:
                    yield ItemScore(item, category, bitrate, spec.name, None, str(error))
                else:
                    yield ItemScore(item, category, bitrate, spec.name, float(value))


def summarise(scores: Sequence[ItemScore]) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Mean, half width of its 95 % interval, n and number of failures.

    The keys are category (``all`` too), bitrate in bit/s and metric.
    """
    table: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    groups: dict[tuple[str, str, str], list[ItemScore]] = {}
    for score in scores:
        for category in (score.category, "all"):
            groups.setdefault((category, str(score.bitrate), score.metric), []).append(score)
    for (category, bitrate, metric), members in groups.items():
        values = np.array([m.value for m in members if m.value is not None], np.float64)
        entry: dict[str, float] = {"n": len(values), "n_failed": len(members) - len(values)}
        if len(values):
            entry["mean"] = round(float(values.mean()), 4)
        if len(values) > 1:
            entry["ci95"] = round(1.96 * float(values.std(ddof=1)) / math.sqrt(len(values)), 4)
        table.setdefault(category, {}).setdefault(bitrate, {})[metric] = entry
    return table


def codebook_use(codec: Codec, items: Sequence[tuple[str, str, Path]]) -> list[float]:
    """Share of each stage's codewords that occur at least once when all items are coded."""
    books = codec.info.codebooks
    assert books is not None
    seen = np.zeros((books.count, books.size), bool)
    for _, _, path in items:
        codes = codec.encode(_read(path), max(codec.info.default_bitrates)).codes()
        for stage, indices in enumerate(codes):
            seen[stage, indices] = True
    return [round(float(share), 4) for share in seen.mean(axis=1)]


def _read(path: Path) -> Samples:
    """Mono audio at the rate of HILCodec, shape ``(1, samples)``."""
    channels, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return _resampled(channels.mean(axis=1)[None], rate, SAMPLE_RATE)


def _resampled(samples: Samples, rate: int, target: int) -> Samples:
    if rate == target:
        return np.ascontiguousarray(samples, np.float32)
    resampled = soxr.resample(samples.T, rate, target, quality="HQ")
    return np.ascontiguousarray(resampled.T, np.float32)
