"""Pitch, voicing and mel cepstrum by WORLD: known pitches, known envelopes, gains."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")

from bench.metrics import world
from bench.metrics.mel_cepstrum import mel_cepstra
from bench.metrics.spec import MetricUnavailableError, UndefinedMetricError
from bench.metrics.world_distance import (
    f0_corr_versa,
    f0_rmse_versa,
    f0_rmse_world24,
    mcd_versa,
    mcd_world24,
    uv_error_world24,
)
from codec_zoo.samples import Samples

RATE = 24000


def buzz(hertz: float, seconds: float = 0.6, *, voiced: float = 1.0) -> Samples:
    """Harmonics of a pitch, followed by faint noise where unvoiced, shape ``(1, samples)``."""
    time = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.cos(2 * np.pi * hertz * number * time) for number in range(1, 20))
    signal = 0.03 * tones * (time < voiced * seconds)
    noise = np.random.default_rng(4).standard_normal(time.size)
    return (signal + 1e-4 * noise).astype(np.float32)[np.newaxis]


def test_the_pitch_error_is_the_difference_of_two_pitches() -> None:
    assert f0_rmse_world24(buzz(150), buzz(160), RATE) == pytest.approx(10.0, abs=0.3)


def test_frames_voiced_in_one_signal_only_count_as_voicing_errors() -> None:
    whole, half = buzz(150), buzz(150, voiced=0.5)
    assert uv_error_world24(whole, half, RATE) == pytest.approx(50.0, abs=6.0)
    assert f0_rmse_world24(whole, half, RATE) < 2.0


def test_versa_counts_unvoiced_frames_as_zero_hertz() -> None:
    whole, half = buzz(150), buzz(150, voiced=0.5)
    assert f0_rmse_versa(whole, half, RATE) == pytest.approx(150 * math.sqrt(0.5), rel=0.1)


def test_a_gain_changes_only_the_cepstral_distortion_with_c0() -> None:
    signal = buzz(150)
    gain = np.float32(0.5)
    assert mcd_world24(signal, gain * signal, RATE) == pytest.approx(0.0, abs=0.05)
    step = 10 / math.log(10) * math.sqrt(2) * math.log(2)  # of c0 alone
    assert mcd_versa(signal, gain * signal, RATE) == pytest.approx(step, abs=0.05)


def test_noise_without_pitch_leaves_the_pitch_error_undefined() -> None:
    noise = np.random.default_rng(5).normal(0.0, 0.1, (1, RATE // 2)).astype(np.float32)
    with pytest.raises(UndefinedMetricError, match="no frame is voiced in both"):
        f0_rmse_world24(0.001 * noise, buzz(150, 0.5), RATE)


def test_a_signal_without_pitch_has_no_correlation() -> None:
    noise = np.full((1, RATE // 2), 0.1, np.float32)
    with pytest.raises(UndefinedMetricError, match="nothing to correlate"):
        f0_corr_versa(noise, noise, RATE)


@pytest.mark.parametrize("role", ["reference", "degraded"])
def test_silence_is_undefined_and_named(role: str) -> None:
    sound = buzz(150, 0.2)
    pair = (0 * sound, sound) if role == "reference" else (sound, 0 * sound)
    with pytest.raises(UndefinedMetricError, match=f"the {role} signal is silent"):
        mcd_world24(*pair, RATE)


def test_the_mel_cepstrum_of_an_all_pass_warped_cosine_is_one_coefficient() -> None:
    alpha, order = 0.4, 3
    omega = np.linspace(0, np.pi, 513)
    warped = omega + 2 * np.arctan(alpha * np.sin(omega) / (1 - alpha * np.cos(omega)))
    power = np.exp(2 * np.cos(2 * warped))[np.newaxis]
    np.testing.assert_allclose(mel_cepstra(power, order, alpha), [[0, 0, 1, 0]], atol=1e-9)


def test_a_value_repeats_to_the_bit() -> None:
    signal, other = buzz(150, 0.3), buzz(170, 0.3)
    assert mcd_world24(signal, other, RATE) == mcd_world24(signal, other, RATE)


def test_a_missing_pyworld_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MetricUnavailableError, match=r"pip install 'codecbench\[perceptual\]'"):
        world._load_world.__wrapped__()
