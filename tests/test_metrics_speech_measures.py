"""Measures of enhanced speech against closed forms, and what they are known to get wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from bench.metrics.linear_prediction import itakura_saito, likelihood_ratios, llr
from bench.metrics.segmental_ratio import seg_snr
from bench.metrics.spectral_slope import wss
from bench.metrics.speech_frames import speech_frames
from codec_zoo.samples import Samples

RATE = 16000


@pytest.fixture
def noise() -> Samples:
    return np.random.default_rng(8).normal(0.0, 0.1, (1, RATE)).astype(np.float32)


def filtered(signal: Samples, poles: list[float]) -> Samples:
    return scipy.signal.lfilter([1.0], poles, signal.astype(np.float64)).astype(np.float32)


def plain_llr(reference: Samples, degraded: Samples) -> np.ndarray:
    """Frame by frame, by solving the normal equations."""
    ratios = []
    for clean, coded in zip(*speech_frames(reference, degraded, RATE), strict=True):
        lags = [
            np.correlate(frame, frame, "full")[frame.size - 1 : frame.size + 16]
            for frame in (clean, coded)
        ]
        inverse = [
            np.concatenate([[1], scipy.linalg.solve_toeplitz(row[:-1], -row[1:])]) for row in lags
        ]
        matrix = scipy.linalg.toeplitz(lags[0])
        ratios.append(
            math.log(
                (inverse[1] @ matrix @ inverse[1]) / (inverse[0] @ matrix @ inverse[0]),
            )
        )
    return np.array(ratios)


def test_likelihood_ratios_match_the_normal_equations(noise: Samples) -> None:
    degraded = filtered(noise, [1.0, -0.7])
    expected = plain_llr(noise, degraded)
    np.testing.assert_allclose(likelihood_ratios(noise, degraded, RATE), expected, rtol=1e-6)


def test_llr_of_a_first_order_filter_is_its_closed_form(noise: Samples) -> None:
    # white noise through the inverse filter (1, -a) keeps 1 + a^2 of its power
    value = llr(noise, filtered(noise, [1.0, -0.7]), RATE)
    assert value == pytest.approx(math.log(1 + 0.7**2), abs=0.05)


def test_llr_does_not_see_a_gain_and_itakura_saito_does(noise: Samples) -> None:
    assert llr(noise, 2 * noise, RATE) == pytest.approx(0.0, abs=1e-6)
    assert itakura_saito(noise, 2 * noise, RATE) == pytest.approx(0.25 + math.log(4) - 1, rel=1e-3)


def test_an_empty_band_reaches_the_limits(noise: Samples) -> None:
    low_pass = scipy.signal.firwin(501, 3000, fs=RATE)
    band = scipy.signal.lfilter(low_pass, [1.0], noise).astype(np.float32)
    assert llr(noise, band, RATE) == pytest.approx(2.0, abs=1e-3)
    assert itakura_saito(noise, band, RATE) == pytest.approx(100.0, abs=0.1)


def test_wss_does_not_see_a_gain(noise: Samples) -> None:
    assert wss(noise, 2 * noise, RATE) == pytest.approx(0.0, abs=1e-9)


def test_wss_of_a_tilt_is_the_square_of_its_steps(noise: Samples) -> None:
    # bands above 600 Hz grow by 8 % each, so a slope of 6 dB per octave is about 0.9 dB a band
    degraded = scipy.signal.lfilter([1.0, -0.99], [1.0], noise).astype(np.float32)
    low, high = 0.3, 3.0  # dB per band, over all bands
    assert low**2 < wss(noise, degraded, RATE) < high**2


def test_seg_snr_of_white_noise_is_its_ratio(noise: Samples) -> None:
    other = np.random.default_rng(9).normal(0.0, 0.01, noise.shape).astype(np.float32)
    assert seg_snr(noise, noise + other, RATE) == pytest.approx(20.0, abs=0.2)


def test_seg_snr_stays_within_its_limits(noise: Samples) -> None:
    assert seg_snr(noise, noise, RATE) == 35.0
    assert seg_snr(0.001 * noise, noise, RATE) == -10.0


def test_the_composite_ratings_stay_between_one_and_five(noise: Samples) -> None:
    pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    from bench.metrics.composite import cbak, covl, csig

    other = np.random.default_rng(9).normal(0.0, 1.0, noise.shape).astype(np.float32)
    for rating in (csig, cbak, covl):
        assert rating(noise, noise, RATE) == 5.0
        assert 1.0 <= rating(noise, other, RATE) < 4.0


def test_the_composite_ratings_are_the_published_regression(noise: Samples) -> None:
    pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    from bench.metrics.composite import cbak
    from bench.metrics.listening_quality import pesq_wb

    other = noise + np.random.default_rng(9).normal(0.0, 0.05, noise.shape).astype(np.float32)
    pair = noise, other, RATE
    expected = 1.634 + 0.478 * pesq_wb(*pair) - 0.007 * wss(*pair) + 0.063 * seg_snr(*pair)
    assert cbak(*pair) == pytest.approx(expected, abs=1e-9)
