"""Run folders with made-up scores, as large as one wants: for the benchmarks of what reads runs.

    python tests/benchmarks/synthetic_runs.py OUT --codecs 50 --bitrates 4 --items 1000

A score is the quality of its codec at its bitrate, plus how hard its item is, plus noise.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from bench.audio import read_audio, write_audio
from bench.coding import BITRATE, LAG, LEVEL_CHANGE
from bench.conditions import Condition
from bench.corpus import Item, Source
from bench.run_folder import audio_path, locked
from bench.store import Coding, Measure, Profile, Score, Store

BITRATES = (3000, 6000, 12_000, 24_000, 48_000)  # bit/s
CATEGORIES = ("clean_speech", "noisy_speech", "music", "general")
SAMPLE_RATE = 24_000  # Hz
N_SAMPLES = 5 * SAMPLE_RATE
ITEM_SPREAD = 0.5  # standard deviations, in units of the spread of a metric
NOISE = 0.2


@dataclass(frozen=True, slots=True)
class SyntheticMetric:
    """A metric whose made-up values lie around ``centre``; better codecs move by ``spread``."""

    measure: Measure
    centre: float
    spread: float


METRICS = (
    SyntheticMetric(Measure("visqol_audio", "1", "MOS", "higher"), 3.6, 0.5),
    SyntheticMetric(Measure("pesq_wb", "1", "MOS", "higher"), 2.8, 0.6),
    SyntheticMetric(Measure("stoi", "1", "", "higher"), 0.85, 0.05),
    SyntheticMetric(Measure("si_sdr", "1", "dB", "higher"), 8.0, 4.0),
    SyntheticMetric(Measure("mel_dac", "1", "", "lower"), 1.4, -0.4),
)


def write_synthetic_run(
    folder: Path,
    *,
    n_codecs: int = 5,
    n_bitrates: int = 4,
    n_items: int = 40,
    metrics: Sequence[SyntheticMetric] = METRICS,
    losses: Sequence[float] = (0.0,),
    failed_share: float = 0.002,
    quality_drop: float = 0.0,
    with_audio: bool = False,
    with_profiles: bool = False,
    seed: int = 0,
) -> None:
    """Fill a new run folder; the same arguments give the same scores.

    Args:
        folder: where it goes.
        n_codecs: codecs ``codec01`` and so on, each better than the one before.
        n_bitrates: bitrates of each, from ``BITRATES``.
        n_items: items, their categories in turn.
        metrics: what is scored.
        losses: shares of lost packets in percent; each takes its square root off the quality.
        failed_share: share of the cells that hold no value but a reason.
        quality_drop: taken off the quality of every score, in units of a metric's spread.
        with_audio: whether there are references and decoded files, of one second each.
        with_profiles: whether the codecs have a complexity and a streaming speed.
        seed: of all that is random.
    """
    rng = np.random.default_rng(seed)
    conditions = [
        Condition(codec=f"codec{number + 1:02d}", bitrate=bitrate, codec_version="1", loss=loss)
        for number in range(n_codecs)
        for bitrate in BITRATES[:n_bitrates]
        for loss in losses
    ]
    items = [_item(number) for number in range(n_items)]
    if with_audio:
        items = [_with_reference(item, folder.resolve(), rng) for item in items]
    difficulty = rng.normal(0, ITEM_SPREAD, n_items)
    with locked(folder), Store(folder, create=True) as store:
        store.set_meta("configuration", {"codecs": "synthetic", "seed": seed})
        store.set_meta("environment", {"machine": "none: the scores are made up"})
        store.put_items(items)
        store.put_conditions(conditions)
        store.put_measures([BITRATE, LAG, LEVEL_CHANGE, *(metric.measure for metric in metrics)])
        if with_profiles:
            store.put_profiles(
                profile
                for index, codec in enumerate(dict.fromkeys(c.codec for c in conditions))
                for profile in _profiles(codec, index + 1)
            )
        for number, condition in enumerate(conditions):
            assert condition.bitrate is not None
            rank = number // (n_bitrates * len(losses)) / n_codecs
            quality = rank + 0.7 * np.log2(condition.bitrate / 6000) - np.sqrt(condition.loss)
            noise = rng.normal(0, NOISE, (n_items, len(metrics)))
            grades = (quality - quality_drop - difficulty)[:, None] + noise
            failed = rng.random(n_items) < failed_share
            codings = [
                _coding(condition, item, folder if with_audio else None, lost)
                for item, lost in zip(items, failed, strict=True)
            ]
            spent = condition.bitrate * (1 + 0.01 * rng.standard_normal(n_items))
            scores = [
                Score(condition.id, item.source.id, name, f"key:{version}", value, "ok")
                for index, item in enumerate(items)
                if not failed[index]
                for name, version, value in (
                    (BITRATE.name, BITRATE.version, float(spent[index])),
                    (LAG.name, LAG.version, 0.0),
                    (LEVEL_CHANGE.name, LEVEL_CHANGE.version, 0.0),
                    *(
                        (m.measure.name, m.measure.version, m.centre + m.spread * float(grade))
                        for m, grade in zip(metrics, grades[index], strict=True)
                    ),
                )
            ]
            store.put_results(codings, scores)


def _coding(condition: Condition, item: Item, folder: Path | None, lost: bool) -> Coding:
    if lost:
        message = "the process ended with signal 11."
        return Coding(condition.id, item.source.id, "key", "crashed", message)
    if folder is None:
        return Coding(condition.id, item.source.id, "key", "ok")
    assert condition.bitrate is not None
    samples, sample_rate = read_audio(item.source.path)
    noise = np.random.default_rng(condition.bitrate).standard_normal(samples.shape)
    degraded = (samples + 100 / condition.bitrate * noise).astype(np.float32)
    path = write_audio(audio_path(folder, condition.id, item.source.id), degraded, sample_rate)
    audio = path.relative_to(folder).as_posix()
    return Coding(condition.id, item.source.id, "key", "ok", audio=audio)


def _with_reference(item: Item, folder: Path, rng: np.random.Generator) -> Item:
    """The item with a second of gliding harmonics and bursts of noise behind it."""
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    phase = 2 * np.pi * rng.uniform(100, 250) * time * (1 + 0.2 * np.sin(7 * time))
    voice = sum(np.sin(k * phase) / k for k in range(1, 30))
    bursts = rng.standard_normal(SAMPLE_RATE) * (np.sin(30 * time) > 0.8)
    signal = (0.08 * (voice * np.sin(9 * time) ** 2 + bursts)).astype(np.float32)
    path = write_audio(folder / "references" / item.source.id, signal[None], SAMPLE_RATE)
    stat = path.stat()
    return replace(
        item,
        source=replace(item.source, path=path),
        n_samples=SAMPLE_RATE,
        size=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
    )


def _profiles(codec: str, size: int) -> tuple[Profile, Profile]:
    macs = {"encoder": 1e9 * size, "quantizer": 1e7, "dequantizer": 0, "decoder": 2e9 * size}
    complexity = {
        "codec": codec,
        "parameters": {"total": 1_000_000 * size, "paper_convention": 1_000_000 * size},
        "macs_per_second": macs,
        "latency_samples": 320 * size,
        "latency_ms": 320 * size / SAMPLE_RATE * 1000,
        "published": None,
    }
    speed = {
        "codec": codec, "backend": "onnx", "chunk_samples": 320, "rtf_cpu": 8.0 / size,
        "rtf_wall": 7.5 / size, "p50_ms": 1.0 * size, "p95_ms": 1.2 * size, "p99_ms": 2.0 * size,
        "late_share": 0.0, "reference_ratio": 1.0 * size,
    }  # fmt: skip
    parts = tuple(speed | {"part": part} for part in ("encoder+quantizer", "decoder"))
    return (
        Profile(codec, "complexity", "key", "ok", "", (complexity,)),
        Profile(codec, "streaming", "key", "ok", "", parts),
    )


def _item(number: int) -> Item:
    name = f"item{number + 1:04d}"
    return Item(
        Source(name, Path(f"{name}.flac"), CATEGORIES[number % len(CATEGORIES)], "CC0-1.0"),
        sha256=hashlib.sha256(name.encode()).hexdigest(),
        sample_rate=SAMPLE_RATE,
        channels=1,
        n_samples=N_SAMPLES,
    )


def main() -> None:
    """Write one run folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="run folder to write")
    parser.add_argument("--codecs", type=int, default=5)
    parser.add_argument("--bitrates", type=int, default=4, help="bitrates of each codec")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--audio", action="store_true", help="write audio files too")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    write_synthetic_run(
        options.out,
        n_codecs=options.codecs,
        n_bitrates=options.bitrates,
        n_items=options.items,
        with_audio=options.audio,
        with_profiles=True,
        seed=options.seed,
    )


if __name__ == "__main__":
    main()
