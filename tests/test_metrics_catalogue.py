"""The descriptions of the metrics: light to load, true, and each with a working example."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from bench import metrics
from bench.metrics.catalogue import content, perceptual, spectral, speech, waveform
from bench.metrics.spec import MetricSpec, MetricUnavailableError, metric_specs

FAMILIES = (perceptual, waveform, spectral, speech, content)
SPECS = [
    spec for family in FAMILIES for spec in vars(family).values() if isinstance(spec, MetricSpec)
]
MODULES = sorted(
    {spec.function.partition(":")[0] for spec in SPECS}
    | {
        f"bench.metrics.{name}"
        for name in (
            "consistency",
            "mel_cepstrum",
            "mel_filters",
            "preconditions",
            "presets",
            "running_mean",
            "speech_activity",
            "speech_frames",
        )
    }
)
README = Path(str(metrics.__file__)).with_name("README.md")
NEEDED = {
    "bench.metrics.listening_quality": "pesq",
    "bench.metrics.composite": "pesq",
    "bench.metrics.dnsmos": "onnxruntime",
    "bench.metrics.loudness_difference": "pyloudnorm",
}


def import_or_skip(module: str):
    if module in NEEDED:
        pytest.importorskip(NEEDED[module], reason="codecbench[perceptual] is not installed")
    return importlib.import_module(module)


def test_the_catalogue_loads_no_numpy() -> None:
    modules = ", ".join(family.__name__ for family in FAMILIES)
    code = f"import sys, {modules}; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_metric_has_one_description_and_one_entry_point() -> None:
    names = [spec.name for spec in SPECS]
    assert sorted(names) == sorted(set(names))
    assert set(names) <= set(metric_specs())


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_a_description_names_its_function_and_source(spec: MetricSpec) -> None:
    import_or_skip(spec.function.partition(":")[0])
    assert spec.load().__name__ == spec.name
    assert spec.source
    assert spec.direction in ("higher", "lower", "none")


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_the_docstrings_hold(module: str) -> None:
    results = doctest.testmod(import_or_skip(module))
    assert results.attempted > 0
    assert results.failed == 0


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_readme_has_a_row_for_every_metric(spec: MetricSpec) -> None:
    assert f"| `{spec.name}` |" in README.read_text(encoding="utf-8")


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_the_readme_says_what_each_metric_does_to_level_and_lag(spec: MetricSpec) -> None:
    section = (
        README.read_text(encoding="utf-8").split("## Level and alignment")[1].split("\n## ")[0]
    )
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    assert sum(f"`{spec.name}`" in names for names in rows) == 1


def test_a_missing_pesq_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "bench.metrics.listening_quality", raising=False)
    monkeypatch.setitem(sys.modules, "pesq", None)
    with pytest.raises(MetricUnavailableError, match=r"pip install 'codecbench\[perceptual\]'"):
        perceptual.PESQ_WB.load()


def test_a_missing_lattice_runtime_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.metrics import auditory_similarity

    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(MetricUnavailableError, match=r"pip install 'visqol-python\[lattice\]'"):
        auditory_similarity._quality_mapper.__wrapped__("speech")
