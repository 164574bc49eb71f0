"""The command line of the training package, end to end with a tiny network."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from codec_zoo.adapters.hilcodec import HILCODEC
from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.weights import WeightsFile
from reference_training.__main__ import main
from reference_training.evaluation import first_items
from reference_training.speed import compare_kernels

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
output = "run"
total_steps = {steps}
batch_size = 2
log_steps = 1
checkpoint_minutes = 0
data_description = "two tones"
licence = "CC0-1.0"
[model]
encoder_channels = 8
decoder_channels = 8
[data]
folder = "."
cache = "cache"
segment = 6400
validation_share = 0.0
[[data.sources]]
name = "tones"
files = "*.wav"
kind = "music"
probability = 1.0
[quantizer]
start = 2
kmeans_batches = 26
kmeans_iterations = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    t = np.arange(24_000) / 24_000
    rng = np.random.default_rng(0)
    for index, pitch in enumerate((200, 310)):
        wave = 0.2 * np.sin(2 * np.pi * pitch * t) + 0.01 * rng.standard_normal(len(t))
        soundfile.write(tmp_path / f"{index}.wav", wave, 24_000)
    (tmp_path / "index.csv").write_text("id,category,file\na,music,0.wav\nb,music,1.wav\n")
    return tmp_path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_training_resumes_exports_and_runs_as_hilcodec(folder: Path) -> None:
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(steps=3))
    run("train", config)
    config.write_text(CONFIG.format(steps=4))
    run("train", config)
    steps = [
        json.loads(line)["step"] for line in (folder / "run/log.jsonl").read_text().splitlines()
    ]
    assert steps == [1, 2, 3, 4]

    weights = folder / "hilcodec.safetensors"
    run("export", config, "-o", weights)
    scores = json.loads(run("evaluate", weights, folder, "--bitrates", "3,9", "--limit", 1))
    assert scores["scores"]["music"]["3000"]["si_sdr"]["n"] == 1
    assert len(scores["codebook_use"]) == 12
    assert all(0 < share <= 1 for share in scores["codebook_use"])

    codec = HILCODEC.build(WeightsFile(weights, "", "imported"), "cpu")
    wave, _ = soundfile.read(folder / "0.wav", dtype="float32")
    assert codec.decode(codec.encode(wave[None], 3000)).shape == (1, 24_000)


def test_export_without_a_checkpoint_says_what_to_do(folder: Path) -> None:
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(steps=3))
    result = CliRunner().invoke(main, ["export", str(config), "-o", str(folder / "w.safetensors")])
    assert result.exit_code == 1
    assert "has no checkpoint; train first" in result.stderr


def test_variance_prints_every_layer_and_draws_a_figure(folder: Path) -> None:
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(steps=3))
    profile = json.loads(run("variance", config, "--plot", folder / "variance.svg"))
    assert "encoder.blocks.3.1" in profile
    assert "<svg" in (folder / "variance.svg").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--ablation", "no-elu"], "unknown ablation 'no-elu'"),
        (["--extra-blocks", "-5"], "leave a level without any"),
    ],
)
def test_wrong_options_end_with_code_two(folder: Path, options: list[str], message: str) -> None:
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(steps=3))
    result = CliRunner().invoke(main, ["train", str(config), *options])
    assert result.exit_code == 2
    assert message in result.stderr


def test_ablated_run_trains_into_its_own_folder(folder: Path) -> None:
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(steps=1))
    run("train", config, "--ablation", "no-l2-norm", "--extra-blocks", "-1")
    assert (folder / "run-no-l2-norm-depth-1" / "last.pth").is_file()


def test_constants_are_printed_as_toml(folder: Path) -> None:
    config = folder / "tiny.toml"
    config.write_text(CONFIG.format(steps=1))
    entries = tomllib.loads(run("constants", config, "--batches", 2))
    assert 0.01 < entries["waveform_std"] < 0.5
    assert len(entries["spectrogram_means"]) == len(entries["spectrogram_stds"]) == 5


def test_limit_keeps_the_first_items_of_each_category(tmp_path: Path) -> None:
    items = [("a", "music", tmp_path), ("b", "music", tmp_path), ("c", "speech", tmp_path)]
    assert [item[0] for item in first_items(items, 1)] == ["a", "c"]
    assert first_items(items, None) == items


def test_timing_covers_both_ways_and_every_repeat() -> None:
    config = HilCodecConfig(encoder_channels=8, decoder_channels=8, exact_spectrum=True)
    plain, ours = compare_kernels(config, batch_size=1, n_samples=3200, repeats=2)
    assert plain.name == "conv1d, float32"
    assert ours.name == "training kernels, bfloat16"
    assert len(plain.cpu_seconds) == len(ours.cpu_seconds) == 2
    assert plain.audio_seconds == pytest.approx(3200 / 24_000)
