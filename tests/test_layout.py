"""The project is laid out as its rules say."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bench.metrics.spec import MetricSpec, MetricUnavailableError
from codec_zoo.interface import BitrateRange, CodecEntry

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGES = [
    ROOT / name
    for name in ("bench", "codecs/codec_zoo", "mushra_web", "reports", "reference_training")
]
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MAX_LINES = 400
CODECS = sorted(PROJECT["entry-points"]["codecbench.codecs"])
METRICS = sorted(PROJECT["entry-points"]["codecbench.metrics"])


def load(group, name):
    (point,) = entry_points(group=group, name=name)
    return point.load()


def relative(path):
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", ["codecs/__init__.py", "tests/codecs", "tests/codecs.py"])
def test_nothing_shadows_the_standard_librarys_codecs(path):
    assert not (ROOT / path).exists()


def test_tests_are_flat_files_of_their_own_names():
    assert not list((ROOT / "tests").rglob("__init__.py"))
    names = [path.name for path in TESTS if path.name != "conftest.py"]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_every_module_says_what_it_is(path):
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert docstring


@pytest.mark.parametrize("path", [*MODULES, *TESTS], ids=relative)
def test_no_file_is_too_long_to_read(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


def test_imports_run_one_way():
    program = shutil.which("lint-imports", path=Path(sys.executable).parent)
    if program is None:
        pytest.skip("import-linter is not installed beside this Python")
    ended = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "0 broken" in ended.stdout


@pytest.mark.parametrize(
    ("group", "names"), [("codecbench.codecs", CODECS), ("codecbench.metrics", METRICS)]
)
def test_the_installed_entry_points_are_those_of_the_project(group, names):
    installed = [
        p.name for p in entry_points(group=group) if p.dist and p.dist.name == "codecbench"
    ]
    assert sorted(installed) == names


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_entry_is_named_and_described_consistently(name):
    entry = load("codecbench.codecs", name)
    assert isinstance(entry, CodecEntry)
    info = entry.info
    assert info.name == name
    assert info.version
    assert info.licence
    assert 8000 <= info.sample_rate <= 48_000
    assert set(info.channels) <= {1, 2}
    assert info.channels
    assert info.frame_size >= 1
    assert info.lookahead >= 0
    assert bool(info.default_bitrates) == (info.kind == "codec")
    assert all(bitrate in info.bitrates for bitrate in info.default_bitrates)


@pytest.mark.parametrize("name", CODECS)
def test_bitrates_of_a_codec_are_in_bits_per_second_and_ascend(name):
    info = load("codecbench.codecs", name).info
    if isinstance(info.bitrates, BitrateRange):
        ladder = (info.bitrates.minimum, info.bitrates.maximum)
        assert info.bitrates.step >= 1
    else:
        ladder = info.bitrates
    assert all(isinstance(bitrate, int) and bitrate >= 100 for bitrate in ladder)
    assert list(ladder) == sorted(set(ladder))


@pytest.mark.parametrize("name", CODECS)
def test_weights_of_a_codec_are_named_and_licensed(name):
    entry = load("codecbench.codecs", name)
    if entry.weights is None:
        assert entry.info.trained_by == ""
        return
    assert entry.weights.name in CODECS  # that of another entry where both share a file
    assert name.startswith(entry.weights.name)
    assert entry.weights.licence
    assert entry.weights.accepts
    assert entry.weights.size > 0


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_entry_is_named_and_described_consistently(name):
    spec = load("codecbench.metrics", name)
    assert isinstance(spec, MetricSpec)
    assert spec.name == name
    assert spec.version
    assert spec.summary
    assert spec.source
    low, high = spec.range
    assert low is None or high is None or low < high
    assert spec.min_duration >= 0


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_there_or_says_what_to_install(name):
    spec = load("codecbench.metrics", name)
    try:
        said = "" if callable(spec.load()) else "not a function"
    except MetricUnavailableError as error:
        said = str(error)
    assert said == "" or f"pip install '{spec.requires}'" in said
