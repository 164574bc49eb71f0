"""Whole training runs with a tiny network on synthesised audio."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from reference_training import trainer as trainer_module
from reference_training.checkpoint import CheckpointError, load_state
from reference_training.config import AdversarialConfig, TrainingConfig, read_config
from reference_training.corpus import CorpusError
from reference_training.distributed import Team, run_team
from reference_training.trainer import NotFiniteError, Trainer
from reference_training.training_run import RunRequest, train

CONFIG = """
output = "run"
total_steps = 8
batch_size = 2
precision = "bfloat16"
log_steps = 1
checkpoint_minutes = 0
[model]
encoder_channels = 8
decoder_channels = 8
n_codebooks = 3
codebook_size = 16
[data]
folder = "."
cache = "cache"
segment = 1280
validation_share = 0.0
[[data.sources]]
name = "voices"
files = "*.wav"
kind = "speech"
probability = 1.0
[quantizer]
start = 3
kmeans_batches = 4
kmeans_iterations = 2
dropout = [1, 3]
[optimizer]
learning_rate = 1e-3
warmup_steps = 2
"""


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    t = np.arange(24_000) / 24_000
    for index in range(2):
        tone = 0.2 * np.sin(2 * np.pi * (150 + 70 * index) * t)
        soundfile.write(
            tmp_path / f"{index}.wav", tone + 0.01 * generator.standard_normal(24_000), 24_000
        )
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def config(config_path: Path) -> TrainingConfig:
    return read_config(config_path)


def losses(folder: Path) -> dict[int, float]:
    """Loss by step; where a step was repeated after a stop, its last value."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines}


def final_weights(config: TrainingConfig) -> dict[str, torch.Tensor]:
    state = load_state(config.output, config.model.to_json())
    assert state is not None
    assert state.step == config.total_steps
    return state.model


def test_training_lowers_the_loss(config: TrainingConfig) -> None:
    longer = dataclasses.replace(config, total_steps=24)
    Trainer(longer, Team()).run()
    values = list(losses(config.output).values())
    assert np.mean(values[-6:]) < 0.9 * np.mean(values[:6])


def test_resumed_run_equals_an_uninterrupted_one(config: TrainingConfig) -> None:
    whole = dataclasses.replace(config, output=config.output / "whole")
    Trainer(whole, Team()).run()
    first = Trainer(config, Team())
    for _ in range(5):
        first.train_step()
    first.save()
    second = Trainer(config, Team())
    assert second.resume()
    assert second.step == 5
    second.run()
    expected = losses(whole.output)
    assert losses(config.output) == {step: expected[step] for step in range(6, 9)}
    expected_weights = final_weights(whole)
    for name, value in final_weights(config).items():
        assert torch.equal(value, expected_weights[name]), name


def test_run_killed_three_times_ends_as_if_it_had_not_been(config_path: Path) -> None:
    config = read_config(config_path)
    whole = dataclasses.replace(config, output=config.output / "whole")
    Trainer(whole, Team()).run()
    command = [sys.executable, "-m", "reference_training", "train", str(config_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    root = Path(__file__).resolve().parents[1]
    generator = random.Random(4)  # no secret
    for kills in range(3):
        process = subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.DEVNULL)
        checkpoint = config.output / "last.pth"
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        deadline = time.monotonic() + 60
        while not checkpoint.exists() or checkpoint.stat().st_mtime_ns == before:
            assert time.monotonic() < deadline, f"no checkpoint before kill {kills}"
            if process.poll() is not None:
                break
            time.sleep(0.005)
        time.sleep(generator.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
    resumed = Trainer(config, Team())
    resumed.resume()
    resumed.run()
    expected = final_weights(whole)
    for name, value in final_weights(config).items():
        assert torch.equal(value, expected[name]), name
    assert losses(config.output) == losses(whole.output)


def test_requested_stop_saves_the_state(config: TrainingConfig) -> None:
    stopped = Trainer(dataclasses.replace(config, checkpoint_minutes=60), Team())
    stopped.stop_requested = True
    stopped.run()
    state = load_state(config.output, config.model.to_json())
    assert state is not None
    assert state.step == 1


def test_two_processes_agree_and_save_once(config_path: Path) -> None:
    run_team(2, train, RunRequest(config_path))
    config = read_config(config_path)
    weights = final_weights(config)
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert sorted(losses(config.output)) == list(range(1, 9))


def test_loss_that_is_no_number_stops_the_run_and_names_the_batch(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Trainer(config, Team())
    for _ in range(2):
        failing.train_step()
    failing.save()
    parameter = failing.parameters[0]
    monkeypatch.setattr(parameter, "data", torch.full_like(parameter, torch.nan))
    with pytest.raises(NotFiniteError, match=r"loss of step 2 is nan; the batch: \d\.wav@\d+, \d"):
        failing.run()
    state = load_state(config.output, config.model.to_json())
    assert state is not None
    assert state.step == 2


def test_full_disk_keeps_the_checkpoint_before(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer(config, Team())
    run.train_step()
    run.save()

    def full_disk(_: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("torch.save", full_disk)
    run.train_step()
    with pytest.raises(CheckpointError, match=r"No space left.*the checkpoint before it is kept"):
        run.save()
    monkeypatch.undo()
    state = load_state(config.output, config.model.to_json())
    assert state is not None
    assert state.step == 1
    assert [path.name for path in config.output.iterdir()] == ["last.pth"]


def test_checkpoint_of_another_size_is_refused_with_both_sizes(config: TrainingConfig) -> None:
    run = Trainer(config, Team())
    run.save()
    larger = dataclasses.replace(
        config, model=dataclasses.replace(config.model, encoder_channels=16)
    )
    with pytest.raises(CheckpointError, match=r'encoder_channels": 8.*encoder_channels": 16'):
        Trainer(larger, Team()).resume()


def test_damaged_checkpoint_is_refused(config: TrainingConfig) -> None:
    Trainer(config, Team()).save()
    path = config.output / "last.pth"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be read"):
        Trainer(config, Team()).resume()


def test_weights_before_the_codebooks_pass_latents_unquantized(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Trainer(config, Team())

    def refuse(*_: object) -> None:
        raise AssertionError("quantized before the codebooks were fitted")

    monkeypatch.setattr(trainer_module, "quantize", refuse)
    assert run.train_step()["commitment"] == 0
    monkeypatch.undo()
    run.step = config.quantizer.start
    assert run.train_step()["commitment"] > 0
    assert run.has_codebooks


def test_held_out_losses_are_logged_with_each_checkpoint(config: TrainingConfig) -> None:
    data = dataclasses.replace(config.data, validation_share=0.12)  # one of the two
    config = dataclasses.replace(config, data=data, total_steps=1, validation_batches=2)
    run = Trainer(config, Team())
    assert sum(recording.is_held_out for recording in run.sampler.corpus.recordings) == 1
    run.run()
    lines = [json.loads(line) for line in (config.output / "log.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == lines[1]["step"] == 1
    assert lines[1]["held_out_mel"] > 0
    assert run.held_out_losses() == pytest.approx(run.held_out_losses())


def test_run_without_training_files_is_refused(config: TrainingConfig) -> None:
    data = dataclasses.replace(config.data, validation_share=1.0)
    with pytest.raises(CorpusError, match=r"all files are held out; lower data.validation_share"):
        Trainer(dataclasses.replace(config, data=data), Team())


def test_tensorboard_files_hold_the_losses(config: TrainingConfig) -> None:
    pytest.importorskip("tensorboard", reason="the package tensorboard is not installed")
    Trainer(dataclasses.replace(config, total_steps=1, tensorboard=True), Team()).run()
    assert list(config.output.glob("events.out.tfevents.*"))


@pytest.mark.parametrize("name", ["adamw", "adamp"])
def test_both_optimisers_move_the_weights(config: TrainingConfig, name: str) -> None:
    if name == "adamp":
        pytest.importorskip("adamp", reason="the package adamp is not installed")
    # A name given at run time defeats the typing of replace.
    optimizer = dataclasses.replace(config.optimizer, **{"name": name})
    run = Trainer(dataclasses.replace(config, optimizer=optimizer), Team())
    before = run.parameters[0].detach().clone()
    run.train_step()
    assert not torch.equal(run.parameters[0], before)


def test_adversarial_run_resumes_exactly(config: TrainingConfig) -> None:
    adversarial = AdversarialConfig(families={"mrsd": 2}, start=2)
    config = dataclasses.replace(config, adversarial=adversarial)
    whole = dataclasses.replace(config, output=config.output / "whole")
    Trainer(whole, Team()).run()
    first = Trainer(config, Team())
    for _ in range(4):
        first.train_step()
    first.save()
    second = Trainer(config, Team())
    second.resume()
    second.run()
    expected = final_weights(whole)
    for name, value in final_weights(config).items():
        assert torch.equal(value, expected[name]), name


def test_second_stage_trains_only_the_decoder(config: TrainingConfig) -> None:
    adversarial = AdversarialConfig(families={"mrsd": 2}, start=4, freeze_encoder=True)
    run = Trainer(dataclasses.replace(config, adversarial=adversarial), Team())
    for _ in range(4):
        run.train_step()
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    run.train_step()
    for name, value in run.network.state_dict().items():
        kept = name.startswith(("encoder.", "quantizer."))
        assert torch.equal(value, before[name]) == kept or value.numel() == 1, name
