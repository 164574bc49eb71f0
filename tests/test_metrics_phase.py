"""Phase distances: known delays and turns, and the same figures computed another way."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bench.metrics import phase_distance
from bench.metrics.phase_distance import (
    apd_gd,
    apd_iaf,
    apd_ip,
    group_delay_weighted,
    phase_weighted,
)
from bench.metrics.spec import UndefinedMetricError, metric_spec
from codec_zoo.samples import Samples

RATE = 48000
NAMES = ("apd_ip", "apd_gd", "apd_iaf", "phase_weighted", "group_delay_weighted")
DISTANCES = [apd_ip, apd_gd, apd_iaf, phase_weighted, group_delay_weighted]
RANDOM_APD = math.pi / math.sqrt(3)  # RMS of an angle that is uniform over the circle


@pytest.fixture(scope="module")
def signal() -> Samples:
    return np.random.default_rng(11).normal(0.0, 0.1, (1, RATE)).astype(np.float32)


def plain_phases(signal: Samples) -> np.ndarray:
    """Phases in float64, one frame at a time, shape ``[frames, bins]``."""
    mono = np.pad(signal[0].astype(np.float64), 1024, mode="reflect")
    window = np.hanning(2049)[:-1]
    starts = range(0, mono.size - 2047, 512)
    return np.angle([np.fft.rfft(window * mono[start : start + 2048]) for start in starts])


def plain_apd(difference: np.ndarray) -> float:
    wrapped = (difference + np.pi) % (2 * np.pi) - np.pi
    return float(np.mean(np.sqrt(np.mean(wrapped**2, axis=1))))


def test_the_anti_wrapped_distances_match_a_plain_computation(signal: Samples) -> None:
    degraded = (signal + 0.03 * np.random.default_rng(12).normal(size=signal.shape)).astype("f4")
    difference = plain_phases(signal) - plain_phases(degraded)
    along_bins, along_frames = difference.copy(), difference.copy()
    along_bins[:, 1:] -= difference[:, :-1]
    along_frames[1:] -= difference[:-1]
    for metric, expected in ((apd_ip, difference), (apd_gd, along_bins), (apd_iaf, along_frames)):
        assert metric(signal, degraded, RATE) == pytest.approx(plain_apd(expected), rel=1e-4)


# neighbouring bins and frames share most of a Hann window, and so some of their error
@pytest.mark.parametrize(
    ("metric", "expected"), [(apd_ip, RANDOM_APD), (apd_gd, 1.46), (apd_iaf, 1.47)]
)
def test_unrelated_noise_has_phases_at_random(metric, expected: float, signal: Samples) -> None:
    other = np.random.default_rng(13).normal(0.0, 0.1, signal.shape).astype(np.float32)
    assert metric(signal, other, RATE) == pytest.approx(expected, abs=0.02)


def test_unrelated_noise_is_half_a_turn_off_on_average(signal: Samples) -> None:
    other = np.random.default_rng(13).normal(0.0, 0.1, signal.shape).astype(np.float32)
    assert phase_weighted(signal, other, RATE) == pytest.approx(math.pi / 2, abs=0.02)
    assert group_delay_weighted(signal, other, RATE) == pytest.approx(7.0, abs=0.1)


@pytest.mark.parametrize("delay", [1, 12, 48])
def test_a_delay_is_the_group_delay_error(delay: int) -> None:
    click = np.zeros((1, 4096), np.float32)
    click[0, 2000] = 1.0
    value = group_delay_weighted(click, np.roll(click, delay), RATE)
    assert value == pytest.approx(1000 * delay / RATE, rel=1e-3)


@pytest.mark.parametrize("metric", DISTANCES)
def test_a_gain_leaves_all_of_them_at_zero(metric, signal: Samples) -> None:
    value = metric(signal, np.float32(0.25) * signal, RATE)
    assert value == pytest.approx(0.0, abs=1e-6)


def test_polarity_turns_phases_and_not_their_slopes(signal: Samples) -> None:
    assert phase_weighted(signal, -signal, RATE) == pytest.approx(math.pi, rel=1e-6)
    assert group_delay_weighted(signal, -signal, RATE) == pytest.approx(0.0, abs=1e-6)


def test_a_tone_turned_by_an_eighth_of_a_turn_is_so_much_off() -> None:
    phase = 2 * np.pi * 1500 * np.arange(RATE) / RATE
    tone, turned = (
        (0.5 * np.cos(phase + shift)).astype(np.float32)[np.newaxis] for shift in (0, np.pi / 4)
    )
    assert phase_weighted(tone, turned, RATE) == pytest.approx(np.pi / 4, abs=0.02)


def test_what_the_degraded_signal_lacks_counts_as_random_phase(signal: Samples) -> None:
    degraded = signal.copy()
    degraded[:, RATE // 2 :] = 0.0
    assert phase_weighted(signal, degraded, RATE) == pytest.approx(math.pi / 4, rel=0.05)
    assert group_delay_weighted(signal, degraded, RATE) == pytest.approx(1024 / 192, rel=0.08)


def test_frames_of_a_later_block_go_on_where_the_one_before_ended(
    signal: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    degraded = np.roll(signal, 1, axis=1)
    whole = [metric(signal, degraded, RATE) for metric in DISTANCES]
    monkeypatch.setattr("bench.metrics.spectrum.BLOCK_SAMPLES", 3 * phase_distance.WINDOW)
    parts = [metric(signal, degraded, RATE) for metric in DISTANCES]
    assert parts == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_kept_spectra_serve_several_comparisons(name: str, signal: Samples) -> None:
    spec = metric_spec(name)
    kept = spec.load_features()(signal, RATE)
    for shift in (1, 2):
        degraded = np.roll(signal, shift, axis=1)
        value = spec.load_comparison()(kept, spec.load_features()(degraded, RATE))
        assert value == spec.load()(signal, degraded, RATE)


@pytest.mark.parametrize("metric", DISTANCES)
def test_a_silent_signal_has_no_phase(metric, signal: Samples) -> None:
    with pytest.raises(UndefinedMetricError, match="degraded signal is silent"):
        metric(signal, 0 * signal, RATE)


@pytest.mark.parametrize("metric", DISTANCES)
def test_half_a_window_is_too_short(metric, signal: Samples) -> None:
    with pytest.raises(UndefinedMetricError, match="at least 1025"):
        metric(signal[:, :1024], signal[:, :1024], RATE)
    assert metric(signal[:, :1025], signal[:, :1025], RATE) < 1e-6
