"""Whatever a codec delivers, a metric gives a finite value or its documented error.

Some metrics are C code that could take the process down, so each family is tried in a process of
its own: run as a script, this file does the trying.
"""

from __future__ import annotations

import math
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bench.metrics import models
from bench.metrics.spec import MetricSpec, UndefinedMetricError, metric_spec, metric_specs

FAMILIES = ("waveform", "spectral", "speech", "perceptual", "content")
COSTLY = ("dnsmos", "visqol", "f0", "mcd", "uv")
EXAMPLES, COSTLY_EXAMPLES = 30, 8
LONGEST = 2.0  # s
TIMEOUT = 240.0  # s
RATES = (8000, 16000, 24000, 44100, 48000)  # Hz, for metrics that take any
KINDS = ("noise", "tone", "silence", "constant", "spikes", "denormal", "full scale", "step", "nan")


def signal(kind: str, n_samples: int, seed: int) -> np.ndarray:
    """One channel of a kind, shape ``(1, n_samples)``."""
    rng = np.random.default_rng(seed)
    samples = np.zeros(n_samples, np.float32)
    if kind == "noise":
        samples += (10.0 ** rng.uniform(-4, 0) * rng.standard_normal(n_samples)).astype(np.float32)
    elif kind == "tone":
        samples += np.sin(rng.uniform(0.01, 3.0) * np.arange(n_samples)).astype(np.float32)
    elif kind == "constant":
        samples += np.float32(rng.uniform(-1, 1))
    elif kind == "spikes":
        samples[rng.random(n_samples) < 0.001] = 1.0
    elif kind == "denormal":
        samples += np.float32(1e-40)
    elif kind == "full scale":
        samples += np.sign(rng.standard_normal(n_samples)).astype(np.float32)
    elif kind == "step":
        samples[n_samples // 2 :] = 0.5
    elif kind == "nan" and n_samples:
        samples[rng.integers(n_samples)] = np.nan
    return samples[np.newaxis]


cases = st.tuples(
    st.sampled_from(KINDS),
    st.sampled_from(KINDS),
    st.floats(0.0, LONGEST) | st.sampled_from([0.0, 0.03, 0.1, 0.25, 0.41, 0.96, 1.0]),
    st.sampled_from(RATES),
    st.integers(0, 2**16),
)


class Ear:
    """Stands in for the models of other packages."""

    name, version, language, sample_rate = "ear", "1", "en", 8000

    def transcribe(self, samples: np.ndarray, sample_rate: int) -> str:
        """Whether the waveform is up or down, twenty times a second."""
        return " ".join("up" if x > 0 else "down" for x in samples[0, :: sample_rate // 20])

    def embed(self, samples: np.ndarray, sample_rate: int) -> np.ndarray:
        """Eight band energies."""
        return np.array([np.sum(np.square(part)) for part in np.array_split(samples[0], 8)])


def try_metric(name: str) -> None:
    """Feed a metric with cases; a failing one is printed and raised by hypothesis."""
    spec = metric_spec(name)
    if spec.models:
        spec = replace(spec, sample_rate=Ear.sample_rate)
    costly = name.startswith(COSTLY)

    @settings(
        max_examples=COSTLY_EXAMPLES if costly else EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases)
    def is_finite_or_refused(case: tuple[str, str, float, int, int]) -> None:
        reference_kind, degraded_kind, seconds, rate, seed = case
        print(name, case, flush=True)  # noqa: T201  # names the culprit of a crash
        rate = spec.sample_rate or rate
        n_samples = round(seconds * rate)
        pair = signal(reference_kind, n_samples, seed), signal(degraded_kind, n_samples, seed + 1)
        broken = "nan" in (reference_kind, degraded_kind) and n_samples
        try:
            value = spec.load()(*pair, rate)
        except UndefinedMetricError:
            return
        except ValueError as error:
            if broken and "NaN or infinite" in str(error):
                return
            raise
        assert not broken
        assert math.isfinite(value)
        low, high = spec.range
        assert low is None or value >= low - 1e-6
        assert high is None or value <= high + 1e-6

    is_finite_or_refused()


@pytest.mark.parametrize("family", FAMILIES)
def test_every_input_gives_a_finite_value_or_a_documented_error(family: str) -> None:
    for library in ("pesq", "onnxruntime"):
        pytest.importorskip(library, reason="codecbench[perceptual] is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(Path(__file__)), family],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    last = done.stdout.splitlines()[-1:]
    assert done.returncode == 0, f"{last}: status {done.returncode}\n{done.stderr[-3000:]}"


if __name__ == "__main__":
    from bench.engines import pin_threads

    pin_threads()
    warnings.simplefilter("error")
    module = f"bench.metrics.catalogue.{sys.argv[1]}"
    models.installed_model = lambda group: Ear()
    catalogue = vars(__import__(module, fromlist=["*"])).values()
    names = {spec.name for spec in catalogue if isinstance(spec, MetricSpec)}
    for name in sorted(names & set(metric_specs())):
        try_metric(name)
