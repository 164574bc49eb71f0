"""Exporting trained weights and scoring them."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
import torch

from codec_zoo.adapters.hilcodec import HILCODEC, load_network
from codec_zoo.checkpoints import load_metadata
from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.models.hilcodec.initialisation import initialise
from codec_zoo.models.hilcodec.network import HilCodec
from codec_zoo.weights import WeightsFile
from reference_training.checkpoint import CheckpointError, TrainingState
from reference_training.evaluation import (
    ItemScore,
    evaluate,
    exported_codec,
    read_items,
    summarise,
)
from reference_training.export import Provenance, export

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = HilCodecConfig(
    encoder_channels=8, decoder_channels=8, exact_spectrum=True, waveform_std=0.2
)
PROVENANCE = Provenance(licence="CC0-1.0", data="two tones", evaluation={"all": {"3000": {}}})


def finished_state(*, has_codebooks: bool = True) -> TrainingState:
    network = HilCodec(CONFIG)
    initialise(network, torch.Generator().manual_seed(0), zero_branches=False)
    average = {name: 0.5 * p.detach() for name, p in network.named_parameters()}
    return TrainingState(
        step=12,
        seconds=3.4,
        model=network.state_dict(),
        average=average,
        optimizer={},
        model_config=CONFIG.to_json(),
        has_codebooks=has_codebooks,
    )


def test_export_describes_itself(tmp_path: Path) -> None:
    target = tmp_path / "weights" / "hilcodec.safetensors"
    export(finished_state(), target, PROVENANCE)
    metadata = load_metadata(target)
    assert metadata["licence"] == "CC0-1.0"
    assert metadata["training_data"] == "two tones"
    assert metadata["training_steps"] == "12"
    assert json.loads(metadata["evaluation"]) == {"all": {"3000": {}}}
    assert HilCodecConfig.from_json(metadata["config"]).waveform_std == 0.2
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_export_holds_the_averaged_weights_in_half_precision(tmp_path: Path) -> None:
    state = finished_state()
    export(state, tmp_path / "w.safetensors", PROVENANCE)
    loaded = load_network(tmp_path / "w.safetensors")
    expected = HilCodec(CONFIG)
    expected.load_state_dict(state.model | state.average)
    x = 0.1 * torch.randn(1, 1, 3200, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        ours, theirs = loaded.encoder(x), expected.encoder(x)
    assert (ours - theirs).norm() < 0.02 * theirs.norm()
    assert not any("ema" in name or "weight_g" in name for name in _names(tmp_path))


def _names(folder: Path) -> list[str]:
    from safetensors import safe_open

    with safe_open(folder / "w.safetensors", "pt") as file:
        return list(file.keys())


def test_export_runs_as_hilcodec(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    export(finished_state(), path, PROVENANCE)
    codec = HILCODEC.build(WeightsFile(path, "", "imported"), "cpu")
    samples = np.full((1, 4000), 0.1, np.float32)
    assert codec.decode(codec.encode(samples, 9000)).shape == (1, 4000)


def test_run_without_codebooks_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="step 12 and has no codebooks yet"):
        export(finished_state(has_codebooks=False), tmp_path / "w.safetensors", PROVENANCE)
    assert not list(tmp_path.iterdir())


def test_weights_beyond_half_precision_are_not_exported(tmp_path: Path) -> None:
    state = finished_state()
    state.model["quantizer.layers.2.embed"].fill_(1e6)
    with pytest.raises(CheckpointError, match=r"quantizer\.layers\.2\.embed.*half precision"):
        export(state, tmp_path / "w.safetensors", PROVENANCE)


def test_evaluation_scores_every_item_at_every_bitrate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "file", "category"])
        for name, category in (("a", "music"), ("b", "general")):
            writer.writerow([name, f"{name}.wav", category])
            soundfile.write(tmp_path / f"{name}.wav", 0.1 * rng.standard_normal(48_000), 48_000)
    export(finished_state(), tmp_path / "w.safetensors", PROVENANCE)
    scores = list(
        evaluate(
            exported_codec(tmp_path / "w.safetensors"),
            read_items(tmp_path),
            (3000, 9000),
            ("si_sdr", "mel_dac"),
        )
    )
    assert len(scores) == 8
    assert all(score.value is not None and np.isfinite(score.value) for score in scores)
    assert {score.category for score in scores} == {"music", "general"}


def test_summary_gives_mean_interval_and_failures() -> None:
    scores = [
        ItemScore("a", "music", 3000, "stoi", 0.5),
        ItemScore("b", "music", 3000, "stoi", 0.7),
        ItemScore("c", "speech", 3000, "stoi", None, "silent reference"),
    ]
    table = summarise(scores)
    music = table["music"]["3000"]["stoi"]
    assert music == {"n": 2, "n_failed": 0, "mean": 0.6, "ci95": pytest.approx(0.196)}
    assert table["speech"]["3000"]["stoi"] == {"n": 0, "n_failed": 1}
    assert table["all"]["3000"]["stoi"]["n_failed"] == 1


def test_folder_without_an_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"index\.csv"):
        read_items(tmp_path)
