"""Metrics of one item: its reference against every decoded version, read back from the run folder.

Reading, resampling and cutting the reference happen once per item and are shared by all conditions.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from pathlib import Path

from bench.audio import AudioError, read_audio, resample, to_mono
from bench.conditions import Status
from bench.corpus import Item
from bench.metrics.spec import (
    MetricSpec,
    MetricUnavailableError,
    UndefinedMetricError,
    metric_spec,
)
from bench.preparation import Preparation, prepare
from bench.store import Coding, Score
from codec_zoo.samples import Samples


@dataclass(frozen=True, slots=True)
class ScoringCell:
    """One decoded version of the item, and the metrics it still lacks."""

    coding: Coding
    metrics: tuple[str, ...]
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScoringTask:
    """All missing scores of one item.

    Attributes:
        item: the reference.
        cells: its decoded versions with the metrics that are missing.
        preparation: what was done to the item before it was coded.
        folder: the run folder.
    """

    item: Item
    cells: tuple[ScoringCell, ...]
    preparation: Preparation
    folder: Path

    @property
    def n_cells(self) -> int:
        """Scores that this task finishes."""
        return sum(len(cell.metrics) for cell in self.cells)

    def split(self) -> list[ScoringTask]:
        """The same work, one score at a time, to find the one that takes a process down."""
        return [
            replace(self, cells=(replace(cell, metrics=(metric,), keys=(key,)),))
            for cell in self.cells
            for metric, key in zip(cell.metrics, cell.keys, strict=True)
        ]

    def lost(self, status: Status, message: str) -> tuple[Score, ...]:
        """What is recorded when the process did not come back."""
        return tuple(
            _score(cell, index, None, status, message)
            for cell in self.cells
            for index in range(len(cell.metrics))
        )


def score_key(coding: Coding, spec: MetricSpec) -> str:
    """What a stored score depends on: the decoded audio and the version of the metric."""
    return f"{coding.key}:{spec.version}"


def score(task: ScoringTask) -> tuple[Score, ...]:
    """Every missing score of an item; one that cannot be had is a row that says why."""
    try:
        reference = prepare(task.item, task.preparation)
    except (AudioError, OSError) as error:
        return task.lost("failed", str(error))
    references = _Views(reference, task.preparation.rate_of(task.item))
    scores: list[Score] = []
    for cell in task.cells:
        try:
            degraded, sample_rate = read_audio(task.folder / (cell.coding.audio or ""))
        except AudioError as error:
            message = f"the decoded audio {cell.coding.audio}: {error}"
            scores += replace(task, cells=(cell,)).lost("failed", message)
            continue
        scores += _score_cell(cell, references, _Views(degraded, sample_rate))
    return tuple(scores)


class _Views:
    """A signal cut, mixed and resampled as metrics ask for it, each version made once."""

    def __init__(self, samples: Samples, sample_rate: int) -> None:
        self.samples = samples
        self.sample_rate = sample_rate
        self.view = functools.cache(self._view)

    def _view(self, part: tuple[int, int], mono: bool, sample_rate: int | None) -> Samples:
        samples = self.samples[:, slice(*part)]
        return resample(
            to_mono(samples) if mono else samples,
            self.sample_rate,
            sample_rate or self.sample_rate,
        )


def _score_cell(cell: ScoringCell, references: _Views, degraded: _Views) -> list[Score]:
    part = (cell.coding.start or 0, cell.coding.stop or 0)
    scores = []
    for index, name in enumerate(cell.metrics):
        value, status, message = _evaluate(metric_spec(name), references, degraded, part)
        scores.append(_score(cell, index, value, status, message))
    return scores


def _evaluate(
    spec: MetricSpec, references: _Views, degraded: _Views, part: tuple[int, int]
) -> tuple[float | None, Status, str]:
    duration = (part[1] - part[0]) / references.sample_rate
    if duration < spec.min_duration:
        return None, "undefined", f"{duration:.3f} s; at least {spec.min_duration:g} s needed."
    try:
        function = spec.load()
        value = function(
            references.view(part, spec.mono, spec.sample_rate),
            degraded.view(part, spec.mono, spec.sample_rate),
            spec.sample_rate or references.sample_rate,
        )
    except UndefinedMetricError as error:
        return None, "undefined", str(error)
    except MetricUnavailableError as error:
        return None, "failed", str(error)
    except Exception as error:  # noqa: BLE001  # a metric's libraries raise anything
        return None, "failed", f"{type(error).__name__}: {error}"
    if not math.isfinite(value):
        return None, "undefined", f"the metric returned {value}."
    return float(value), "ok", ""


def _score(
    cell: ScoringCell, index: int, value: float | None, status: Status, message: str
) -> Score:
    return Score(
        cell.coding.condition,
        cell.coding.item,
        cell.metrics[index],
        cell.keys[index],
        value,
        status,
        message,
    )
