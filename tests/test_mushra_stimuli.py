"""Stimuli: levels, fades, files that tell nothing; and the sounds of the headphone screening."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from bench.audio import AudioError
from mushra_web.building.headphone_screening import N_INTERVALS, PITCH, screening_sounds
from mushra_web.building.stimuli import (
    LSB,
    both_ears,
    faded,
    level_matched,
    loudest_stretch,
    loudness,
    to_24_bits,
    write_stimulus,
)

RATE = 24_000


def tone(frequency=997.0, amplitude=0.5, duration=2.0, sample_rate=RATE):
    time = np.arange(round(duration * sample_rate)) / sample_rate
    return (amplitude * np.sin(2 * np.pi * frequency * time)).astype(np.float32)[None]


def generator(seed=0):
    return np.random.default_rng(seed)


def test_the_gain_of_a_codec_is_taken_out_and_told():
    reference = tone()
    samples, gain_db = level_matched(reference, reference * np.float32(0.5))
    assert gain_db == pytest.approx(-6.0206, abs=1e-3)
    np.testing.assert_allclose(samples, reference, atol=1e-6)


def test_a_silent_decoded_signal_is_refused():
    with pytest.raises(AudioError, match="decoded audio is silent"):
        level_matched(tone(), np.zeros_like(tone()))


@pytest.mark.parametrize("sample_rate", [16_000, 48_000, 96_000])
def test_a_full_scale_tone_in_both_ears_has_the_loudness_of_the_standard(sample_rate):
    """ITU-R BS.1770-4: 997 Hz at 0 dBFS in one channel reads -3.01 LKFS; in two, 3.01 more."""
    assert loudness(tone(amplitude=1.0, sample_rate=sample_rate), sample_rate) == pytest.approx(
        0.0, abs=0.1
    )


def test_silence_has_no_loudness():
    with pytest.raises(AudioError, match="no loudness"):
        loudness(np.zeros((1, RATE), np.float32), RATE)


def test_fades_last_five_milliseconds_and_add_up_to_one():
    shape = faded(np.ones((1, RATE), np.float32), RATE)[0]
    n = round(0.005 * RATE)
    assert shape[0] == 0
    assert (shape[n:-n] == 1).all()
    np.testing.assert_allclose(shape[1:n] + shape[n - 1 : 0 : -1], 1, atol=1e-6)
    np.testing.assert_allclose(shape[:n], shape[::-1][:n])


def test_the_loudest_stretch_is_where_the_burst_is():
    signal = 0.01 * tone(duration=5.0)
    signal[:, 3 * RATE : 4 * RATE] *= 50
    assert loudest_stretch(signal, RATE) == pytest.approx(3 * RATE, abs=RATE // 100)


def test_dual_mono_gives_both_ears_the_same(tmp_path):
    write_stimulus(tmp_path / "a.wav", tone(), RATE, generator())
    left, right = soundfile.read(tmp_path / "a.wav", dtype="int32")[0].T
    assert (left == right).all()
    assert both_ears(tone()).shape[0] == 2


def test_files_of_equal_length_tell_nothing_by_size_time_or_metadata(tmp_path):
    quiet, loud = tmp_path / "quiet.wav", tmp_path / "loud.wav"
    write_stimulus(quiet, tone(amplitude=1e-4), RATE, generator(1))
    write_stimulus(loud, tone(amplitude=0.9), RATE, generator(2))
    assert quiet.stat().st_size == loud.stat().st_size == 44 + 2 * 3 * 2 * RATE
    assert quiet.stat().st_mtime == loud.stat().st_mtime
    assert quiet.read_bytes()[:44] == loud.read_bytes()[:44]


def test_the_same_signal_twice_makes_files_that_differ_by_dither_alone(tmp_path):
    dither = generator()
    hashes = {write_stimulus(tmp_path / f"{n}.wav", tone(), RATE, dither) for n in range(2)}
    first, second = (soundfile.read(tmp_path / f"{n}.wav")[0] for n in range(2))
    assert len(hashes) == 2
    assert 0 < np.abs(first - second).max() <= 3 * LSB


def test_dither_is_triangular_and_without_bias():
    steps = to_24_bits(np.zeros((1, 200_000), np.float32), generator())
    values, counts = np.unique(steps, return_counts=True)
    assert values.tolist() == [-1, 0, 1]
    np.testing.assert_allclose(counts / steps.size, [1 / 8, 3 / 4, 1 / 8], atol=0.005)


def test_a_signal_that_would_clip_is_refused():
    with pytest.raises(AudioError, match=r"peak is 1\.500; below 1 expected"):
        to_24_bits(tone(amplitude=1.5, frequency=1000.0), generator())


def intervals(sound):
    n = round(sound.duration * RATE)
    starts = [round(start * RATE) for start in sound.starts]
    return [sound.samples[:, start : start + n] for start in starts]


@pytest.mark.parametrize("kind", ["huggins", "antiphase"])
def test_each_interval_is_the_right_answer_twice_and_nothing_clips(kind):
    sounds = screening_sounds(kind, RATE, generator(3))
    assert sorted(sound.answer for sound in sounds) == [0, 0, 1, 1, 2, 2]
    assert max(np.abs(sound.samples).max() for sound in sounds) < 1
    assert len({sound.samples.shape for sound in sounds}) == 1
    assert all(len(sound.starts) == N_INTERVALS for sound in sounds)


def test_huggins_pitch_lies_between_the_ears_and_in_neither_of_them():
    for sound in screening_sounds("huggins", RATE, generator(3)):
        for index, (left, right) in enumerate(intervals(sound)):
            frequencies = np.fft.rfftfreq(left.size, 1 / RATE)
            band = np.abs(frequencies - PITCH) < 0.05 * PITCH
            left_power, right_power, sum_power = (
                np.square(np.abs(np.fft.rfft(signal)))[band].sum()
                for signal in (left, right, left + right)
            )
            assert right_power == pytest.approx(left_power, rel=0.05)
            assert (sum_power < 0.1 * left_power) == (index == sound.answer)


def test_the_antiphase_tone_cancels_and_the_answer_is_six_decibels_quieter():
    for sound in screening_sounds("antiphase", RATE, generator(3)):
        levels = [np.abs(interval[0]).max() for interval in intervals(sound)]
        sums = [np.abs(interval.sum(axis=0)).max() for interval in intervals(sound)]
        loudest = max(levels)
        assert np.argmin(levels) == sound.answer
        assert 20 * np.log10(min(levels) / loudest) == pytest.approx(-6.0, abs=0.01)
        assert sum(total < 1e-6 for total in sums) == 1
        assert int(np.argmin(sums)) != sound.answer
