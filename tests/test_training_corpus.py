"""Finding, checking and decoding the training audio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

from reference_training.config import DataConfig, Source
from reference_training.corpus import CorpusError, bandwidth, open_corpus

if TYPE_CHECKING:
    from pathlib import Path

RATE = 24_000


def noise(seconds: float, rate: int = RATE, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(int(seconds * rate)).clip(-5, 5)


def data_config(folder: Path, **options: object) -> DataConfig:
    sources = (Source("speech", "speech/*", "speech", 1.0),)
    return DataConfig(
        folder=folder,
        sources=sources,
        cache=folder / "cache",
        segment=3200,
        **options,  # type: ignore[arg-type]  # options of the dataclass, given by the tests
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "speech").mkdir()
    for index in range(3):
        soundfile.write(tmp_path / f"speech/{index}.wav", noise(1, seed=index), RATE)
    return tmp_path


def test_decoded_audio_is_the_file_at_16_bits(folder: Path) -> None:
    corpus = open_corpus(data_config(folder), RATE)
    assert [recording.path for recording in corpus.recordings] == [
        "speech/0.wav",
        "speech/1.wav",
        "speech/2.wav",
    ]
    expected, _ = soundfile.read(folder / "speech/1.wav")
    assert np.abs(corpus.read(corpus.recordings[1], 100, 500) - expected[100:600]).max() < 1e-4


def test_other_rates_and_stereo_become_mono_at_the_training_rate(folder: Path) -> None:
    stereo = np.stack([noise(1, 48_000), np.zeros(48_000)], axis=1)
    soundfile.write(folder / "speech/1.wav", stereo, 48_000)
    recording = open_corpus(data_config(folder), RATE).recordings[1]
    assert recording.n_samples == RATE


def test_unusable_files_are_left_out_with_a_reason(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "speech/text.wav").write_text("no audio")
    soundfile.write(folder / "speech/short.wav", noise(0.1), RATE)
    soundfile.write(folder / "speech/nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    corpus = open_corpus(data_config(folder), RATE)
    assert len(corpus.recordings) == 3
    assert corpus.rejected["speech/short.wav"] == "2400 samples; 3200 or more expected"
    assert corpus.rejected["speech/nan.wav"] == "values that are not finite"
    assert "speech/text.wav" in corpus.rejected
    assert "3 of 6 files were left out" in caplog.text


def test_one_file_is_enough(tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech/only.flac", noise(1), RATE)
    corpus = open_corpus(data_config(tmp_path, validation_share=0.0), RATE)
    assert len(corpus.recordings) == 1


def test_source_without_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"'speech' has no usable file.*Nothing matches"):
        open_corpus(data_config(tmp_path), RATE)


def test_source_with_only_bad_files_is_refused_with_their_reasons(tmp_path: Path) -> None:
    (tmp_path / "speech").mkdir()
    soundfile.write(tmp_path / "speech/short.wav", noise(0.1), RATE)
    with pytest.raises(CorpusError, match=r"speech/short\.wav: 2400 samples"):
        open_corpus(data_config(tmp_path), RATE)


def test_decoding_happens_once_and_again_after_a_change(folder: Path) -> None:
    open_corpus(data_config(folder), RATE)
    open_corpus(data_config(folder), RATE)
    assert len(list((folder / "cache").glob("*.npy"))) == 1
    soundfile.write(folder / "speech/3.wav", noise(1), RATE)
    assert len(open_corpus(data_config(folder), RATE).recordings) == 4
    assert len(list((folder / "cache").glob("*.npy"))) == 2


def test_held_out_files_are_a_fixed_share(folder: Path) -> None:
    for index in range(60):
        soundfile.write(folder / f"speech/more{index}.wav", noise(0.2), RATE)
    flags = [
        [
            r.is_held_out
            for r in open_corpus(data_config(folder, validation_share=s), RATE).recordings
        ]
        for s in (0.2, 0.2, 0.4)
    ]
    assert flags[0] == flags[1]
    assert 4 <= sum(flags[0]) <= 22
    assert all(later for earlier, later in zip(flags[0], flags[2], strict=True) if earlier)


def test_bandwidth_of_low_passed_noise_is_its_cutoff() -> None:
    wide = noise(2).astype(np.float32)
    assert bandwidth(wide, RATE) == RATE / 2
    spectrum = np.fft.rfft(wide)
    spectrum[len(spectrum) // 3 :] = 0
    narrow = np.fft.irfft(spectrum).astype(np.float32)
    assert bandwidth(narrow, RATE) == pytest.approx(4000, abs=300)
