"""What codecs cost, as rows of a run."""

from __future__ import annotations

import pytest

from bench.conditions import plan_codec
from bench.profiles import flat_rows, measure_profiles, system_rows
from bench.progress import Silent
from bench.store import Profile, Store

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run in which the costs of a network and of two programs were measured."""
    folder = tmp_path_factory.mktemp("run")
    with Store(folder, create=True) as store:
        measure_profiles(
            [plan_codec(n, [None]) for n in ("hilcodec", "opus", "mp3")], store, Silent()
        )
    return folder


@pytest.fixture
def profiles(folder):
    with Store(folder) as store:
        return {(profile.codec, profile.kind): profile for profile in store.profiles()}


def test_network_is_the_one_that_the_weights_make(profiles):
    (row,) = profiles["hilcodec", "complexity"].result
    assert row["parameters"]["total"] < 2e6  # the bundled one; the published one has 9.6 million
    assert row["published"] is None


def test_figures_have_flat_names_and_units(profiles):
    rows = {row.metric: row for row in flat_rows(profiles["hilcodec", "complexity"])}
    assert rows["macs_per_second.encoder"].unit == "MAC/s"
    assert rows["macs_per_second.encoder"].value > 1e8
    assert rows["latency_samples"].value == 320
    assert not [name for name in rows if "paper" in name]


def test_every_part_of_a_stream_has_its_speed(profiles):
    rows = {row.metric: row.value for row in flat_rows(profiles["hilcodec", "streaming"])}
    for part in ("encoder", "encoder+quantizer", "decoder"):
        assert rows[f"streaming.{part}.onnx.reference_ratio"] > 0


def test_opus_streams_but_has_no_operations_to_count(profiles):
    assert profiles["opus", "streaming"].status == "ok"
    assert profiles["opus", "complexity"].status == "unsupported"
    assert "not made of torch modules" in profiles["opus", "complexity"].message


def test_a_codec_that_does_not_stream_says_so(profiles):
    assert profiles["mp3", "streaming"].status == "unsupported"
    (row,) = system_rows([profiles["mp3", "streaming"]])
    assert (row.category, row.item, row.value, row.status) == ("system", "", None, "unsupported")
    assert "cannot stream" in row.message


def test_known_figures_are_not_measured_again(folder, profiles, monkeypatch):
    monkeypatch.setattr("bench.profiles.measure_in_process", None)
    monkeypatch.setattr("bench.profiles.measure_streams", None)
    with Store(folder) as store:
        measure_profiles([plan_codec("hilcodec", [None])], store, Silent())
        assert {(p.codec, p.kind): p for p in store.profiles()} == profiles


def test_failure_is_a_row_with_its_reason_and_is_tried_again_when_asked(tmp_path, monkeypatch):
    from codec_zoo.interface import CodecError

    def fail(*_, **__):
        raise CodecError("no room")

    monkeypatch.setattr("bench.profiles.measure_in_process", fail)
    with Store(tmp_path, create=True) as store:
        plans = [plan_codec("opus", [None])]
        measure_profiles(plans, store, Silent(), streaming=False)
        (profile,) = store.profiles()
        assert (profile.status, profile.message) == ("failed", "no room")
        monkeypatch.undo()
        measure_profiles(plans, store, Silent(), streaming=False, retry_failed=True)
        assert store.profiles()[0].status == "unsupported"


def test_profile_survives_the_store(tmp_path):
    profile = Profile("a", "streaming", "k", "ok", result=({"part": "decoder", "x": 1.5},))
    with Store(tmp_path, create=True) as store:
        store.put_profiles([profile])
        assert store.profiles() == [profile]
