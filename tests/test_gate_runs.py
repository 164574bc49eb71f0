"""The gate on real runs: planted regressions are caught, a repetition passes."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bench.cli import main
from bench.engines import THREAD_VARIABLES
from bench.store import DATABASE, Store

torch = pytest.importorskip("torch")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from codec_zoo.adapters.hilcodec import HILCODEC, HilCodecAdapter  # noqa: E402
from codec_zoo.weights import find_weights  # noqa: E402

RATE = 24_000
N_ITEMS = 4
CONDITION = "hilcodec@3"


def bench(*arguments):
    threads = dict.fromkeys(THREAD_VARIABLES, "1")
    return CliRunner().invoke(main, [str(argument) for argument in arguments], env=threads)


def harmonics(seed):
    """Three quarters of a second of a gliding harmonic tone with a little noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(3 * RATE // 4) / RATE
    phase = 2 * np.pi * np.cumsum(rng.uniform(100, 220) + 40 * time) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    return (0.1 * tone + 0.003 * rng.standard_normal(time.size)).astype(np.float32)


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for seed in range(N_ITEMS):
        soundfile.write(folder / f"clip{seed}.wav", harmonics(seed), RATE, subtype="FLOAT")
    return folder


def run(clips, out, *, known=None):
    """A run; the costs are taken from the run ``known`` where they still hold."""
    if known is not None:
        out.mkdir()
        with Store(known) as source, Store(out, create=True) as target:
            target.put_profiles(source.profiles())
    result = bench(
        "run", "--codecs", CONDITION, "--corpus", clips, "--metrics", "si_sdr,mel_dac",
        "--engine", "inline", "--no-streaming", "--out", out,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    return out


@pytest.fixture(scope="module")
def accepted(clips, tmp_path_factory):
    """A run, and its baseline beside it."""
    out = run(clips, tmp_path_factory.mktemp("accepted") / "run")
    assert bench("baseline", out, "-o", out.parent / "baseline.json", "--audio").exit_code == 0
    return out


def gate(folder, accepted, *options):
    return bench("gate", folder, "--baseline", accepted.parent / "baseline.json", *options)


def failed(folder, accepted):
    """What failed, and why."""
    result = gate(folder, accepted, "--format", "json")
    assert result.exit_code == 1, result.output
    return {f["metric"]: f["message"] for f in json.loads(result.stdout) if f["verdict"] == "fail"}


def test_a_repetition_passes_and_its_audio_is_the_same(clips, accepted, tmp_path):
    rules = tmp_path / "gate.toml"
    rules.write_text(f'[gate]\nidentical_audio = ["{CONDITION}"]\n')
    again = run(clips, tmp_path / "run", known=accepted)
    result = gate(again, accepted, "--config", rules, "--all")
    assert result.exit_code == 0, result.output
    assert "0 fail, 0 inconclusive" in result.stdout
    assert "macs_per_second.encoder" in result.stdout


def test_a_shuffled_codebook_is_caught(clips, accepted, tmp_path, monkeypatch):
    path = find_weights(HILCODEC.weights)[0]
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = file.metadata()
    book = next(name for name in sorted(tensors) if "codebook" in name or "embed" in name)
    order = torch.randperm(tensors[book].shape[-2], generator=torch.Generator().manual_seed(1))
    tensors[book] = tensors[book].index_select(-2, order) * -1
    shuffled = tmp_path / "shuffled.safetensors"
    save_file(tensors, shuffled, metadata)
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(tmp_path / "weights"))
    assert bench("weights", "import", "hilcodec", shuffled).exit_code == 0
    found = failed(run(clips, tmp_path / "run"), accepted)
    assert "si_sdr" in found or "mel_dac" in found
    assert "other weights" in gate(tmp_path / "run", accepted).stdout


def test_one_broken_item_is_caught_by_name(clips, accepted, tmp_path, monkeypatch):
    decode, calls = HilCodecAdapter.decode, []

    def break_third(codec, bitstream):
        calls.append(bitstream)
        decoded = decode(codec, bitstream)
        return np.roll(decoded, 400, axis=1)[:, ::-1].copy() if len(calls) == 3 else decoded

    monkeypatch.setattr(HilCodecAdapter, "decode", break_third)
    found = failed(run(clips, tmp_path / "run", known=accepted), accepted)
    assert "clip2 lost more than 10 margins" in found["si_sdr"]


def test_a_silent_fallback_to_fewer_codebooks_is_caught(clips, accepted, tmp_path, monkeypatch):
    encode = HilCodecAdapter.encode
    monkeypatch.setattr(HilCodecAdapter, "encode", lambda codec, x, _: encode(codec, x, 1500))
    found = failed(run(clips, tmp_path / "run", known=accepted), accepted)
    assert found["bitrate"] == f"the bitrate of {N_ITEMS} of {N_ITEMS} items changed"


def test_one_per_cent_more_operations_are_caught(accepted):
    path = accepted.parent / "more.json"
    content = json.loads((accepted.parent / "baseline.json").read_text())
    content["system"]["hilcodec"]["macs_per_second.decoder"] /= 1.01
    path.write_text(json.dumps(content))
    result = bench("gate", accepted, "--baseline", path, "--format", "json")
    assert result.exit_code == 1
    found = [f["metric"] for f in json.loads(result.stdout) if f["verdict"] == "fail"]
    assert found == ["macs_per_second.decoder"]


def test_another_metric_version_is_not_compared(clips, accepted, tmp_path):
    out = run(clips, tmp_path / "run", known=accepted)
    with sqlite3.connect(out / DATABASE) as connection:
        connection.execute("UPDATE metrics SET version = '99' WHERE name = 'si_sdr'")
        connection.execute(
            "UPDATE scores SET key = replace(key, ':1', ':99') WHERE metric = 'si_sdr'"
        )
    result = gate(out, accepted)
    assert result.exit_code == 3
    assert "metrics changed since the baseline: si_sdr" in " ".join(result.stderr.split())


def test_another_corpus_is_not_compared(accepted, corpus, tmp_path):
    result = gate(run(corpus, tmp_path / "run", known=accepted), accepted)
    assert result.exit_code == 3
    assert "another corpus" in result.stderr


def test_files_for_ci_are_written(accepted, tmp_path):
    options = ("--junit", tmp_path / "gate.xml", "--github")
    summary = tmp_path / "summary.md"
    result = CliRunner().invoke(
        main,
        [
            *("gate", str(accepted), "--baseline", str(accepted.parent / "baseline.json")),
            *map(str, options),
        ],
        env={"GITHUB_STEP_SUMMARY": str(summary)},
    )
    assert result.exit_code == 0, result.output
    assert '<testsuite name="hilcodec@3"' in (tmp_path / "gate.xml").read_text()
    assert summary.read_text().startswith("### bench gate: 0 fail")


def test_update_writes_this_run_as_the_baseline(accepted, tmp_path):
    path = tmp_path / "new.json"
    result = bench("gate", accepted, "--baseline", path, "--update")
    assert result.exit_code == 0, result.output
    assert bench("gate", accepted, "--baseline", path).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "match"),
    [
        (("--baseline", "gone.json"), 3, "bench baseline RUN -o gone.json writes it"),
        (("--baseline", "{config}"), 3, "cannot be read"),
        (("--baseline", "{baseline}", "--config", "{config}"), 2, "unknown keys gates"),
        (("--baseline", "{baseline}", "--junit", "no/such/place.xml"), 2, "cannot be written"),
        ((), 2, "Missing option '--baseline'"),
    ],
)
def test_bad_input_ends_with_its_own_code(accepted, tmp_path, arguments, code, match):
    config = tmp_path / "gate.toml"
    config.write_text("[gates]\n")
    names = {"config": config, "baseline": accepted.parent / "baseline.json"}
    result = bench("gate", accepted, *(argument.format(**names) for argument in arguments))
    assert result.exit_code == code, result.output
    assert match in " ".join(result.stderr.split())


def test_a_run_without_values_is_no_baseline(tmp_path):
    with Store(tmp_path, create=True):
        pass
    result = bench("baseline", tmp_path, "-o", tmp_path / "baseline.json")
    assert result.exit_code == 3
    assert "holds no value" in result.stderr


def test_a_run_with_failures_is_no_baseline_unless_it_is_said(clips, accepted, tmp_path):
    out = run(clips, tmp_path / "run", known=accepted)
    with sqlite3.connect(out / DATABASE) as connection:
        connection.execute(
            "UPDATE scores SET value = NULL, status = 'crashed', message = 'signal 11' "
            "WHERE metric = 'si_sdr' AND item = 'clip1'"
        )
    path = tmp_path / "baseline.json"
    result = bench("baseline", out, "-o", path)
    assert result.exit_code == 1
    assert "hilcodec@3, si_sdr, clip1: crashed: signal 11" in result.stderr
    assert not path.exists()
    assert bench("baseline", out, "-o", path, "--allow-failed").exit_code == 0
    message = failed(out, accepted)["si_sdr"]
    assert message == f"1 of {N_ITEMS} items have no value now: clip1 (crashed: signal 11)"
