"""Reading, writing and converting audio."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from bench.audio import (
    AudioError,
    level,
    match_channels,
    read_audio,
    resample,
    to_mono,
    write_audio,
)

if TYPE_CHECKING:
    from pathlib import Path

    from codec_zoo.samples import Samples

FULL_STEP_24_BIT = 2.0**-23


def sine(hertz: float, sample_rate: int, n_samples: int) -> Samples:
    time = np.arange(n_samples) / sample_rate
    return (0.5 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None]


@pytest.mark.parametrize(
    ("subtype", "step"), [("PCM_U8", 2.0**-7), ("PCM_16", 2.0**-15), ("FLOAT", 0.0)]
)
def test_wav_of_any_depth_is_read_as_float(
    tmp_path: Path, noise: Samples, subtype: str, step: float
) -> None:
    soundfile.write(tmp_path / "a.wav", noise.T, 44_100, subtype)
    samples, sample_rate = read_audio(tmp_path / "a.wav")
    assert samples.dtype == np.float32
    assert (samples.shape, sample_rate) == (noise.shape, 44_100)
    assert np.abs(samples - noise).max() <= step


def test_two_channels_keep_their_order(tmp_path: Path) -> None:
    stereo = np.array([[0.5, 0.25, 0.0], [-0.5, 0.0, 0.125]], np.float32)
    soundfile.write(tmp_path / "a.wav", stereo.T, 8_000, "FLOAT")
    assert np.array_equal(read_audio(tmp_path / "a.wav")[0], stereo)


def test_format_is_told_by_content_and_not_by_name(tmp_path: Path, noise: Samples) -> None:
    path = tmp_path / "a.raw"
    soundfile.write(path, noise.T, 16_000, "PCM_16", format="WAV")
    assert read_audio(path)[0].shape == noise.shape


@pytest.mark.parametrize("name", ["text.wav", "headerless.raw"])
def test_text_is_refused_under_any_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("this is a text file, and it is no audio\n" * 9)
    with pytest.raises(AudioError, match="no audio that libsndfile reads"):
        read_audio(tmp_path / name)


def test_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(AudioError, match="a pipe or a device; an audio file expected"):
        read_audio(tmp_path / "pipe.wav")


def test_cut_flac_is_refused(tmp_path: Path, noise: Samples) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, noise.T, 48_000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(AudioError, match="no audio that libsndfile reads"):
        read_audio(path)


def test_audio_within_full_scale_is_kept_as_24_bit_flac(tmp_path: Path, noise: Samples) -> None:
    path = write_audio(tmp_path / "new" / "a", noise, 48_000)
    assert path.name == "a.flac"
    assert soundfile.info(path).subtype == "PCM_24"
    assert np.abs(read_audio(path)[0] - noise).max() <= FULL_STEP_24_BIT


@pytest.mark.parametrize("peak", [1.0, -1.0, 1.5])
def test_audio_at_or_over_full_scale_is_kept_exactly(
    tmp_path: Path, noise: Samples, peak: float
) -> None:
    loud = noise.copy()
    loud[0, 100] = peak
    path = write_audio(tmp_path / "a", loud, 48_000)
    assert path.name == "a.wav"
    assert np.array_equal(read_audio(path)[0], loud)


def test_greatest_sample_below_full_scale_does_not_wrap(tmp_path: Path) -> None:
    below = np.full((1, 10), 1 - 2.0**-24, np.float32)
    path = write_audio(tmp_path / "a", below, 48_000)
    assert path.name == "a.flac"
    assert np.abs(read_audio(path)[0] - below).max() <= FULL_STEP_24_BIT


def test_rate_that_flac_lacks_is_kept_as_wav(tmp_path: Path, noise: Samples) -> None:
    path = write_audio(tmp_path / "a", noise, 768_000)
    assert path.name == "a.wav"
    assert read_audio(path)[1] == 768_000


def test_dot_in_a_name_is_no_suffix(tmp_path: Path, noise: Samples) -> None:
    assert write_audio(tmp_path / "opus@1.5", noise, 48_000).name == "opus@1.5.flac"


@pytest.mark.parametrize(
    ("source_rate", "target_rate"),
    [(44_100, 48_000), (48_000, 16_000), (16_000, 48_000), (24_000, 44_100)],
)
def test_resampling_keeps_phase_and_level(source_rate: int, target_rate: int) -> None:
    resampled = resample(sine(440.0, source_rate, source_rate), source_rate, target_rate)
    expected = sine(440.0, target_rate, target_rate)
    assert resampled.dtype == np.float32
    assert resampled.shape == expected.shape
    inner = slice(target_rate // 10, -target_rate // 10)  # the ends ring
    assert np.abs(resampled - expected)[:, inner].max() < 1e-4


@pytest.mark.parametrize("n_samples", range(44_100, 44_106))
@pytest.mark.parametrize(
    ("sample_rate", "codec_rate"), [(44_100, 8_000), (48_000, 8_000), (192_000, 8_000)]
)
def test_length_survives_a_lower_rate_and_back(
    sample_rate: int, codec_rate: int, n_samples: int
) -> None:
    there = resample(sine(440.0, sample_rate, n_samples), sample_rate, codec_rate)
    assert resample(there, codec_rate, sample_rate, n_samples).shape == (1, n_samples)


def test_wrong_length_is_never_mended() -> None:
    with pytest.raises(AudioError, match="48000 samples after resampling; 48010 expected"):
        resample(sine(440.0, 24_000, 24_000), 24_000, 48_000, 48_010)


def test_same_rate_leaves_the_samples_alone(noise: Samples) -> None:
    assert np.array_equal(resample(noise, 48_000, 48_000), noise)


def test_mono_is_the_mean_of_the_channels() -> None:
    stereo = np.array([[0.5, 1.0], [-0.5, 0.5]], np.float32)
    assert to_mono(stereo).tolist() == [[0.0, 0.75]]


def test_one_channel_is_doubled_for_a_stereo_codec(noise: Samples) -> None:
    doubled = match_channels(noise, (2,))
    assert doubled.shape == (2, noise.shape[1])
    assert np.array_equal(doubled[0], doubled[1])


def test_two_channels_are_never_mixed_silently() -> None:
    with pytest.raises(AudioError, match="2 channels and the codec codes 1; run without --stereo"):
        match_channels(np.zeros((2, 10), np.float32), (1,))


def test_level_of_a_full_scale_sine_is_3_db_below() -> None:
    assert level(2 * sine(1_000.0, 48_000, 48_000)) == pytest.approx(-3.0103, abs=1e-3)


def test_silence_has_no_level() -> None:
    assert level(np.zeros((1, 100), np.float32)) == float("-inf")
