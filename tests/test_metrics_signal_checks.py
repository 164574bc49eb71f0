"""Band, loudness, clipping and offset of signals where they are known."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from bench.metrics.mfcc_distance import mfcc13
from bench.metrics.signal_checks import bandwidth, clipped_share, dc_shift
from bench.metrics.spec import UndefinedMetricError
from bench.metrics.spectral_distance import lsd, lsd_db
from bench.metrics.stft_distance import spectral_convergence, stft_auraloss, stft_dac
from codec_zoo.samples import Samples

RATE = 48000


@pytest.mark.parametrize("hertz", [3400, 8000, 16000])
def test_a_low_pass_sets_the_bandwidth(noise: Samples, hertz: int) -> None:
    band = scipy.signal.sosfiltfilt(scipy.signal.butter(12, hertz, fs=RATE, output="sos"), noise)
    assert bandwidth(noise, band.astype(np.float32), RATE) == pytest.approx(hertz, rel=0.1)


def test_the_bandwidth_ends_where_the_reference_does(noise: Samples) -> None:
    sections = scipy.signal.cheby2(14, 120, 6000, fs=RATE, output="sos")
    band = scipy.signal.sosfilt(sections, noise).astype(np.float32)
    assert bandwidth(band, band, RATE) < 6100


def test_silence_keeps_no_band(noise: Samples) -> None:
    assert bandwidth(noise, 0 * noise, RATE) == 0.0
    with pytest.raises(UndefinedMetricError, match="reference signal is silent"):
        bandwidth(0 * noise, noise, RATE)


def test_loudness_falls_by_the_gain(noise: Samples) -> None:
    pytest.importorskip("pyloudnorm", reason="codecbench[perceptual] is not installed")
    from bench.metrics.loudness_difference import loudness_difference

    value = loudness_difference(noise, np.float32(0.1) * noise, RATE)
    assert value == pytest.approx(-20.0, abs=1e-3)
    with pytest.raises(UndefinedMetricError, match="degraded signal is below the gate"):
        loudness_difference(noise, 0 * noise, RATE)


def test_samples_at_full_scale_are_clipped() -> None:
    degraded = np.array([[1.0, 0.999, -1.0, -2.0]], np.float32)
    assert clipped_share(0 * degraded, degraded, RATE) == 75.0


def test_the_worst_channel_gives_the_offset(noise: Samples) -> None:
    reference = np.concatenate([noise, noise])
    degraded = reference + np.array([[0.0], [-0.25]], np.float32)
    assert dc_shift(reference, degraded, RATE) == pytest.approx(0.25, abs=1e-6)


def test_mfcc_distance_does_not_see_a_gain_but_a_tilt(noise: Samples) -> None:
    tilted = scipy.signal.lfilter([1.0, -0.9], [1.0], noise).astype(np.float32)
    assert mfcc13(noise, np.float32(0.5) * noise, RATE) == pytest.approx(0.0, abs=1e-3)
    assert mfcc13(noise, tilted, RATE) > 20.0


def test_lsd_in_db_is_ten_times_that_in_decades(noise: Samples) -> None:
    other = noise[:, ::-1]
    assert lsd_db(noise, other, RATE) == 10 * lsd(noise, other, RATE)


def test_stft_dac_of_a_gain_adds_a_relative_and_an_absolute_term(noise: Samples) -> None:
    relative = 2 * 2.0  # two decades of power at each of two scales
    loud, soft = (
        stft_dac(gain * noise, 10 * gain * noise, RATE) for gain in np.float32([1e-1, 1e-3])
    )
    assert loud > soft > relative - 0.2
    assert soft == pytest.approx(relative, abs=0.3)


def test_stft_auraloss_of_a_gain_is_its_closed_form(noise: Samples) -> None:
    value = stft_auraloss(noise, 2 * noise, RATE)
    assert value == pytest.approx(1 + np.log(2), rel=1e-3)


def test_a_silent_degraded_signal_has_a_convergence_of_one(noise: Samples) -> None:
    assert spectral_convergence(noise, 0 * noise, RATE) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("metric", [stft_dac, stft_auraloss, spectral_convergence, mfcc13])
def test_the_shortest_length_is_1025_samples(metric, noise: Samples) -> None:
    assert metric(noise[:, :1025], noise[:, 1025:2050], RATE) > 0
    with pytest.raises(UndefinedMetricError, match="too short: 1024 samples"):
        metric(noise[:, :1024], noise[:, :1024], RATE)
