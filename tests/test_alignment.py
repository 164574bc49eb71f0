"""The lag of decoded audio, found and taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.alignment import align, estimate_lag
from bench.metrics.waveform import si_sdr

if TYPE_CHECKING:
    from codec_zoo.samples import Samples

RATE = 48_000
MAX_LAG = 12_000
LAGS = [0, 1, -1, 8, -8, 37, -500, 4_800, -4_801, 11_999, -12_000]


def late(samples: Samples, lag: int) -> Samples:
    """The signal ``lag`` samples later (negative: earlier), with silence where it is not known."""
    moved = np.zeros_like(samples)
    stop = samples.shape[1] - abs(lag)
    if lag >= 0:
        moved[:, lag:] = samples[:, :stop]
    else:
        moved[:, :stop] = samples[:, -lag:]
    return moved


def with_noise(samples: Samples, decibels: float, seed: int = 5) -> Samples:
    """The signal with white noise at that signal-to-noise ratio."""
    noise = np.random.default_rng(seed).standard_normal(samples.shape)
    gain = samples.std() / noise.std() * 10 ** (-decibels / 20)
    return np.asarray(samples + gain * noise, np.float32)


@pytest.mark.parametrize("lag", LAGS)
def test_shift_of_noise_is_found(noise: Samples, lag: int) -> None:
    assert estimate_lag(noise, late(noise, lag), RATE, MAX_LAG) == lag


@pytest.mark.parametrize("lag", [lag for lag in LAGS if abs(lag) < 4_000])
def test_shift_of_speech_is_found(speech: Samples, lag: int) -> None:
    assert estimate_lag(speech, late(speech, lag), 16_000, 4_000) == lag


@pytest.mark.parametrize("lag", [0, 1, -8, 37, -300])
def test_shift_of_coded_speech_is_found(speech: Samples, lag: int) -> None:
    degraded = with_noise(late(speech, lag), 12.0)
    assert estimate_lag(speech, degraded, 16_000, 4_000) == lag


@pytest.mark.parametrize("lag", [0, 37, -2_000])
def test_shift_is_found_in_noise_louder_than_the_signal(noise: Samples, lag: int) -> None:
    assert estimate_lag(noise, with_noise(late(noise, lag), -6.0), RATE, MAX_LAG) == lag


@pytest.mark.parametrize("lag", [0, 1, -1, 8, -8, 50, -50])
def test_shift_of_low_tones_is_found(chord: Samples, lag: int) -> None:
    assert estimate_lag(chord, late(chord, lag), RATE, MAX_LAG) == lag


def test_steady_tone_in_place_stays_in_place() -> None:
    time = np.arange(RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 1_000 * time)).astype(np.float32)[None]
    assert estimate_lag(tone, with_noise(tone, 30.0), RATE, MAX_LAG) == 0


def test_level_does_not_matter(noise: Samples) -> None:
    assert estimate_lag(noise, 0.01 * late(noise, 37), RATE, MAX_LAG) == 37


@pytest.mark.parametrize("silent", ["reference", "degraded", "both"])
def test_silence_has_no_lag(noise: Samples, silent: str) -> None:
    nothing = np.zeros_like(noise)
    reference = noise if silent == "degraded" else nothing
    degraded = noise if silent == "reference" else nothing
    assert estimate_lag(reference, degraded, RATE, MAX_LAG) == 0


def test_unrelated_signals_have_no_lag(noise: Samples) -> None:
    other = np.random.default_rng(6).standard_normal(noise.shape).astype(np.float32)
    assert estimate_lag(noise, other, RATE, MAX_LAG) == 0


def test_lag_beyond_the_largest_is_not_taken(noise: Samples) -> None:
    assert estimate_lag(noise, late(noise, 200), RATE, 100) == 0


@pytest.mark.parametrize("n_samples", [1, 2, 10])
def test_a_few_samples_in_place_have_no_lag(noise: Samples, n_samples: int) -> None:
    few = noise[:, :n_samples]
    aligned = align(few, few, RATE)
    assert (aligned.lag, aligned.start, aligned.stop) == (0, 0, n_samples)


@pytest.mark.parametrize("lag", [0, 49, -49, 700])
def test_aligned_audio_equals_the_reference_where_it_was_decoded(noise: Samples, lag: int) -> None:
    aligned = align(noise, late(noise, lag), RATE)
    part = slice(aligned.start, aligned.stop)
    assert aligned.lag == lag
    assert aligned.samples.shape == noise.shape
    assert aligned.stop - aligned.start == noise.shape[1] - abs(lag)
    assert np.array_equal(aligned.samples[:, part], noise[:, part])
    assert not aligned.samples[:, : aligned.start].any()
    assert not aligned.samples[:, aligned.stop :].any()


@pytest.mark.parametrize("lag", [1, -8, 10, -10])
def test_gap_of_a_few_samples_is_compared_as_silence(noise: Samples, lag: int) -> None:
    aligned = align(noise, late(noise, lag), RATE)
    known = slice(max(0, -lag), noise.shape[1] - max(0, lag))
    assert (aligned.lag, aligned.start, aligned.stop) == (lag, 0, noise.shape[1])
    assert np.array_equal(aligned.samples[:, known], noise[:, known])
    assert np.count_nonzero(aligned.samples) == noise.shape[1] - abs(lag)


@pytest.mark.parametrize("extra", [-700, 300])
def test_audio_of_another_length_is_fitted(noise: Samples, extra: int) -> None:
    padded = np.pad(noise, ((0, 0), (100, max(extra, 0))))
    degraded = padded[:, : noise.shape[1] + extra]
    aligned = align(noise, degraded, RATE)
    assert aligned.lag == 100
    assert aligned.samples.shape == noise.shape
    assert aligned.stop == min(noise.shape[1], degraded.shape[1] - 100)


def test_eight_samples_early_as_dac_gain_their_si_sdr_back(speech: Samples) -> None:
    decoded = with_noise(speech, 10.0)
    in_place = si_sdr(speech, decoded, 16_000)
    early = late(decoded, -8)
    aligned = align(speech, early, 16_000)
    part = slice(aligned.start, aligned.stop)
    assert aligned.lag == -8
    assert si_sdr(speech, early, 16_000) < in_place - 5
    recovered = si_sdr(speech[:, part], aligned.samples[:, part], 16_000)
    assert recovered == pytest.approx(in_place, abs=0.05)


def test_both_channels_move_together(noise: Samples, chord: Samples) -> None:
    stereo = np.concatenate((noise, 0.5 * chord))
    aligned = align(stereo, late(stereo, 400), RATE)
    part = slice(aligned.start, aligned.stop)
    assert aligned.lag == 400
    assert np.array_equal(aligned.samples[:, part], stereo[:, part])
