"""Mel and log-spectral distances: closed forms, and the same figures computed another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics.mel_distance import mel_dac, mel_hilcodec, mel_l1
from bench.metrics.mel_filters import mel_filterbank
from bench.metrics.spec import UndefinedMetricError
from bench.metrics.spectral_distance import lsd
from bench.metrics.spectrum import power_spectra
from codec_zoo.samples import Samples

RATE = 24000
DISTANCES = [mel_dac, mel_l1, mel_hilcodec, lsd]


@pytest.fixture
def noise() -> Samples:
    return np.random.default_rng(3).normal(0.0, 1.0, (1, 2 * RATE)).astype(np.float32)


def naive_power(signal: Samples, window_size: int, *, centered: bool) -> np.ndarray:
    """Power spectra in float64, one frame at a time, shape ``[frames, bins]``."""
    mono = signal[0].astype(np.float64)
    if centered:
        mono = np.pad(mono, window_size // 2, mode="reflect")
    window = np.hanning(window_size + 1)[:-1]
    starts = range(0, mono.size - window_size + 1, window_size // 4)
    return np.array(
        [np.abs(np.fft.rfft(window * mono[start : start + window_size])) ** 2 for start in starts]
    )


@pytest.mark.parametrize("centered", [True, False])
@pytest.mark.parametrize("window_size", [32, 2048])
def test_power_spectra_match_a_plain_transform(
    noise: Samples, window_size: int, centered: bool
) -> None:
    signal = noise[:, : 1 << 15]
    blocks = list(power_spectra(signal, window_size=window_size, centered=centered))
    power = np.concatenate([block[0] for block in blocks])
    expected = naive_power(signal, window_size, centered=centered)
    assert power.shape == expected.shape
    np.testing.assert_allclose(power, expected, rtol=1e-3, atol=1e-5 * expected.max())


def test_power_spectra_come_in_more_than_one_block(noise: Samples) -> None:
    assert len(list(power_spectra(noise, window_size=2048, centered=True))) > 1


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_mel_bands_have_unit_area(scale) -> None:
    filters = mel_filterbank(RATE, 1 << 16, 40, scale).toarray()
    np.testing.assert_allclose(filters.sum(axis=1) * RATE / (1 << 16), 1.0, rtol=1e-3)


def test_slaney_bands_are_linear_below_1_khz() -> None:
    filters = mel_filterbank(RATE, 1 << 16, 126, "slaney").toarray()
    peaks = filters.argmax(axis=1) * RATE / (1 << 16)
    spacing = np.diff(peaks[peaks < 1000])
    assert spacing.max() - spacing.min() < 1.0


def test_the_htk_scale_gives_1000_mel_at_1_khz() -> None:
    filters = mel_filterbank(2000, 1 << 16, 1, "htk").toarray()
    peak = filters[0].argmax() * 2000 / (1 << 16)
    assert 2595 * math.log10(1 + peak / 700) == pytest.approx(500.0, abs=0.1)


def test_a_shared_filterbank_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="read-only"):
        mel_filterbank(RATE, 512, 40, "slaney").data[0] = 1.0


def test_lsd_matches_a_plain_computation(noise: Samples) -> None:
    degraded = np.float32(0.5) * np.roll(noise, 300)
    first, second = (
        np.log10(np.maximum(naive_power(signal, 2048, centered=True), 1e-8))
        for signal in (noise, degraded)
    )
    expected = np.mean(np.sqrt(np.mean((first - second) ** 2, axis=1)))
    assert lsd(noise, degraded, RATE) == pytest.approx(expected, rel=1e-5)


def test_lsd_of_a_gain_is_its_decades_of_power(noise: Samples) -> None:
    assert lsd(noise, np.float32(0.1) * noise, RATE) == pytest.approx(2.0, abs=1e-5)


def test_lsd_of_noise_against_silence_is_its_height_over_the_floor(noise: Samples) -> None:
    power = naive_power(noise, 2048, centered=True)
    expected = np.mean(np.sqrt(np.mean((np.log10(power) + 8) ** 2, axis=1)))
    assert lsd(noise, 0 * noise, RATE) == pytest.approx(expected, rel=1e-5)


def test_mel_hilcodec_of_a_gain_is_one_term_per_scale(noise: Samples) -> None:
    step = 2 * math.log(2.0)  # of the logarithm of power
    expected = 6 * (step + step**2)
    assert mel_hilcodec(noise, 2 * noise, RATE) == pytest.approx(expected, rel=1e-4)


def test_mel_dac_of_a_gain_leaves_out_only_empty_bands(noise: Samples) -> None:
    value = mel_dac(noise, 10 * noise, RATE)
    assert 6.5 < value <= 7.0 + 1e-4


def test_mel_l1_depends_on_the_level_where_mel_dac_does_not(noise: Samples) -> None:
    loud, soft = (noise, 2 * noise), (0.1 * noise, 0.2 * noise)
    assert mel_dac(*loud, RATE) == pytest.approx(mel_dac(*soft, RATE), rel=1e-4)
    assert mel_l1(*loud, RATE) > mel_l1(*soft, RATE) * 1.01


@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_of_equal_signals_are_zero(metric, noise: Samples) -> None:
    assert metric(noise, noise, RATE) == 0.0


@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_are_symmetric(metric, noise: Samples) -> None:
    other = noise[:, ::-1]
    assert metric(noise, other, RATE) == pytest.approx(metric(other, noise, RATE), rel=1e-6)


@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_rise_with_noise(metric, noise: Samples) -> None:
    tone = np.sin(2 * np.pi * 440 / RATE * np.arange(noise.size), dtype=np.float32)[np.newaxis]
    values = [metric(tone, tone + np.float32(g) * noise, RATE) for g in (0.001, 0.01, 0.1, 1.0)]
    assert values == sorted(values)
    assert values[0] < 0.8 * values[-1]


@pytest.mark.parametrize("metric", DISTANCES)
def test_distances_between_two_silences_are_zero(metric, noise: Samples) -> None:
    assert metric(0 * noise, 0 * noise, RATE) == 0.0


@pytest.mark.parametrize("metric", [mel_dac, mel_l1, lsd])
def test_channels_count_equally(metric, noise: Samples) -> None:
    left, right = noise[:, :RATE], noise[:, RATE:]
    pair = np.concatenate([left, right]), np.concatenate([right, right])
    assert metric(*pair, RATE) == pytest.approx(metric(left, right, RATE) / 2, rel=1e-5)


@pytest.mark.parametrize("metric", DISTANCES)
def test_ten_samples_are_too_short_for_spectra(metric, noise: Samples) -> None:
    with pytest.raises(UndefinedMetricError, match="too short: 10 samples"):
        metric(noise[:, :10], noise[:, :10], RATE)


@pytest.mark.parametrize(
    ("metric", "shortest"), [(mel_dac, 1025), (mel_l1, 1025), (mel_hilcodec, 1024), (lsd, 1025)]
)
def test_the_shortest_length_is_the_documented_one(metric, shortest: int, noise: Samples) -> None:
    assert metric(noise[:, :shortest], 2 * noise[:, :shortest], RATE) > 0
    with pytest.raises(UndefinedMetricError, match=f"at least {shortest}"):
        metric(noise[:, : shortest - 1], noise[:, : shortest - 1], RATE)


@pytest.mark.parametrize("metric", DISTANCES)
def test_nan_is_refused(metric, noise: Samples) -> None:
    broken = noise.copy()
    broken[0, 100] = math.nan
    with pytest.raises(ValueError, match="degraded signal has 1 samples that are NaN"):
        metric(noise, broken, RATE)


def test_mel_hilcodec_is_defined_at_24_khz_only(noise: Samples) -> None:
    with pytest.raises(ValueError, match=r"got 48000 Hz.*24000 Hz"):
        mel_hilcodec(noise, noise, 48000)


def test_mel_hilcodec_refuses_stereo(noise: Samples) -> None:
    stereo = np.concatenate([noise, noise])
    with pytest.raises(ValueError, match="got 2 channels"):
        mel_hilcodec(stereo, stereo, RATE)
