"""Codecs and bitrates as they are asked for, and what of them can run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.conditions import Condition, parse_bitrate, parse_codecs, plan_codec
from codec_zoo.interface import CodecEntry, CodecInfo, ProgramNotFoundError
from codec_zoo.registry import codec_entry
from codec_zoo.weights import WeightsSource, is_preview

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codec_zoo.interface import Codec
    from codec_zoo.weights import WeightsFile

INFO = CodecInfo(
    name="toy",
    version="3",
    sample_rate=24_000,
    bitrates=(1_500, 6_000),
    default_bitrates=(6_000,),
    licence="CC0-1.0",
)


def never_built(weights: WeightsFile | None, device: str) -> Codec:
    raise AssertionError("planning builds no codec")


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Callable[[CodecEntry], None]:
    """Makes the planner find this codec, whatever name it looks for."""
    return lambda entry: monkeypatch.setattr(
        "bench.conditions.codec_entry", lambda name, declarations: entry
    )


def test_bare_names_take_the_common_bitrates() -> None:
    selected = parse_codecs(["opus", "mp3"], [12_000, 24_000])
    assert selected == {"opus": (12_000, 24_000), "mp3": (12_000, 24_000)}


def test_name_with_a_rate_takes_that_one() -> None:
    assert parse_codecs(["opus@12", "mp3"], [32_000]) == {"opus": (12_000,), "mp3": (32_000,)}


def test_rates_of_one_name_are_gathered_once_each() -> None:
    assert parse_codecs(["opus@12", "opus@1.5", "opus@12"], []) == {"opus": (12_000, 1_500)}


def test_bare_name_without_bitrates_leaves_them_to_the_codec() -> None:
    assert parse_codecs(["opus", "opus@9"], []) == {"opus": (None, 9_000)}


@pytest.mark.parametrize("text", ["", "fast", "0", "-3", "nan", "inf", "1e400", "0.0001"])
def test_what_is_no_bitrate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no bitrate; kbit/s such as 6 or 1\.5 expected"):
        parse_bitrate(text)


def test_id_names_codec_and_bitrate() -> None:
    assert Condition("opus", 1_500).id == "opus@1.5"
    assert Condition("opus", None).id == "opus"


def test_plan_takes_the_defaults_of_the_codec() -> None:
    plan = plan_codec("opus", [None], nearest=False, declarations=None)
    assert [condition.bitrate for condition in plan.conditions] == [6_000, 12_000, 24_000]
    assert {condition.status for condition in plan.conditions} == {"ok"}


def test_plan_records_what_shapes_the_output(offer: Callable[[CodecEntry], None]) -> None:
    offer(CodecEntry(info=INFO, build=never_built, options={"mode": "fast"}))
    (condition,) = plan_codec("toy", [None], nearest=False, declarations=None).conditions
    assert (condition.codec_version, condition.options) == ("3", {"mode": "fast"})


def test_bitrate_that_is_not_offered_is_unsupported_and_lists_the_offered_ones(
    offer: Callable[[CodecEntry], None],
) -> None:
    offer(CodecEntry(info=INFO, build=never_built))
    good, bad = plan_codec("toy", [6_000, 3_000], nearest=False, declarations=None).conditions
    assert (good.status, good.message) == ("ok", "")
    assert (bad.status, bad.message) == ("unsupported", "toy offers 1.5, 6 kbit/s.")


def test_nearest_maps_to_what_is_offered(offer: Callable[[CodecEntry], None]) -> None:
    offer(CodecEntry(info=INFO, build=never_built))
    plan = plan_codec("toy", [1_000, 3_000, 64_000], nearest=True, declarations=None)
    assert [condition.bitrate for condition in plan.conditions] == [1_500, 6_000]
    assert {condition.status for condition in plan.conditions} == {"ok"}


def test_nearest_of_a_range_is_within_it() -> None:
    plan = plan_codec("opus", [1_000, 900_000], nearest=True, declarations=None)
    assert [condition.bitrate for condition in plan.conditions] == [6_000, 256_000]


def test_unknown_codec_lists_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"unknown codec 'opsu'; known: .*mp3.*opus.*pcm"):
        plan_codec("opsu", [], nearest=False, declarations=None)


def test_missing_weights_fail_every_offered_bitrate(
    offer: Callable[[CodecEntry], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(tmp_path))
    source = WeightsSource(name="toy", licence="CC0-1.0", size=1)
    offer(CodecEntry(info=INFO, build=never_built, weights=source))
    plan = plan_codec("toy", [1_500, 3_000, 6_000], nearest=False, declarations=None)
    assert [c.status for c in plan.conditions] == ["failed", "unsupported", "failed"]
    assert "bench weights import toy PATH" in plan.conditions[0].message


def test_weights_are_named_by_their_hash(
    offer: Callable[[CodecEntry], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CODECBENCH_WEIGHTS", str(tmp_path))
    offer(CodecEntry(INFO, never_built, WeightsSource(name="toy", licence="CC0-1.0", size=1)))
    hashes = []
    for content in (b"one", b"two"):
        (tmp_path / "toy.bin").write_bytes(content)
        (condition,) = plan_codec("toy", [None], nearest=False, declarations=None).conditions
        assert (condition.status, condition.weights_origin) == ("ok", "imported")
        hashes.append(condition.weights_sha256)
    assert hashes[0] != hashes[1]


def test_missing_program_fails_with_its_message(offer: Callable[[CodecEntry], None]) -> None:
    def check() -> None:
        raise ProgramNotFoundError("toyenc is not on this machine: set TOY_PATH.")

    offer(CodecEntry(info=INFO, build=never_built, check=check))
    (condition,) = plan_codec("toy", [None], nearest=False, declarations=None).conditions
    assert condition.status == "failed"
    assert condition.message == "toyenc is not on this machine: set TOY_PATH."


def test_bundled_weights_of_hilcodec_are_a_preview_and_imported_ones_are_not():
    source = codec_entry("hilcodec").weights
    assert is_preview(source, "bundled")
    assert not is_preview(source, "imported")
    assert not is_preview(None, "")
