"""A minute of training, as a user would: train, stop, resume, export, import, run the harness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT / "bench" / "demo_corpus"
STOP, END = 60, 160  # steps
PROGRAM = {
    "train": [sys.executable, "-m", "reference_training"],
    "bench": [sys.executable, "-c", "from bench.cli import main; main()"],
}

CONFIG = f"""
output = "run"
total_steps = {{steps}}
batch_size = 2
log_steps = 1
checkpoint_minutes = 0.1
data_description = "the synthetic clips of the demo corpus"
licence = "Apache-2.0"
[model]
encoder_channels = 16
decoder_channels = 16
[data]
folder = "{CORPUS.as_posix()}"
cache = "cache"
segment = 6400
validation_share = 0.0
[[data.sources]]
name = "clips"
files = "*.flac"
kind = "music"
probability = 1.0
[quantizer]
start = 30
kmeans_batches = 60
kmeans_iterations = 2
[optimizer]
name = "adamw"
learning_rate = 2e-3
final_rate = 2e-4
betas = [0.8, 0.99]
warmup_steps = 10
hold_share = 0.5
"""


@pytest.mark.slow
def test_a_minute_of_training_gives_a_codec_that_the_harness_measures(tmp_path: Path) -> None:
    config = tmp_path / "smoke.toml"
    for steps in (STOP, END):
        config.write_text(CONFIG.format(steps=steps))
        run("train", tmp_path, "train", config)
    lines = [json.loads(line) for line in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, END + 1))
    losses = [line["loss"] for line in lines]
    assert sum(losses[-20:]) < 0.9 * sum(losses[:20])

    weights = tmp_path / "hilcodec.safetensors"
    run("train", tmp_path, "export", config, "-o", weights)
    run("bench", tmp_path, "weights", "import", "hilcodec", weights)
    table = run(
        "bench", tmp_path,
        "run", "--codecs", "hilcodec@3", "--metrics", "si_sdr,mel_dac", "--limit", "2",
        "--out", "scores", "--format", "json",
    )  # fmt: skip
    rows = {row["metric"]: row for row in json.loads(table) if row["category"] == "all"}
    assert rows["mel_dac"]["n"] == 2
    assert rows["mel_dac"]["n_failed"] == 0
    assert rows["bitrate"]["mean"] == pytest.approx(3000, rel=0.02)
    assert json.loads((tmp_path / "scores/run.json").read_text())["conditions"][0]["weights_sha256"]


def run(program: str, folder: Path, *arguments: object) -> str:
    """What a command wrote to stdout; it has to end well."""
    result = subprocess.run(
        [*PROGRAM[program], *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"CODECBENCH_WEIGHTS": str(folder / "weights"), "PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
