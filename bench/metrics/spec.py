"""What is said of a metric without computing it, and how one is found by name."""

from __future__ import annotations

import functools
import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, cast

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

LOGGER = logging.getLogger(__name__)
GROUP = "codecbench.metrics"
PERCEPTUAL = "codecbench[perceptual]"

Direction = Literal["higher", "lower", "none"]


class UndefinedMetricError(ValueError):
    """The metric has no value for this input; the message says why."""


class MetricUnavailableError(RuntimeError):
    """The metric cannot be computed here; the message says what to install."""


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric.

    Attributes:
        name: exact name of the variant.
        version: raised when a value changes; part of the key of every stored score.
        summary: what it measures, in a few words.
        unit: unit of the value; empty where it has none.
        direction: which way is better.
        range: smallest and largest value; none where open.
        function: ``module:name`` of ``(reference, degraded, sample_rate) -> float``, both signals
            of shape ``(channels, samples)``, equally long and aligned.
        source: author, year, equation or clause.
        sample_rate: rate in Hz to which the harness resamples both signals; none for any rate.
        mono: whether the harness averages the channels first.
        min_duration: shortest input in seconds.
        requires: what to install beyond the core, as pip takes it.
        features: for a metric that compares features of the two signals, ``module:name`` of
            ``(signal, sample_rate) -> features``, so that a reference is analysed once.
        compare: ``module:name`` of ``(reference features, degraded features) -> float``, which
            returns what ``function`` does.
        caveat: where it misleads, in a few words.
        models: entry-point group of the models that it listens with; see
            :mod:`bench.metrics.models`. The installed one sets the rate and is named in the version
            of the metric.
    """

    name: str
    version: str
    summary: str
    unit: str
    direction: Direction
    range: tuple[float | None, float | None]
    function: str
    source: str
    sample_rate: int | None = None
    mono: bool = True
    min_duration: float = 0.0
    requires: str = ""
    features: str = ""
    compare: str = ""
    caveat: str = ""
    models: str = ""

    def load(self) -> Callable[[Samples, Samples, int], float]:
        """The function.

        Raises:
            MetricUnavailableError: a library that it needs is not installed.
        """
        return cast("Callable[[Samples, Samples, int], float]", self._import(self.function))

    def has_models(self) -> bool:
        """Whether the models that it listens with are installed, if it needs any."""
        return not self.models or bool(entry_points(group=self.models))

    def load_features(self) -> Callable[[Samples, int], Any]:  # features are the metric's own
        """The function that analyses one signal; see ``features``.

        Raises:
            MetricUnavailableError: a library that it needs is not installed.
        """
        return cast("Callable[[Samples, int], Any]", self._import(self.features))

    def load_comparison(self) -> Callable[[Any, Any], float]:  # features are the metric's own
        """The function that compares the features of two signals; see ``compare``.

        Raises:
            MetricUnavailableError: a library that it needs is not installed.
        """
        return cast("Callable[[Any, Any], float]", self._import(self.compare))

    def _import(self, path: str) -> Any:  # whatever the path names
        module, _, name = path.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except ImportError as error:
            hint = f": pip install '{self.requires}'" if self.requires else ""
            raise MetricUnavailableError(f"{self.name} needs {error.name}{hint}") from error


def metric_spec(name: str) -> MetricSpec:
    """The metric of that name.

    Raises:
        LookupError: no metric has that name; the message lists the known ones.
    """
    installed = _installed()
    if name not in installed:
        raise LookupError(f"unknown metric {name!r}; known: {', '.join(sorted(installed))}.")
    return _load(installed[name])


def metric_specs() -> dict[str, MetricSpec]:
    """All metrics by name; one whose package cannot be loaded is left out with a warning."""
    specs = {}
    for point in _installed().values():
        try:
            specs[point.name] = _load(point)
        except MetricUnavailableError as error:
            LOGGER.warning("%s", error)
    return dict(sorted(specs.items()))


@functools.cache  # reading the metadata of every installed package takes milliseconds
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


@functools.cache
def _load(point: EntryPoint) -> MetricSpec:
    try:
        spec = point.load()
    except Exception as error:  # other people's packages raise anything
        raise MetricUnavailableError(
            f"metric {point.name!r} ({point.value}) cannot be loaded: {error}"
        ) from error
    if not isinstance(spec, MetricSpec) or spec.name != point.name:
        raise MetricUnavailableError(
            f"metric {point.name!r}: {point.value} is no MetricSpec of that name."
        )
    return _with_model(spec) if spec.models else spec


def _with_model(spec: MetricSpec) -> MetricSpec:
    if not spec.has_models():
        return spec
    from bench.metrics.models import installed_model  # it takes its errors from here

    model = installed_model(spec.models)
    version = f"{spec.version}+{model.name}@{model.version}"
    return replace(spec, version=version, sample_rate=model.sample_rate)
