"""Use of codebooks: closed forms, stored values, and codes read back from a run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from bench.cli import main
from bench.codebook_use import CodebookError, bitrate_efficiency, codebook_use, count_codes
from bench.conditions import Condition
from bench.corpus import Item, Source
from bench.run_folder import bitstream_path, write_bytes
from bench.store import Coding, Store
from codec_zoo.bitstream import Bitstream, pack_codes, to_bytes

PAIRS = Path(__file__).resolve().parents[1].parent / "shared" / "audio_pairs"
NEURAL = Condition("neural", 6000, "1")
PLAIN = Condition("plain", 8000, "1")
ITEMS = ("first", "second")


@pytest.fixture
def codes() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(6)
    return {item: rng.integers(0, 16, (2, 50)) for item in ITEMS}


@pytest.fixture
def folder(tmp_path: Path, codes: dict[str, np.ndarray]) -> Path:
    """A run with a codec that has codebooks and one that has none."""
    with Store(tmp_path, create=True) as store:
        store.put_conditions([NEURAL, PLAIN])
        store.put_items(
            [Item(Source(name, Path(f"/{name}.wav")), "aa", 16000, 1, 100, 9, 8) for name in ITEMS]
        )
        for item, indices in codes.items():
            keep(store, NEURAL, item, indices, 16)
            keep(store, PLAIN, item, None, 0)
    return tmp_path


def keep(store: Store, condition: Condition, item: str, indices, size: int) -> None:
    payload, layout = (b"bytes", None) if indices is None else pack_codes(indices, size)
    bitstream = Bitstream(payload, 16000, 16000, layout=layout)
    content = to_bytes(bitstream, condition.codec, "1")
    write_bytes(bitstream_path(store.folder, condition.id, item), content)
    coding = Coding(condition.id, item, "k", "ok", "", len(payload), 0, 0, 1, 0.1, 0.1, "x.flac")
    store.put_results([coding], [])


def test_equally_frequent_codes_use_all_bits() -> None:
    (use,) = codebook_use(np.full((1, 1024), 7))
    assert (use.utilisation, use.entropy, use.perplexity) == (1.0, 10.0, 1024.0)
    assert use.efficiency == 1.0
    assert use.entropy_miller_madow > 10.0


def test_a_collapsed_codebook_carries_nothing() -> None:
    (use,) = codebook_use(np.array([[100, 0, 0, 0]]))
    assert (use.n_used, use.entropy, use.perplexity, use.efficiency) == (1, 0.0, 1.0, 0.0)


def test_the_correction_brings_few_codes_nearer_to_the_truth() -> None:
    counts = np.bincount(np.random.default_rng(0).integers(0, 256, 1000), minlength=256)
    (use,) = codebook_use(counts[np.newaxis])
    assert use.entropy < use.entropy_miller_madow
    assert abs(use.entropy_miller_madow - 8.0) < 0.3 * abs(use.entropy - 8.0)


@pytest.mark.skipif(
    not PAIRS.is_dir(), reason="the shared folder audio_pairs is not beside the checkout"
)
def test_hilcodecs_codes_have_the_stored_entropies() -> None:
    stored = json.loads((PAIRS / "codes_values.json").read_text(encoding="utf-8"))
    indices = np.load(PAIRS / "hilcodec_codes.npy").astype(np.int64)
    counts = np.array([np.bincount(row, minlength=stored["codebook_size"]) for row in indices])
    uses = codebook_use(counts)
    for name, key in (
        ("entropy", "entropy_bits_plugin"),
        ("entropy_miller_madow", "entropy_bits_miller_madow"),
        ("utilisation", "utilisation"),
    ):
        assert [getattr(use, name) for use in uses] == pytest.approx(stored[key], abs=1e-9)
    assert [use.entropy for use in uses] == pytest.approx(
        stored["entropy_bits_dac_script"], abs=1e-5
    )
    assert bitrate_efficiency(uses) == pytest.approx(stored["dac_bitrate_efficiency"], abs=1e-6)


def test_codes_are_counted_over_all_items(folder: Path, codes: dict[str, np.ndarray]) -> None:
    with Store(folder) as store:
        counts = count_codes(store, NEURAL.id, NEURAL.codec)
    pooled = np.concatenate(list(codes.values()), axis=1)
    expected = [np.bincount(row, minlength=16) for row in pooled]
    np.testing.assert_array_equal(counts, expected)


def test_bitstreams_without_codes_are_told(folder: Path) -> None:
    with Store(folder) as store, pytest.raises(CodebookError, match="carries no codebook indices"):
        count_codes(store, PLAIN.id, PLAIN.codec)


def test_items_with_other_codebooks_are_refused(folder: Path) -> None:
    with Store(folder) as store:
        keep(store, NEURAL, "second", np.zeros((3, 4), int), 16)
        with pytest.raises(CodebookError, match="3 codebooks of 16 entries"):
            count_codes(store, NEURAL.id, NEURAL.codec)


def test_a_condition_without_bitstreams_is_told(folder: Path) -> None:
    with Store(folder) as store, pytest.raises(CodebookError, match="keeps no bitstreams"):
        count_codes(store, "other@1", "other")


def test_no_counts_are_refused() -> None:
    with pytest.raises(CodebookError, match="without codes"):
        codebook_use(np.zeros((2, 16), np.int64))


def test_the_command_prints_what_was_counted(folder: Path) -> None:
    done = CliRunner().invoke(main, ["codebooks", str(folder), "--format", "json"])
    assert done.exit_code == 0
    (row,) = json.loads(done.stdout)
    assert (row["condition"], row["n_frames"], len(row["codebooks"])) == ("neural@6", 100, 2)
    assert 0.9 < row["bitrate_efficiency"] < 1.0
    assert "plain@8" in done.stderr


def test_the_table_warns_of_few_frames(folder: Path) -> None:
    done = CliRunner().invoke(main, ["codebooks", str(folder)])
    assert "neural@6: bitrate efficiency" in done.stdout
    assert "6.2 frames per entry" in done.stdout


def test_a_run_without_codebooks_measures_nothing(tmp_path: Path) -> None:
    with Store(tmp_path, create=True) as store:
        store.put_conditions([PLAIN])
    assert CliRunner().invoke(main, ["codebooks", str(tmp_path)]).exit_code == 3
