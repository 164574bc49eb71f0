"""``bench mushra build``: what it prints, how it ends, and the published samples as a test."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bench.cli import main
from bench.engines import THREAD_VARIABLES
from mushra_web.listening_test import read_test

PUBLISHED = Path(__file__).resolve().parents[1].parent / "shared" / "published_samples"
RATE = 16_000


@pytest.fixture(autouse=True)
def _threads(monkeypatch):
    """Commands pin the threads of their process; give the tests theirs back."""
    for variable in THREAD_VARIABLES:
        monkeypatch.setenv(variable, "1")


@pytest.fixture
def folders(tmp_path):
    """One item, and a codec that adds noise."""
    generator = np.random.default_rng(0)
    for name, noise in (("reference", 0.0), ("noisy", 0.01)):
        signal = 0.05 * generator.standard_normal(RATE) + noise * generator.standard_normal(RATE)
        (tmp_path / name).mkdir()
        soundfile.write(tmp_path / name / "a.wav", signal, RATE, "PCM_24")
    return "--reference", tmp_path / "reference", "--degraded", tmp_path / "noisy"


def command(*arguments):
    return CliRunner().invoke(main, ["mushra", "build", *map(str, arguments)])


def test_checks_power_and_notes_are_reported_as_json(folders, tmp_path):
    done = command(*folders, "-o", tmp_path / "test", "--seed", "3", "--format", "json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert all(check["passed"] for check in report["checks"])
    assert report["seed"] == 3
    assert report["items"] == ["a"]
    assert report["conditions"] == ["anchor35", "anchor70", "noisy", "reference"]
    assert len(report["power"]) == 3
    assert "note: 1 items for 1 conditions" in done.stderr


def test_the_table_says_what_was_verified_and_what_comes_next(folders, tmp_path):
    done = command(*folders, "-o", tmp_path / "test", "--anchors", "none", "--no-training")
    assert done.exit_code == 0, done.output
    assert "0 samples at most (limit 0)" in done.stdout
    assert f"Next: bench mushra serve {tmp_path / 'test'}" in done.stdout
    assert "there is no training" in done.stderr
    assert [s.condition for s in read_test(tmp_path / "test").trials[0].stimuli] == [
        "reference",
        "noisy",
    ]


def test_a_check_that_does_not_hold_ends_with_1(folders, tmp_path, monkeypatch):
    monkeypatch.setattr("mushra_web.building.anchors.MAX_RIPPLE", -1.0)
    done = command(*folders, "-o", tmp_path / "test")
    assert done.exit_code == 1
    assert "not as it should be: anchor 3.5 kHz, anchor 7 kHz" in done.stderr


def test_a_full_disk_ends_with_1_and_leaves_nothing(folders, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("mushra_web.building.stimuli.write_bytes", full)
    done = command(*folders, "-o", tmp_path / "test")
    assert done.exit_code == 1
    assert "cannot be written: No space left on device" in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["noisy", "reference"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of: a RUN, or --reference with --degraded"),
        (("--reference", "x"), "--reference and --degraded go together"),
        (("--reference", "x", "--degraded", "y", "-o", "z"), "does not exist"),
        (("--config", "no.toml"), "no.toml cannot be read"),
    ],
)
def test_wrong_usage_ends_with_2(arguments, message):
    done = command(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_folders_of_files_need_a_name_for_the_test(folders):
    done = command(*folders)
    assert done.exit_code == 2
    assert "name the test folder with -o" in done.stderr


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    done = command(tmp_path, "-o", tmp_path / "test")
    assert done.exit_code == 2
    assert "is no run" in done.stderr


@pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="the shared published samples are not beside the checkout"
)
def test_the_published_samples_become_a_test_of_the_papers_own_conditions(tmp_path):
    run = tmp_path / "published"
    scored = CliRunner().invoke(
        main,
        [
            "score", "--pairs", str(PUBLISHED / "pairs.csv"), "--metrics", "snr",
            "--engine", "inline", "-o", str(run),
        ],
    )  # fmt: skip
    assert scored.exit_code == 0, scored.output
    done = command(run, "--format", "json")
    assert done.exit_code == 0, done.output
    assert read_test(tmp_path / "published-mushra").method == "mushra"
    report = json.loads(done.stdout)
    assert all(check["passed"] for check in report["checks"])
    codecs = {name.split("@")[0] for name in report["conditions"]}
    assert codecs == {"reference", "anchor35", "anchor70", "hilcodec", "encodec", "dac", "evs"}
    assert report["items"] == ["music", "noisy", "speech"]
