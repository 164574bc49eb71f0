"""Shards put together equal the whole run, and runs that differ are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from bench.conditions import plan_codec
from bench.corpus import find_sources
from bench.engines import InlineEngine
from bench.merge import merge
from bench.metrics.spec import metric_spec
from bench.preparation import Preparation
from bench.progress import Silent
from bench.run_folder import RunFolderError, locked
from bench.runner import Plan, measure_of, run
from bench.store import Store, StoreError

N_ITEMS = 3
METRICS = ("snr", "mse")


def write_noise(path: Path, seed: int) -> None:
    noise = 0.1 * np.random.default_rng(seed).standard_normal(4800)
    soundfile.write(path, noise.astype(np.float32), 48_000)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for seed in range(N_ITEMS):
        write_noise(folder / f"item{seed}.wav", seed)
    return folder


def code(corpus, out, *, part=slice(None), metrics=METRICS, preparation=None, change=None):
    """A run of some of the items; ``change`` edits its conditions."""
    codec = plan_codec("pcm", (384_000,), nearest=False, declarations=None)
    if change is not None:
        codec = replace(codec, conditions=tuple(map(change, codec.conditions)))
    plan = Plan(
        sources=tuple(find_sources(corpus)[part]),
        codecs=(codec,),
        metrics=tuple(map(metric_spec, metrics)),
        preparation=preparation or Preparation(),
        configuration={"corpus": str(corpus)},
    )
    out.mkdir()
    with Store(out, create=True) as store:
        run(plan, store, InlineEngine(), Silent())
    return out


def rows_of(out):
    with Store(out) as store:
        return sorted(store.grid(), key=lambda row: (row.item, row.metric))


@pytest.fixture
def shards(tmp_path, corpus):
    return [
        code(corpus, tmp_path / f"shard{index}", part=slice(index, None, 2)) for index in range(2)
    ]


def test_merged_shards_equal_the_whole_run(tmp_path, corpus, shards):
    whole = code(corpus, tmp_path / "whole")
    assert merge(shards, tmp_path / "merged") == N_ITEMS
    assert rows_of(tmp_path / "merged") == rows_of(whole)


def test_the_merged_folder_holds_the_files_of_all_cells(tmp_path, corpus, shards):
    whole = code(corpus, tmp_path / "whole")
    merge(shards, tmp_path / "merged")

    def contents(folder):
        return {
            path.relative_to(folder): path.read_bytes()
            for path in folder.rglob("*")
            if path.suffix in (".bin", ".flac", ".wav")
        }

    assert contents(tmp_path / "merged") == contents(whole)
    assert len(contents(whole)) == 2 * N_ITEMS


def test_the_merged_folder_tells_its_configuration_and_its_parts(tmp_path, corpus, shards):
    out = tmp_path / "merged"
    merge(shards, out)
    readable = json.loads((out / "run.json").read_text())
    assert readable["configuration"] == {"corpus": str(corpus)}
    assert [c["codec"] for c in readable["conditions"]] == ["pcm"]
    with Store(out) as store:
        assert store.meta("merged_from") == [str(shard.resolve()) for shard in shards]


def test_merging_twice_adds_nothing(tmp_path, shards):
    merge(shards, tmp_path / "merged")
    before = rows_of(tmp_path / "merged")
    assert merge(shards, tmp_path / "merged") == 0
    assert rows_of(tmp_path / "merged") == before


def test_a_finished_cell_replaces_a_failed_one_whatever_the_order(tmp_path, corpus, shards):
    whole = rows_of(code(corpus, tmp_path / "whole"))
    failed = code(corpus, tmp_path / "failed", change=lambda c: replace(c, status="failed"))
    for number, runs in enumerate(([failed, *shards], [*shards, failed])):
        merge(runs, tmp_path / f"merged{number}")
        assert rows_of(tmp_path / f"merged{number}") == whole


def test_a_value_is_not_replaced_by_a_failure_of_the_same_score(tmp_path, corpus, shards):
    whole = code(corpus, tmp_path / "whole")
    failing = code(corpus, tmp_path / "failing")
    with Store(failing) as store:
        store.put_results(
            [], [replace(score, value=None, status="failed") for score in store.scores()]
        )
    merge([whole, failing], tmp_path / "merged")
    assert rows_of(tmp_path / "merged") == rows_of(whole)
    merge([failing, whole], tmp_path / "merged_too")
    assert rows_of(tmp_path / "merged_too") == rows_of(whole)


def test_an_unreadable_copy_of_an_item_does_not_hide_the_readable_one(tmp_path, corpus, shards):
    whole = code(corpus, tmp_path / "whole")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for path in corpus.iterdir():
        (elsewhere / path.name).write_bytes(b"")
    unreadable = code(elsewhere, tmp_path / "unreadable")
    merge([whole, unreadable], tmp_path / "merged")
    assert rows_of(tmp_path / "merged") == rows_of(whole)


def test_runs_with_different_metrics_complete_each_other(tmp_path, corpus):
    first = code(corpus, tmp_path / "first", metrics=("snr",))
    second = code(corpus, tmp_path / "second", metrics=("mse",))
    whole = code(corpus, tmp_path / "whole")
    merge([first, second], tmp_path / "merged")
    assert rows_of(tmp_path / "merged") == rows_of(whole)


def refuse(runs, out, match):
    """The merge is refused, and nothing is left behind."""
    with pytest.raises(RunFolderError, match=match):
        merge(runs, out)
    assert not out.exists()


def test_another_file_of_the_same_name_is_refused(tmp_path, corpus, shards):
    write_noise(corpus / "item0.wav", seed=99)
    other = code(corpus, tmp_path / "other")
    refuse([*shards, other], tmp_path / "merged", "item 'item0' in .*other is another file")


def test_another_metric_version_is_refused(tmp_path, shards):
    with Store(shards[1]) as store:
        store.put_measures([replace(measure_of(metric_spec("snr")), version="7")])
    refuse(shards, tmp_path / "merged", "snr has version 7 in .*shard1 and 1 in the others")


def test_another_codec_version_is_refused(tmp_path, corpus, shards):
    other = code(
        corpus,
        tmp_path / "other",
        part=slice(1, 2),
        change=lambda condition: replace(condition, codec_version="2"),
    )
    refuse([shards[0], other], tmp_path / "merged", "pcm@384 in .*other has another version")


def test_another_preparation_is_refused(tmp_path, corpus, shards):
    other = code(corpus, tmp_path / "other", preparation=Preparation(16_000))
    refuse([*shards, other], tmp_path / "merged", "other was prepared with .*16000")


def test_a_folder_that_is_no_run_is_refused(tmp_path, shards):
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match=r"empty is no run: it holds no run\.sqlite"):
        merge([*shards, tmp_path / "empty"], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_merging_a_run_into_itself_is_refused(shards):
    with pytest.raises(RunFolderError, match="is one of the runs; name another folder"):
        merge(shards, shards[0])


def test_merging_into_a_folder_that_a_run_holds_is_refused(tmp_path, shards):
    with locked(tmp_path / "merged"), pytest.raises(RunFolderError, match="in use by another run"):
        merge(shards, tmp_path / "merged")
