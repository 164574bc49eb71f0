"""MSE, SNR and SI-SDR against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics.spec import UndefinedMetricError
from bench.metrics.waveform import mse, si_sdr, snr, waveform_correlation
from codec_zoo.samples import Samples

RATE = 24000


@pytest.fixture
def noise() -> Samples:
    return np.random.default_rng(1).normal(0.0, 0.1, (1, RATE)).astype(np.float32)


@pytest.fixture
def other() -> Samples:
    return np.random.default_rng(2).normal(0.0, 0.1, (1, RATE)).astype(np.float32)


def orthogonal(signal: Samples, other: Samples) -> Samples:
    """``other`` without its share of ``signal``, scaled to the energy of ``signal``."""
    a, b = signal.astype(np.float64), other.astype(np.float64)
    b -= np.sum(a * b) / np.sum(a * a) * a
    return np.asarray(b * np.sqrt(np.sum(a * a) / np.sum(b * b)), np.float32)


@pytest.mark.parametrize("level", [-40.0, -6.0, 0.0, 12.0])
def test_snr_is_the_level_of_the_added_noise(noise: Samples, other: Samples, level: float) -> None:
    added = np.float32(10 ** (level / 20)) * orthogonal(noise, other)
    assert snr(noise, noise + added, RATE) == pytest.approx(-level, abs=1e-4)


@pytest.mark.parametrize("level", [-40.0, -6.0, 0.0, 12.0])
def test_si_sdr_is_the_level_of_orthogonal_noise(
    noise: Samples, other: Samples, level: float
) -> None:
    added = np.float32(10 ** (level / 20)) * orthogonal(noise, other)
    assert si_sdr(noise, noise + added, RATE) == pytest.approx(-level, abs=1e-4)


@pytest.mark.parametrize("gain", [-0.5, 1e-3, 3.0])
def test_si_sdr_is_scale_invariant(noise: Samples, other: Samples, gain: float) -> None:
    degraded = noise + 0.1 * other
    scaled = np.float32(gain) * degraded
    assert si_sdr(noise, scaled, RATE) == pytest.approx(si_sdr(noise, degraded, RATE), abs=1e-4)


@pytest.mark.parametrize("gain", [0.5, 0.9])
def test_snr_counts_a_gain_as_an_error(noise: Samples, gain: float) -> None:
    expected = -20 * math.log10(1 - gain)
    assert snr(noise, np.float32(gain) * noise, RATE) == pytest.approx(expected, abs=1e-4)


def test_snr_of_noise_one_sample_late_is_minus_3_db(noise: Samples) -> None:
    assert snr(noise, np.roll(noise, 1), RATE) == pytest.approx(-3.01, abs=0.1)


def test_si_sdr_does_not_remove_the_mean(noise: Samples) -> None:
    offset = noise + np.float32(0.1)
    assert si_sdr(noise, offset, RATE) == pytest.approx(0.0, abs=0.2)


def test_snr_of_a_silent_degraded_signal_is_zero(noise: Samples) -> None:
    assert snr(noise, 0 * noise, RATE) == 0.0


def test_mse_of_a_silent_degraded_signal_is_the_power(noise: Samples) -> None:
    power = float(np.mean(noise.astype(np.float64) ** 2))
    assert mse(noise, 0 * noise, RATE) == pytest.approx(power, rel=1e-12)


def test_mse_averages_over_channels(noise: Samples) -> None:
    stereo = np.concatenate([noise, noise])
    degraded = np.concatenate([noise + np.float32(0.5), noise])
    assert mse(stereo, degraded, RATE) == pytest.approx(0.125, rel=1e-6)


def test_mse_of_equal_signals_is_zero(noise: Samples) -> None:
    assert mse(noise, noise, RATE) == 0.0


@pytest.mark.parametrize("metric", [snr, si_sdr])
def test_ratios_of_equal_signals_are_undefined(metric, noise: Samples) -> None:
    with pytest.raises(UndefinedMetricError, match="no error signal"):
        metric(noise, noise, RATE)


@pytest.mark.parametrize("gain", [0.3, 1.7])
def test_si_sdr_of_a_mere_gain_is_undefined(noise: Samples, gain: float) -> None:
    with pytest.raises(UndefinedMetricError, match="no error signal"):
        si_sdr(noise, np.float32(gain) * noise, RATE)


def test_snr_of_a_24_bit_rounding_is_defined(noise: Samples) -> None:
    rounded = np.round(noise * 2**23) / np.float32(2**23)
    assert 110.0 < snr(noise, rounded, RATE) < 144.5


@pytest.mark.parametrize("metric", [snr, si_sdr])
def test_ratios_with_a_silent_reference_are_undefined(metric, noise: Samples) -> None:
    with pytest.raises(UndefinedMetricError, match="reference signal is silent"):
        metric(0 * noise, noise, RATE)


def test_si_sdr_of_a_silent_degraded_signal_is_undefined(noise: Samples) -> None:
    with pytest.raises(UndefinedMetricError, match="degraded signal is silent"):
        si_sdr(noise, 0 * noise, RATE)


def test_si_sdr_of_disjoint_signals_is_undefined(noise: Samples) -> None:
    first, second = noise.copy(), noise.copy()
    first[:, : RATE // 2] = 0
    second[:, RATE // 2 :] = 0
    with pytest.raises(UndefinedMetricError, match="nothing in common"):
        si_sdr(first, second, RATE)


@pytest.mark.parametrize("metric", [mse, snr, si_sdr])
def test_ten_samples_are_enough_for_waveform_metrics(
    metric, noise: Samples, other: Samples
) -> None:
    assert math.isfinite(metric(noise[:, :10], other[:, :10], RATE))


@pytest.mark.parametrize("metric", [snr, si_sdr])
def test_ratios_refuse_stereo(metric, noise: Samples) -> None:
    stereo = np.concatenate([noise, noise])
    with pytest.raises(ValueError, match="got 2 channels"):
        metric(stereo, stereo, RATE)


@pytest.mark.parametrize(("gain", "expected"), [(0.1, 1.0), (3.0, 1.0), (-1.0, -1.0)])
def test_correlation_of_a_mere_gain_is_its_sign(
    noise: Samples, gain: float, expected: float
) -> None:
    value = waveform_correlation(noise, np.float32(gain) * noise, 48000)
    assert value == pytest.approx(expected, abs=1e-7)
    assert abs(value) <= 1.0


def test_correlation_of_signal_and_as_much_orthogonal_noise_is_half_a_root(
    noise: Samples, other: Samples
) -> None:
    addition = orthogonal(noise, other)
    addition *= np.float32(np.linalg.norm(noise) / np.linalg.norm(addition))
    value = waveform_correlation(noise, noise + addition, 48000)
    assert value == pytest.approx(math.sqrt(0.5), abs=1e-5)


def test_disjoint_signals_have_no_correlation(noise: Samples) -> None:
    first, second = noise.copy(), noise.copy()
    first[:, : noise.shape[1] // 2] = 0
    second[:, noise.shape[1] // 2 :] = 0
    assert waveform_correlation(first, second, 48000) == 0.0
