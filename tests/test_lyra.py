"""Lyra v2 with its official TFLite files, and the refusal of others."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from codec_zoo.adapters.lyra import LYRA
from codec_zoo.bitstream import BitstreamError
from codec_zoo.streaming import stream_roundtrip
from codec_zoo.weights import WeightsError, WeightsFile, WeightsNotFoundError

pytest.importorskip("ai_edge_litert")

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
MODELS = SHARED / "lyra_model"
SPEECH = SHARED / "eval_audio" / "speech_01_joe_en.flac"
needs_models = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the shared Lyra models are not beside the checkout"
)
needs_speech = pytest.mark.skipif(
    not SPEECH.is_file(), reason="the shared evaluation audio is not beside the checkout"
)


def of(path: Path) -> WeightsFile:
    return WeightsFile(path=path, sha256="", origin="imported")


@pytest.fixture(scope="module")
def codec():
    return LYRA.build(of(MODELS), "cpu")


@pytest.fixture(scope="module")
def speech() -> Samples:
    """Three seconds of clean speech at 16 kHz, shape ``(1, samples)``."""
    import soundfile
    import soxr

    samples, sample_rate = soundfile.read(SPEECH, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(axis=1), sample_rate, 16_000)[None, :48_000]


def noise(n_samples: int) -> Samples:
    return np.random.default_rng(0).normal(0.0, 0.1, (1, n_samples)).astype(np.float32)


@needs_models
@pytest.mark.parametrize(("bitrate", "n_bytes"), [(3_200, 8), (6_000, 15), (9_200, 23)])
def test_a_frame_takes_the_bytes_of_the_published_packets(
    codec, bitrate: int, n_bytes: int
) -> None:
    bitstream = codec.encode(noise(10 * 320), bitrate)
    assert len(bitstream.payload) == 10 * n_bytes
    assert bitstream.bitrate == bitrate


@needs_models
@needs_speech
@pytest.mark.parametrize(("bitrate", "least"), [(3_200, 0.80), (9_200, 0.90)])
def test_speech_stays_intelligible(codec, speech: Samples, bitrate: int, least: float) -> None:
    from pystoi import stoi

    decoded = codec.decode(codec.encode(speech, bitrate))
    assert stoi(speech[0], decoded[0], 16_000) > least


@needs_models
@needs_speech
def test_decoded_speech_does_not_lag(codec, speech: Samples) -> None:
    decoded = codec.decode(codec.encode(speech, 9_200))[0]
    margin = 640
    padded = np.pad(decoded, margin)
    lag = int(np.argmax(np.correlate(padded, speech[0], mode="valid"))) - margin
    assert abs(lag) <= 2


@needs_models
def test_lower_bitrates_send_the_first_codes_of_higher_ones(codec) -> None:
    low = codec.encode(noise(16_000), 3_200).codes()
    high = codec.encode(noise(16_000), 9_200).codes()
    np.testing.assert_array_equal(low, high[:16])


@needs_models
def test_a_recording_does_not_depend_on_the_one_before(codec) -> None:
    first = codec.encode(noise(3_200), 3_200)
    codec.decode(codec.encode(noise(6_400), 9_200))
    assert codec.encode(noise(3_200), 3_200) == first


@needs_models
def test_streamed_equals_offline(codec) -> None:
    samples = noise(20 * 320)
    offline = codec.decode(codec.encode(samples, 6_000))
    np.testing.assert_array_equal(stream_roundtrip(codec, samples, 6_000), offline)


@needs_models
def test_damaged_bitstreams_are_refused(codec) -> None:
    bitstream = codec.encode(noise(960), 3_200)
    message = "16, 30 or 46 x 3 codes out of 16, and nothing else, expected"
    for damaged in (
        replace(bitstream, payload=bitstream.payload + b"x"),
        replace(bitstream, layout=replace(bitstream.layout, n_codebooks=8)),
        replace(bitstream, layout=None),
    ):
        with pytest.raises(BitstreamError, match=message):
            codec.decode(damaged)


@needs_models
def test_another_model_under_the_name_is_refused_with_both_shapes(tmp_path: Path) -> None:
    for file in MODELS.glob("*.tflite"):
        shutil.copyfile(file, tmp_path / file.name)
    shutil.copyfile(MODELS / "lyragan.tflite", tmp_path / "soundstream_encoder.tflite")
    message = r"is another model.*serving_default from \[1, 320\] to \[1, 1, 64\] expected"
    with pytest.raises(WeightsError, match=message):
        LYRA.build(of(tmp_path), "cpu")


def test_folder_without_models_is_refused_by_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"has no soundstream_encoder\.tflite"):
        LYRA.build(of(tmp_path), "cpu")


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "soundstream_encoder.tflite").write_bytes(b"no model")
    with pytest.raises(WeightsError, match=r"soundstream_encoder\.tflite is no TFLite model"):
        LYRA.build(of(tmp_path), "cpu")


def test_there_is_no_untrained_lyra() -> None:
    with pytest.raises(WeightsNotFoundError, match="bench weights import lyra FOLDER"):
        LYRA.build(None, "cpu")
