"""Word errors and speaker similarity, with models of other people's packages."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bench.cli import main
from bench.metrics import models, spec
from bench.metrics.models import RECOGNISERS, SPEAKER_ENCODERS, installed_model
from bench.metrics.presets import expand
from bench.metrics.speaker_likeness import compare_embeddings, speaker_similarity
from bench.metrics.spec import (
    MetricSpec,
    MetricUnavailableError,
    UndefinedMetricError,
    metric_spec,
    metric_specs,
)
from bench.metrics.transcription import (
    cer,
    compare_characters,
    compare_words,
    edit_distance,
    normalised,
    wer,
)
from codec_zoo.samples import Samples

RATE = 8000
# It "hears" one word for each tenth of a second: how loud it is.
PLUGIN = '''
"""A recogniser of loudness and an encoder of spectra, for tests."""

import numpy as np


class Loudness:
    name, version, language, sample_rate = "loudness", "3", "en", 8000

    def transcribe(self, samples, sample_rate):
        tenths = samples[0].reshape(-1, sample_rate // 10)
        return " ".join("LOUD," if abs(tenth).max() > 0.1 else "soft" for tenth in tenths)


class Spectrum:
    name, version, sample_rate = "spectrum", "2", 8000

    def embed(self, samples, sample_rate):
        return np.abs(np.fft.rfft(samples[0], 64)) if abs(samples).max() < 2 else np.zeros(33)


LOUDNESS, SPECTRUM, NUMBER = Loudness(), Spectrum(), 3
'''
PROJECT = f"""
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "toy-ears"
version = "1"

[project.entry-points."{RECOGNISERS}"]
loudness = "toy_ears:LOUDNESS"

[project.entry-points."{SPEAKER_ENCODERS}"]
spectrum = "toy_ears:SPECTRUM"
"""


def forget() -> None:
    installed_model.cache_clear()
    spec._load.cache_clear()


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str, str], None]]:
    """Leaves behind what pip leaves of a package that offers one model."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "toy_ears.py").write_text(PLUGIN)

    def add(group: str, name: str, target: str) -> None:
        metadata = tmp_path / f"{name}-1.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n")
        (metadata / "entry_points.txt").write_text(f"[{group}]\n{name} = {target}\n")
        importlib.invalidate_caches()
        forget()

    forget()
    yield add
    monkeypatch.undo()
    sys.modules.pop("toy_ears", None)
    forget()


@pytest.fixture
def ears(install: Callable[[str, str, str], None]) -> None:
    install(RECOGNISERS, "loudness", "toy_ears:LOUDNESS")
    install(SPEAKER_ENCODERS, "spectrum", "toy_ears:SPECTRUM")


def signal(*levels: float) -> Samples:
    """A tenth of a second for each level, shape ``(1, samples)`` at 8 kHz."""
    square = np.sign(np.sin(2 * np.pi * 440 * np.arange(RATE // 10) / RATE + 0.1))
    return np.concatenate([level * square for level in levels]).astype(np.float32)[np.newaxis]


@pytest.mark.parametrize(
    ("reference", "degraded", "errors"),
    [
        ("one two three four", "one two three four", 0.0),
        ("one two three four", "one too three four", 25.0),  # a substitution
        ("one two three four", "one three four", 25.0),  # a deletion
        ("one two three four", "one two and three four", 25.0),  # an insertion
        ("one two three four", "", 100.0),
        ("one", "one two three", 200.0),
        ("It's TWO, o'clock!", "it\u2019s two o'clock", 0.0),
    ],
)
def test_words_are_counted(reference: str, degraded: str, errors: float) -> None:
    assert compare_words(reference, degraded) == errors


def test_characters_are_counted_with_the_spaces_between_words() -> None:
    assert compare_characters("ab cd", "abcd") == 20.0
    assert compare_characters("今日は", "今日わ") == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ("kitten", "sitting", 3),
        ("", "abc", 3),
        ("abc", "", 3),
        ("abc", "cab", 2),
        ("flaw", "lawn", 2),
        ("abcdef", "azced", 3),
    ],
)
def test_the_edit_distance_is_that_of_the_textbook(first: str, second: str, distance: int) -> None:
    assert edit_distance(first, second) == distance
    assert edit_distance(second, first) == distance


def test_text_is_normalised_as_documented() -> None:
    assert normalised("  Straße -- 5\tKM, n'est-ce pas? ") == "strasse 5 km n'est ce pas"


def test_a_reference_without_words_has_no_error_rate() -> None:
    with pytest.raises(UndefinedMetricError, match="hears no word in the reference"):
        compare_words("...", "one")


def test_the_degraded_signal_is_held_against_what_is_heard_in_the_reference(ears: None) -> None:
    reference, degraded = signal(0.5, 0.5, 0.01, 0.01), signal(0.5, 0.01, 0.01, 0.01)
    assert wer(reference, degraded, RATE) == 25.0
    assert wer(reference, reference, RATE) == 0.0
    assert cer(reference, degraded, RATE) == pytest.approx(100 * 3 / 19)  # loud, soft


def test_a_silent_degraded_signal_loses_every_word(ears: None) -> None:
    reference = signal(0.5, 0.01)
    assert wer(reference, 0 * reference, RATE) == 100.0
    with pytest.raises(UndefinedMetricError, match="hears no word"):
        wer(0 * reference, reference, RATE)


def test_the_cosine_is_that_of_the_embeddings(ears: None) -> None:
    reference, other = signal(0.5), np.random.default_rng(0).uniform(-0.5, 0.5, (1, RATE // 10))
    assert speaker_similarity(reference, 0.5 * reference, RATE) == pytest.approx(1.0)
    assert 0.0 < speaker_similarity(reference, other.astype(np.float32), RATE) < 0.9


def test_an_embedding_of_zeros_has_no_angle(ears: None) -> None:
    with pytest.raises(UndefinedMetricError, match="an embedding is zero"):
        speaker_similarity(signal(0.5), signal(3.0), RATE)
    with pytest.raises(UndefinedMetricError, match="silent"):
        speaker_similarity(signal(0.5), signal(0.0), RATE)
    assert compare_embeddings(np.array([1.0, 0.0]), np.array([-2.0, 0.0])) == -1.0


def test_the_model_sets_the_rate_and_is_part_of_the_version(ears: None) -> None:
    assert (metric_spec("wer").version, metric_spec("wer").sample_rate) == ("1+loudness@3", RATE)
    assert metric_spec("speaker_similarity").version == "1+spectrum@2"
    with pytest.raises(ValueError, match="defined at 8000 Hz"):
        wer(signal(0.5), signal(0.5), 16000)


def test_features_give_the_value_of_the_function(ears: None) -> None:
    reference, degraded = signal(0.5, 0.5, 0.01), signal(0.5, 0.01, 0.01)
    for name in ("wer", "cer", "speaker_similarity"):
        found = metric_spec(name)
        analyse = found.load_features()
        value = found.load_comparison()(analyse(reference, RATE), analyse(degraded, RATE))
        assert value == found.load()(reference, degraded, RATE)


@pytest.mark.parametrize(
    ("name", "group"),
    [("wer", RECOGNISERS), ("cer", RECOGNISERS), ("speaker_similarity", SPEAKER_ENCODERS)],
)
def test_without_a_model_the_metric_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, name: str, group: str
) -> None:
    monkeypatch.setattr(models, "entry_points", lambda group: ())
    installed_model.cache_clear()
    with pytest.raises(MetricUnavailableError, match=f"{group}.*pip install one that does"):
        metric_spec(name).load()(signal(0.5), signal(0.5), RATE)


def test_full_takes_these_metrics_only_with_their_models(
    install: Callable[[str, str, str], None],
) -> None:
    install(RECOGNISERS, "loudness", "toy_ears:LOUDNESS")
    assert {"wer", "cer"} <= set(expand(["full"]))


def test_one_of_several_models_is_chosen_by_a_variable(
    install: Callable[[str, str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install(RECOGNISERS, "loudness", "toy_ears:LOUDNESS")
    install(RECOGNISERS, "second", "toy_ears:LOUDNESS")
    with pytest.raises(
        MetricUnavailableError, match=r"set CODECBENCH_RECOGNISER to one of loudness, second"
    ):
        installed_model(RECOGNISERS)
    monkeypatch.setenv("CODECBENCH_RECOGNISER", "third")
    with pytest.raises(MetricUnavailableError, match=r"CODECBENCH_RECOGNISER=third names no model"):
        installed_model(RECOGNISERS)
    monkeypatch.setenv("CODECBENCH_RECOGNISER", "second")
    assert installed_model(RECOGNISERS).name == "loudness"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("module_that_is_gone:EAR", "cannot be loaded: No module named"),
        ("toy_ears:NUMBER", "is a int that lacks a name"),
        ("toy_ears:SPECTRUM", "is a Spectrum that lacks a name, version, sample_rate or method"),
    ],
)
def test_a_broken_model_is_named_and_leaves_the_other_metrics_alone(
    install: Callable[[str, str, str], None], target: str, message: str
) -> None:
    install(RECOGNISERS, "broken", target)
    with pytest.raises(MetricUnavailableError, match=message):
        metric_spec("wer")
    assert {"snr", "speaker_similarity"} <= set(metric_specs())
    assert "wer" not in metric_specs()


def test_what_a_model_returns_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        name, version, language, sample_rate = "odd", "1", "en", RATE

        def transcribe(self, samples: Samples, sample_rate: int) -> object:
            return None

        def embed(self, samples: Samples, sample_rate: int) -> np.ndarray:
            return np.array([[1.0, np.nan]])

    monkeypatch.setattr(models, "installed_model", lambda group: Odd())
    with pytest.raises(TypeError, match="odd returned a NoneType; text expected"):
        wer(signal(0.5), signal(0.5), RATE)
    with pytest.raises(ValueError, match=r"shape \(1, 2\) with 1 values that are NaN"):
        speaker_similarity(signal(0.5), signal(0.5), RATE)


def test_models_that_pip_installed_score_a_pair_of_files(tmp_path: Path) -> None:
    project, target = tmp_path / "project", tmp_path / "installed"
    (project / "toy_ears").mkdir(parents=True)
    (project / "toy_ears" / "__init__.py").write_text(PLUGIN)
    (project / "pyproject.toml").write_text(PROJECT)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    options = ["--no-index", "--disable-pip-version-check", "--target", str(target)]
    subprocess.run([*pip, *options, str(project)], check=True, capture_output=True)
    for folder, levels in (("original", (0.5, 0.5, 0.01)), ("decoded", (0.5, 0.01, 0.01))):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "a.wav", signal(*levels)[0], RATE, "FLOAT")
    folders = ["--reference", str(tmp_path / "original"), "--degraded", str(tmp_path / "decoded")]
    scoring = ["score", *folders, "--metrics", "wer,speaker_similarity", "--engine", "inline"]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from bench.cli import main; main()",
            *scoring,
            "-o",
            str(tmp_path / "run"),
        ],
        env=os.environ | {"PYTHONPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    exported = CliRunner().invoke(main, ["export", str(tmp_path / "run"), "--format", "jsonl"])
    found = {row["metric"]: row for row in map(json.loads, exported.stdout.splitlines())}
    assert found["wer"]["value"] == pytest.approx(100 / 3)
    assert found["wer"]["metric_version"] == "1+loudness@3"
    assert found["speaker_similarity"]["status"] == "ok"


def test_the_page_of_the_metric_names_the_group_to_install_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models, "entry_points", lambda group: ())
    installed_model.cache_clear()
    done = CliRunner().invoke(main, ["metrics", "wer"])
    assert done.exit_code == 0
    assert RECOGNISERS in done.output
    assert "Word error rate" in done.output


def test_a_description_without_models_needs_none() -> None:
    assert MetricSpec("odd", "1", "", "", "none", (None, None), "m:f", "").has_models()
