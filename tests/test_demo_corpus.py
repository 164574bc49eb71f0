"""The committed clips are what their index and README promise, and the script makes them again."""

from __future__ import annotations

import csv
import hashlib
import importlib
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from bench.corpus import demo_corpus, find_sources

TOOLS = Path(__file__).resolve().parents[1] / "tools"
SCRIPT = TOOLS / "make_demo_corpus.py"
FOLDER = demo_corpus()
with (FOLDER / "index.csv").open(newline="", encoding="utf-8") as index:
    ROWS = {row["id"]: row for row in csv.DictReader(index)}
SPEECH = [name for name, row in ROWS.items() if row["category"].endswith("speech")]
CLEAN = [name for name, row in ROWS.items() if row["category"] == "clean_speech"]
MUSIC = [name for name, row in ROWS.items() if row["category"] == "music"]
SAMPLE_RATE = 48_000


@pytest.fixture
def tools(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The modules beside the script, which are on no installed package's path."""
    monkeypatch.syspath_prepend(str(TOOLS))
    names = ("midi_file", "demo_music", "demo_programs", "demo_signals", "signal_level")
    return SimpleNamespace(**{name: importlib.import_module(name) for name in names})


def read(name):
    samples, rate = soundfile.read(FOLDER / ROWS[name]["path"], dtype="float64")
    assert rate == SAMPLE_RATE
    return samples


def decibels(power):
    return 10 * np.log10(power)


def band_share(samples, low, high):
    """Energy between two frequencies in Hz over all energy, in dB."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(samples.size, 1 / SAMPLE_RATE)
    return decibels(power[(low <= frequencies) & (frequencies < high)].sum() / power.sum())


def active_frames_level(samples):
    """RMS level in dBFS of the 20 ms frames within 35 dB of the loudest one."""
    frames = samples[: samples.size // 960 * 960].reshape(-1, 960)
    power = np.mean(frames**2, axis=1)
    return decibels(np.mean(power[power > power.max() * 10**-3.5]))


def test_harness_finds_every_clip() -> None:
    sources = find_sources(FOLDER)
    assert [source.id for source in sources] == list(ROWS)
    assert all(source.path.is_file() for source in sources)


def test_folder_holds_the_indexed_clips_and_no_others() -> None:
    assert {path.name for path in FOLDER.glob("*.flac")} == {row["path"] for row in ROWS.values()}
    assert len(ROWS) == 8


def test_clips_stay_below_two_megabytes() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2_000_000


def test_every_category_is_present() -> None:
    categories = [row["category"] for row in ROWS.values()]
    assert {name: categories.count(name) for name in categories} == {
        "clean_speech": 3,
        "noisy_speech": 2,
        "music": 2,
        "general": 1,
    }


@pytest.mark.parametrize("name", ROWS)
def test_clip_is_the_one_that_the_index_names(name) -> None:
    content = (FOLDER / ROWS[name]["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == ROWS[name]["sha256"]


@pytest.mark.parametrize("name", ROWS)
def test_clip_is_labelled_synthetic_and_free(name) -> None:
    assert ROWS[name]["synthetic"] == "yes"
    assert ROWS[name]["licence"] == "CC0-1.0"
    assert ROWS[name]["made_with"]


@pytest.mark.parametrize("name", ROWS)
def test_clip_is_mono_flac_of_16_bits_at_48_khz(name) -> None:
    info = soundfile.info(FOLDER / ROWS[name]["path"])
    assert (info.format, info.subtype, info.channels) == ("FLAC", "PCM_16", 1)
    assert info.samplerate == int(ROWS[name]["sample_rate"]) == SAMPLE_RATE
    assert info.duration == pytest.approx(float(ROWS[name]["duration_s"]), abs=5e-4)
    assert 3.0 <= info.duration <= 5.0


@pytest.mark.parametrize("name", ROWS)
def test_peak_and_rms_are_as_the_index_says(name) -> None:
    samples = read(name)
    peak = decibels(np.max(samples**2))
    assert peak <= -1.0
    assert peak == pytest.approx(float(ROWS[name]["peak_dbfs"]), abs=0.051)
    rms = decibels(np.mean(samples**2))
    assert rms == pytest.approx(float(ROWS[name]["rms_dbfs"]), abs=0.051)


@pytest.mark.parametrize("name", SPEECH)
def test_active_level_of_speech_is_minus_23_dbfs(name, tools) -> None:
    samples = read(name)
    level = tools.signal_level.active_speech_level(samples[np.newaxis], SAMPLE_RATE)
    assert level == pytest.approx(-23.0, abs=0.05)
    assert active_frames_level(samples) == pytest.approx(-23.0, abs=1.0)


@pytest.mark.parametrize(("name", "level"), [*((name, -20) for name in MUSIC), ("transients", -23)])
def test_rms_level_of_other_clips_is_the_promised_one(name, level) -> None:
    assert decibels(np.mean(read(name) ** 2)) == pytest.approx(level, abs=0.05)


@pytest.mark.parametrize("name", ROWS)
def test_clip_fades_in_and_out(name) -> None:
    samples = read(name)
    assert np.abs(samples[[0, -1]]).max() <= 1 / 32768  # dither alone


@pytest.mark.parametrize("name", ROWS)
def test_no_clip_contains_digital_silence(name) -> None:
    frames = read(name)[: 2 * SAMPLE_RATE].reshape(-1, 480)
    assert np.all(frames.std(axis=1) > 0)


def test_pause_of_noisy_speech_holds_noise_at_the_stated_snr() -> None:
    pause = read("noisy_spanish")[960:9000]
    snr = -23.0 - decibels(np.mean(pause**2))
    assert snr == pytest.approx(float(ROWS["noisy_spanish"]["snr_db"]), abs=1.0)


@pytest.mark.parametrize("name", CLEAN)
def test_clean_speech_holds_nothing_above_11_khz(name) -> None:
    assert band_share(read(name), 11_100, 24_001) < -70.0


@pytest.mark.parametrize("name", CLEAN)
def test_speech_has_pauses_and_syllables(name) -> None:
    frames = read(name)[: 3 * SAMPLE_RATE].reshape(-1, 960)
    levels = decibels(np.mean(frames**2, axis=1))
    assert levels.max() - levels.min() > 60.0
    assert np.sum(np.abs(np.diff(levels)) > 6.0) >= 10


@pytest.mark.parametrize("name", [*MUSIC, "transients"])
def test_music_and_transients_reach_above_12_khz(name) -> None:
    assert band_share(read(name), 12_000, 24_001) > -45.0


def test_waltz_sounds_in_f_major() -> None:
    power = np.abs(np.fft.rfft(read("music_waltz"))) ** 2
    frequencies = np.fft.rfftfreq(read("music_waltz").size, 1 / SAMPLE_RATE)
    heard = (frequencies > 80) & (frequencies < 1000)
    pitches = np.round(69 + 12 * np.log2(frequencies[heard] / 440)).astype(int) % 12
    energy = np.bincount(pitches, weights=power[heard], minlength=12)
    assert energy[[5, 7, 9, 10, 0, 2, 4]].sum() > 10 * energy[[6, 8, 11, 1, 3]].sum()


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "00"), (127, "7f"), (128, "8100"), (0x1FFFFF, "ffff7f"), (0x0FFFFFFF, "ffffff7f")],
)
def test_variable_length_quantity_matches_the_midi_standard(number, expected, tools) -> None:
    assert tools.midi_file.variable_length(number).hex() == expected


def test_midi_file_of_one_note_is_known_byte_by_byte(tools) -> None:
    midi = tools.midi_file
    part = midi.Part(channel=0, program=24, pan=64, notes=(midi.Note(1.0, 0.5, 60, 100),))
    expected = (
        "4d546864 00000006 0000 0001 01e0"  # format 0, one track, 480 ticks a beat
        "4d54726b 0000001d 00ff510307a120"  # 500000 us a beat
        "00b00a40 00c018 8360903c64 8170803c00 8170ff2f00"
    )
    assert midi.midi_file(midi.Score(120, 2.0, (part,))) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("note", "message"),
    [((1.5, 1.0, 60, 100), "lies outside the score"), ((0.0, 1.0, 128, 100), "0 to 127 expected")],
)
def test_impossible_note_is_refused(note, message, tools) -> None:
    midi = tools.midi_file
    part = midi.Part(channel=0, program=0, pan=64, notes=(midi.Note(*note),))
    with pytest.raises(ValueError, match=message):
        midi.midi_file(midi.Score(120, 2.0, (part,)))


def test_active_level_leaves_out_a_long_pause(tools) -> None:
    tone = 0.1 * np.sin(2 * np.pi * 500 * np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE)
    signal = np.concatenate((tone, np.zeros(8 * SAMPLE_RATE)))[np.newaxis]
    # The hangover of 200 ms and the envelope's decay stretch 4 s of tone to about 4.4 s.
    level = tools.signal_level.active_speech_level(signal, SAMPLE_RATE)
    assert level == pytest.approx(decibels(0.1**2 / 2 * 4 / 4.4), abs=0.2)


def test_active_level_of_silence_is_refused(tools) -> None:
    with pytest.raises(ValueError, match="no active speech level"):
        tools.signal_level.active_speech_level(np.full((1, 4800), 1e-7), SAMPLE_RATE)


def test_pink_noise_falls_by_three_decibels_an_octave(tools) -> None:
    noise = tools.demo_signals.pink_noise(10 * SAMPLE_RATE, SAMPLE_RATE, np.random.default_rng(1))
    octaves = [band_share(noise[0], low, 2 * low) for low in (250, 500, 1000, 2000, 4000)]
    assert np.ptp(octaves) < 0.5  # equal power in every octave


def test_missing_program_names_the_packages(tools, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        tools.demo_programs.MissingProgramError, match="apt install espeak-ng fluidsynth"
    ):
        tools.demo_programs.check_programs()


def test_missing_soundfont_is_noticed(tools, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(tools.demo_programs, "SOUNDFONT", tmp_path / "none.sf2")
    with pytest.raises(tools.demo_programs.MissingProgramError, match=r"none\.sf2"):
        tools.demo_programs.check_programs()


def test_silent_rendering_is_refused(tools, tmp_path) -> None:
    path = tmp_path / "silent.wav"
    soundfile.write(path, np.zeros(4800), SAMPLE_RATE)
    with pytest.raises(tools.demo_programs.RenderingError, match=r"peak of 0\.0000"):
        tools.demo_programs._read(path)


def test_two_runs_of_the_script_give_the_same_samples(tools, tmp_path) -> None:
    try:
        tools.demo_programs.check_programs()
    except tools.demo_programs.MissingProgramError as error:
        pytest.skip(str(error))
    for folder in ("first", "second"):
        command = [sys.executable, str(SCRIPT), "--out", str(tmp_path / folder)]
        subprocess.run(command, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    for row in ROWS.values():
        first, second = (
            soundfile.read(tmp_path / folder / row["path"], dtype="int16")[0]
            for folder in ("first", "second")
        )
        assert np.array_equal(first, second), row["id"]
