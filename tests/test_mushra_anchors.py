"""Low-pass anchors inside the mask of ITU-R BS.1534-3, measured in the files that are written."""

from __future__ import annotations

import numpy as np
import pytest

from bench.alignment import estimate_lag
from bench.audio import read_audio
from mushra_web.building.anchors import (
    CUTOFFS,
    MAX_RIPPLE,
    AnchorError,
    anchor_filter,
    make_anchor,
    measure_anchor,
)
from mushra_web.building.stimuli import faded, write_stimulus

RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000)


def white_noise(sample_rate, duration=1.5, seed=0):
    generator = np.random.default_rng(seed)
    return (0.1 * generator.standard_normal((1, round(duration * sample_rate)))).astype(np.float32)


def written(samples, sample_rate, path):
    write_stimulus(path, faded(samples, sample_rate), sample_rate, np.random.default_rng(1))
    return read_audio(path)[0]


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("anchor", CUTOFFS)
def test_the_files_lie_inside_the_mask_at_every_rate_and_come_without_lag(
    anchor, sample_rate, tmp_path
):
    noise = white_noise(sample_rate)
    reference = written(noise, sample_rate, tmp_path / "reference.wav")
    filtered = written(make_anchor(noise, sample_rate, anchor), sample_rate, tmp_path / "a.wav")
    cutoff = CUTOFFS[anchor]
    response = measure_anchor(reference, filtered, sample_rate, cutoff)
    assert response.is_inside_mask
    assert response.ripple < MAX_RIPPLE / 10
    assert response.attenuations[0] > 50
    assert (response.attenuations[1] is None) == (9 / 7 * cutoff > sample_rate / 2)
    assert abs(response.delay) < 0.001
    assert estimate_lag(reference, filtered, sample_rate, sample_rate // 10) == 0
    assert filtered.shape == reference.shape


@pytest.mark.parametrize("sample_rate", RATES)
def test_taps_are_symmetric_and_pass_steady_signals_unchanged(sample_rate):
    taps = anchor_filter(3500, sample_rate)
    assert taps.size % 2 == 1
    np.testing.assert_allclose(taps, taps[::-1], atol=1e-16)
    assert taps.sum() == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("frequency", [4000, 4250, 4500, 6000])
def test_the_mask_holds_for_single_tones(frequency):
    """The frequency response of the taps, which no measurement stands between."""
    taps = anchor_filter(3500, 44_100)
    phase = 2 * np.pi * frequency / 44_100 * np.arange(taps.size)
    attenuation = -20 * np.log10(abs(taps @ np.exp(-1j * phase)))
    assert attenuation >= (25 if frequency < 4500 else 50)


def test_a_late_anchor_is_measured_as_late():
    noise = white_noise(24_000)
    late = np.roll(make_anchor(noise, 24_000, "anchor35"), 3, axis=1)
    assert measure_anchor(noise, late, 24_000, 3500).delay == pytest.approx(3, abs=0.01)


def test_a_filter_that_is_too_gentle_is_found_outside_of_the_mask():
    noise = white_noise(24_000)
    gentle = make_anchor(noise, 24_000, "anchor35") + np.float32(0.01) * noise
    response = measure_anchor(noise, gentle, 24_000, 3500)
    assert response.attenuations[1] == pytest.approx(40, abs=0.5)
    assert not response.is_inside_mask


def test_a_rate_without_room_for_the_stop_band_is_refused():
    with pytest.raises(AnchorError, match=r"7 kHz needs a sample rate of 16000 Hz or more"):
        make_anchor(white_noise(12_000), 12_000, "anchor70")


def test_a_reference_without_energy_cannot_be_measured():
    silence = np.zeros((1, 24_000), np.float32)
    with pytest.raises(AnchorError, match=r"no energy up to 3\.5 kHz"):
        measure_anchor(silence, silence, 24_000, 3500)
