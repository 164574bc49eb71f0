"""Drawing training batches."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.models.hilcodec.config import HilCodecConfig
from reference_training.batches import Sampler, apply_gain, mix
from reference_training.config import DataConfig, Source
from reference_training.corpus import Corpus, Recording
from reference_training.normalisation import measured_constants

LENGTH = 4000
CONFIG = DataConfig(
    folder=Path(),
    sources=(
        Source("voices", "", "speech", 0.5),
        Source("noises", "", "noise", 0.0),
        Source("tunes", "", "music", 0.5),
    ),
    cache=Path(),
    segment=320,
    gain_db=(0.0, 0.0),
    noise_probability=0.0,
)


def sampler(config: DataConfig = CONFIG, *, held_out: bool = False) -> Sampler:
    """Three sources whose samples tell them apart: 1000s, 2000s and 3000s of alternating sign."""
    signs = np.where(np.arange(LENGTH) % 2, 1, -1).astype(np.int16)
    audio = np.concatenate([level * signs for level in (1000, 1000, 2000, 3000)])
    recordings = tuple(
        Recording(path, source, index * LENGTH, LENGTH, is_narrow=False, is_held_out=held)
        for index, (path, source, held) in enumerate(
            [
                ("a", "voices", False),
                ("held", "voices", True),
                ("n", "noises", False),
                ("m", "tunes", False),
            ]
        )
    )
    return Sampler(Corpus(recordings, {}, audio), config, seed=7, held_out=held_out)


def test_same_key_gives_the_same_batch_and_another_key_another() -> None:
    first, again = sampler().draw(8, (3, 0)), sampler().draw(8, (3, 0))
    assert np.array_equal(first.audio, again.audio)
    assert first.origins == again.origins
    assert first.origins != sampler().draw(8, (4, 0)).origins
    assert first.origins != sampler().draw(8, (3, 1)).origins


def test_batch_has_the_shape_and_type_of_audio() -> None:
    batch = sampler().draw(5, (0,))
    assert batch.audio.shape == (5, 1, 320)
    assert batch.audio.dtype == np.float32


def test_sources_are_drawn_with_their_probabilities() -> None:
    origins = sampler().draw(400, (0,)).origins
    speech = sum(origin.startswith("a@") for origin in origins)
    assert 160 < speech < 240
    assert not any(origin.startswith("n@") for origin in origins)


def test_training_and_validation_files_do_not_mix() -> None:
    assert not any("held" in origin for origin in sampler().draw(200, (0,)).origins)
    assert all("held" in origin for origin in sampler(held_out=True).draw(20, (0,)).origins)


def test_noise_lies_under_speech_at_the_drawn_ratio() -> None:
    config = dataclasses.replace(CONFIG, noise_probability=1.0, snr_db=(6.0, 6.0))
    batch = sampler(config).draw(40, (0,))
    for item, origin in zip(batch.audio[:, 0], batch.origins, strict=True):
        if origin.startswith("a@"):
            assert "+ n@" in origin
            amplitude = 1000 / 32767
            noise = np.abs(np.abs(item) - amplitude)  # both signals have one magnitude
            assert 20 * np.log10(amplitude / noise.mean()) == pytest.approx(6.0, abs=0.01)


def test_mix_reaches_the_ratio_asked_for() -> None:
    generator = np.random.default_rng(0)
    signal, noise = generator.standard_normal((2, 4000)).astype(np.float32)
    added = mix(signal, noise, 12.0) - signal
    ratio = 10 * np.log10(np.sum(signal**2) / np.sum(added**2))
    assert ratio == pytest.approx(12.0, abs=1e-3)


def test_mix_with_silence_keeps_the_signal() -> None:
    signal, silence = np.ones(10, np.float32), np.zeros(10, np.float32)
    assert np.array_equal(mix(signal, silence, 0.0), signal)
    assert np.array_equal(mix(silence, signal, 0.0), silence)


def test_gain_stays_in_its_range_and_never_clips() -> None:
    config = dataclasses.replace(CONFIG, gain_db=(-10.0, 6.0))
    audio = sampler(config).draw(200, (0,)).audio
    levels = np.abs(audio).max(axis=(1, 2)) * 32767
    assert levels.min() >= 1000 * 10 ** (-10 / 20) - 1
    assert levels.max() <= 3000 * 10 ** (6 / 20) + 1
    loud = np.array([0.5, -0.9], np.float32)
    assert np.abs(apply_gain(loud, 6.0)).max() == pytest.approx(1.0)
    assert apply_gain(loud, -6.0) == pytest.approx(loud * 10 ** (-6 / 20))


def test_silent_segments_are_drawn_again() -> None:
    drawn = sampler()
    drawn.corpus.samples[: LENGTH // 2] = 0
    audio = drawn.draw(100, (0,)).audio
    assert (np.abs(audio).max(axis=(1, 2)) > 0).all()


def test_silent_corpus_still_gives_a_batch() -> None:
    drawn = sampler()
    drawn.corpus.samples[:] = 0
    assert not drawn.draw(3, (0,)).audio.any()


def test_constants_are_those_of_the_audio() -> None:
    noise = 1500 * np.random.default_rng(0).standard_normal(4 * LENGTH)
    drawn = sampler(dataclasses.replace(CONFIG, segment=3200))
    drawn.corpus.samples[:] = noise.round().astype(np.int16)
    model = measured_constants(HilCodecConfig(), drawn, n_batches=20, batch_size=4)
    level = 1500 / 32767
    assert model.waveform_std == pytest.approx(level, rel=0.03)
    # Magnitudes of Gaussian noise are Rayleigh distributed: E ln = ln(s) + (ln 2 - gamma) / 2 with
    # s**2 half the power of the window, 3/8 of its length, times the noise's.
    for index, mean in enumerate(model.spectrogram_means):
        power = 0.375 * 64 * 2**index * level**2
        expected = 0.5 * np.log(power / 2) + (np.log(2) - np.euler_gamma) / 2
        assert mean == pytest.approx(expected, abs=0.1)
    assert model.spectrogram_stds == pytest.approx([np.pi / np.sqrt(24)] * 5, abs=0.1)


def test_constants_of_silence_are_refused() -> None:
    drawn = sampler()
    drawn.corpus.samples[:] = 0
    with pytest.raises(ValueError, match="the audio is silent"):
        measured_constants(HilCodecConfig(), drawn, n_batches=1, batch_size=1)


def test_narrow_files_are_drawn_less() -> None:
    drawn = sampler()
    first, held, noise, music = drawn.corpus.recordings
    narrow = dataclasses.replace(held, is_held_out=False, is_narrow=True)
    corpus = Corpus((first, narrow, noise, music), {}, drawn.corpus.samples)
    origins = Sampler(corpus, CONFIG, seed=1).draw(600, (0,)).origins
    share = sum(o.startswith("held") for o in origins) / sum(o[0] in "ah" for o in origins)
    assert 0.12 < share < 0.28  # one part in five at a weight of a quarter
