"""Bad input at the command line: each is named, none gets a value, and the good ones are scored."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from bench.cli import main
from bench.corpus import Source, inspect
from bench.engines import THREAD_VARIABLES
from bench.run_folder import bitstream_path
from bench.store import ScoreRow, Store
from codec_zoo.bitstream import BitstreamError, from_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result

    from codec_zoo.samples import Samples

RATE = 16_000
NOBODY = 65_534
METRICS = ("stoi", "si_sdr")
GOOD_ITEMS = ("good",)
UNUSABLE_ITEMS = {
    "missing": "the file does not exist.",
    "text": "this is no audio that libsndfile reads",
    "empty": "the file is empty.",
    "no_samples": "it holds no samples.",
    "cut": "this is no audio that libsndfile reads",
    "nan": "it holds 3 NaN or inf samples.",
    "infinite": "it holds 1 NaN or inf samples.",
    "ten_samples": "it has 10 samples, 0.625 ms; at least 100 ms expected.",
    "silence": "it is silent: its level lies below -100 dB.",
    "eight_bit": "it is 8-bit PCM, whose noise codecs would be judged on; 16 bits",
    "rate_192k": "its rate is 192000 Hz; 8000 to 96000 Hz expected: resample it first.",
    "seven_channels": "it has 7 channels; 1 or 2 expected.",
    "folder": "this is a folder, a pipe or a device; an audio file expected.",
    "pipe": "this is a folder, a pipe or a device; an audio file expected.",
    "other": "the manifest promises 000000000000...",
}
LIMITED_RUN = """
import resource, sys
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
from bench.cli import main
main()
"""


@dataclass(frozen=True)
class Run:
    """A finished command and the cells that it left."""

    result: Result
    folder: Path
    rows: list[ScoreRow]

    def cells(self, item: str) -> dict[str, ScoreRow]:
        return {row.metric: row for row in self.rows if row.item == item}


@pytest.fixture(autouse=True)
def _threads_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in THREAD_VARIABLES:  # the command sets them for its worker processes
        monkeypatch.setenv(variable, "1")


def bench_run(corpus: Path, out: Path, *options: str, codecs: str = "opus@12") -> Result:
    """The real command, in this process."""
    command = ["run", "--codecs", codecs, "--metrics", ",".join(METRICS), "--engine", "inline"]
    return CliRunner().invoke(
        main, [*command, "--corpus", str(corpus), "--out", str(out), *options]
    )


def grid(folder: Path) -> list[ScoreRow]:
    with Store(folder) as store:
        return list(store.grid())


def write_bad_items(folder: Path, speech: Samples) -> dict[str, str]:
    """File names by item id; the files are as bad as the ids say."""

    def write(name: str, samples: Samples, rate: int = RATE, subtype: str = "FLOAT") -> None:
        soundfile.write(folder / f"{name}.wav", samples.T, rate, subtype)

    write("good", speech)
    write("eight_bit", speech, subtype="PCM_U8")
    write("rate_192k", np.repeat(speech[:, :RATE], 12, axis=1), 12 * RATE)
    (folder / "text.wav").write_text("this is a letter, and it is no audio\n" * 20)
    (folder / "empty.wav").touch()
    write("no_samples", speech[:, :0])
    write("ten_samples", speech[:, 1_000:1_010])
    write("silence", np.zeros_like(speech))
    soundfile.write(folder / "cut.flac", speech.T, RATE)
    whole = (folder / "cut.flac").read_bytes()
    (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
    for name, value, count in (("nan", np.nan, 3), ("infinite", -np.inf, 1)):
        broken = speech.copy()
        broken[0, 500 : 500 + count] = value
        write(name, broken)
    write("seven_channels", np.repeat(speech, 7, axis=0))
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    write("other", speech)
    names = dict.fromkeys([*GOOD_ITEMS, *UNUSABLE_ITEMS])
    return {name: "cut.flac" if name == "cut" else f"{name}.wav" for name in names}


@pytest.fixture(scope="module")
def bad_run(tmp_path_factory: pytest.TempPathFactory, speech: Samples) -> Run:
    """One run over a manifest with one good item and every kind of bad one."""
    folder = tmp_path_factory.mktemp("bad")
    files = write_bad_items(folder, speech)
    lines = [f"{name},{file},{'0' * 64 if name == 'other' else ''}" for name, file in files.items()]
    (folder / "items.csv").write_text("\n".join(["id,path,sha256", *lines]) + "\n")
    result = bench_run(folder / "items.csv", folder / "run")
    return Run(result, folder / "run", grid(folder / "run"))


@pytest.fixture
def good_corpus(tmp_path: Path, speech: Samples) -> Path:
    (tmp_path / "corpus").mkdir()
    soundfile.write(tmp_path / "corpus" / "good.wav", speech.T, RATE)
    return tmp_path / "corpus"


def test_run_with_bad_items_ends_with_exit_code_1(bad_run: Run) -> None:
    assert bad_run.result.exit_code == 1, bad_run.result.output


@pytest.mark.parametrize("item", GOOD_ITEMS)
def test_good_items_among_bad_ones_are_scored(bad_run: Run, item: str) -> None:
    cells = bad_run.cells(item)
    assert {cell.status for cell in cells.values()} == {"ok"}
    assert cells["stoi"].value is not None
    assert 0.4 < cells["stoi"].value <= 1.0


@pytest.mark.parametrize(("item", "message"), UNUSABLE_ITEMS.items())
def test_unusable_item_fails_with_its_reason_and_without_a_value(
    bad_run: Run, item: str, message: str
) -> None:
    cells = bad_run.cells(item)
    assert set(cells) == {"bitrate", "lag", "level_change", *METRICS}
    for cell in cells.values():
        assert (cell.value, cell.status) == (None, "failed")
        assert message in cell.message
    assert f"item {item}: " in bad_run.result.stderr
    assert message in bad_run.result.stderr


def test_no_cell_without_the_status_ok_has_a_value(bad_run: Run) -> None:
    assert all((row.value is not None) == (row.status == "ok") for row in bad_run.rows)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up the right of root to read every file, where the tests run as root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_unreadable_file_fails_with_the_reason(tmp_path: Path, speech: Samples) -> None:
    soundfile.write(tmp_path / "locked.wav", speech.T, RATE)
    (tmp_path / "locked.wav").chmod(0)
    with unprivileged():
        item = inspect(Source("locked", tmp_path / "locked.wav"))
    assert (item.status, item.message) == (
        "failed",
        "the file cannot be read: Permission denied.",
    )


def test_two_items_with_one_id_are_wrong_usage_and_both_are_named(
    good_corpus: Path, tmp_path: Path, speech: Samples
) -> None:
    soundfile.write(good_corpus / "good.flac", speech.T, RATE)
    result = bench_run(good_corpus, tmp_path / "run")
    assert result.exit_code == 2
    assert "two items have the id 'good'" in result.stderr
    assert "good.flac" in result.stderr
    assert "good.wav" in result.stderr


def test_corpus_of_nothing_but_bad_items_ends_with_exit_code_3(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "empty.wav").touch()
    result = bench_run(tmp_path / "corpus", tmp_path / "run")
    assert result.exit_code == 3
    assert "item empty: the file is empty." in result.stderr


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--codecs", "opsu"), "unknown codec 'opsu'; known: "),
        (("--metrics", "pesk"), "unknown metric 'pesk'; known: "),
        (("--bitrates", "fast"), "'fast' is no bitrate; kbit/s such as 6 or 1.5 expected."),
        (("--corpus", "absent"), "the corpus absent does not exist."),
        (("--shard", "3/2"), "--shard 3/2: i/n with 1 <= i <= n expected"),
    ],
)
def test_wrong_usage_ends_with_exit_code_2_and_makes_no_run(
    good_corpus: Path, tmp_path: Path, options: tuple[str, str], message: str
) -> None:
    result = bench_run(good_corpus, tmp_path / "run", *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (tmp_path / "run").exists()


def test_unknown_codec_and_metric_list_the_known_ones(good_corpus: Path, tmp_path: Path) -> None:
    codec = bench_run(good_corpus, tmp_path / "run", codecs="opsu").stderr
    metric = bench_run(good_corpus, tmp_path / "run", "--metrics", "pesk").stderr
    assert all(name in codec for name in ("opus", "mp3", "pcm", "hilcodec"))
    assert all(name in metric for name in ("stoi", "si_sdr", "pesq_wb"))


def test_bitrate_that_is_not_offered_is_unsupported_and_lists_the_offered_ones(
    good_corpus: Path, tmp_path: Path
) -> None:
    result = bench_run(good_corpus, tmp_path / "run", codecs="opus@12,opus@900")
    message = "opus offers 6 to 256 kbit/s."
    rows: dict[int | None, list[ScoreRow]] = {12_000: [], 900_000: []}
    for row in grid(tmp_path / "run"):
        rows[row.bitrate].append(row)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"opus@900: unsupported: {message}\n")
    assert {row.status for row in rows[12_000]} == {"ok"}
    assert {(row.value, row.status, row.message) for row in rows[900_000]} == {
        (None, "unsupported", message)
    }


def test_any_damaged_byte_of_a_stored_payload_is_noticed(bad_run: Run) -> None:
    stored = bitstream_path(bad_run.folder, "opus@12", "good").read_bytes()
    payload_bytes = len(from_bytes(stored, "opus").payload)
    start = len(stored) - payload_bytes
    for place in range(start, len(stored), 97):
        damaged = bytearray(stored)
        damaged[place] ^= 0x10
        with pytest.raises(BitstreamError, match="does not match its checksum; the file is damag"):
            from_bytes(bytes(damaged), "opus")


@pytest.mark.parametrize(
    ("kept", "message"),
    [(0, "first bytes are not CBS1"), (40, "the file is cut off"), (-1, "the header says")],
)
def test_cut_bitstream_is_noticed(bad_run: Run, kept: int, message: str) -> None:
    stored = bitstream_path(bad_run.folder, "opus@12", "good").read_bytes()
    with pytest.raises(BitstreamError, match=message):
        from_bytes(stored[:kept], "opus")


def test_bitstream_of_another_codec_is_refused(bad_run: Run) -> None:
    stored = bitstream_path(bad_run.folder, "opus@12", "good").read_bytes()
    with pytest.raises(BitstreamError, match="written by 'opus'; 'mp3' cannot decode it"):
        from_bytes(stored, "mp3")


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None, reason="the extra neural is not installed"
)
def test_weights_cut_in_half_fail_their_codec_and_no_other(
    good_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch
    from safetensors.torch import save
    from transformers import EncodecConfig

    weights = tmp_path / "weights"
    (weights / "encodec").mkdir(parents=True)
    content = save({"encoder.weight": torch.zeros(5_000)})
    half = content[: len(content) // 2]
    (weights / "hilcodec.safetensors").write_bytes(half)
    (weights / "encodec" / "model.safetensors").write_bytes(half)
    config = EncodecConfig().to_json_string(use_diff=False)
    (weights / "encodec" / "config.json").write_text(config)
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(weights))
    result = bench_run(good_corpus, tmp_path / "run", codecs="opus@6,hilcodec@6,encodec@6")
    rows = grid(tmp_path / "run")
    assert result.exit_code == 1, result.output
    assert {row.status for row in rows if row.codec == "opus"} == {"ok"}
    for codec, file in (("hilcodec", "hilcodec.safetensors"), ("encodec", "weights/encodec")):
        (reason,) = {(row.value, row.status, row.message) for row in rows if row.codec == codec}
        assert reason[:2] == (None, "failed")
        assert file in reason[2]
        assert "cut off" in reason[2]


@pytest.fixture
def growing_corpus(tmp_path: Path, speech: Samples) -> Path:
    """Two small items, and one whose decoded audio takes 700 kB."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    soundfile.write(folder / "a.wav", speech.T, RATE)
    soundfile.write(folder / "b.wav", speech[:, ::-1].T, RATE)
    rng = np.random.default_rng(3)
    soundfile.write(folder / "c.wav", 0.1 * rng.standard_normal(16 * RATE), RATE)
    return folder


def limited_run(corpus: Path, out: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """The command where no file may grow beyond ``limit`` bytes, as under a quota."""
    options = ["--codecs", "pcm@384", "--metrics", "si_sdr", "--jobs", "1"]
    options += ["--corpus", str(corpus), "--out", str(out)]
    return subprocess.run(
        [sys.executable, "-c", LIMITED_RUN, str(limit), "run", *options],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(
    importlib.util.find_spec("resource") is None, reason="limits on file size are POSIX"
)
def test_full_disk_ends_the_run_and_the_next_one_completes_it(
    growing_corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    stopped = limited_run(growing_corpus, out, 300_000)
    assert stopped.returncode == 1, stopped.stderr
    assert "File too large" in stopped.stderr
    assert "Finished cells are kept; repeat the command." in stopped.stderr
    assert "Traceback" not in stopped.stderr
    with Store(out) as store:
        kept = {coding.item: coding for coding in store.codings()}
    assert {(name, coding.status) for name, coding in kept.items()} == {("a", "ok"), ("b", "ok")}
    assert not list(out.rglob("*.new"))
    result = bench_run(
        growing_corpus, out, "--metrics", "si_sdr", "--format", "json", codecs="pcm@384"
    )
    assert result.exit_code == 0, result.output
    assert {row["n"] for row in json.loads(result.stdout)} == {3}
    with Store(out) as store:
        completed = {coding.item: coding for coding in store.codings()}
    assert {name: completed[name] for name in kept} == kept
    assert {row.status for row in grid(out)} == {"ok"}


@pytest.mark.skipif(
    importlib.util.find_spec("resource") is None, reason="limits on file size are POSIX"
)
def test_disk_too_full_to_begin_is_said(good_corpus: Path, tmp_path: Path) -> None:
    stopped = limited_run(good_corpus, tmp_path / "run", 8_000)
    assert stopped.returncode == 1, stopped.stderr
    assert "Finished cells are kept; repeat the command." in stopped.stderr
    assert "Traceback" not in stopped.stderr
