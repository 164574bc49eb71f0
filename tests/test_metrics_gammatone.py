"""ViSQOL's spectrograms, faster and kept: the bits are those of visqol-python."""

from __future__ import annotations

import numpy as np
import pytest
from visqol import AudioSignal, VisqolApi
from visqol.analysis_window import AnalysisWindow
from visqol.gammatone import GammatoneSpectrogramBuilder

from bench.metrics import gammatone
from bench.metrics.auditory_similarity import visqol_audio, visqol_speech
from bench.metrics.gammatone import KeptSpectrograms
from bench.metrics.spec import metric_spec
from codec_zoo.samples import Samples

RATES = {"audio": 48000, "speech": 16000}
BANDS = {"audio": 32, "speech": 21}
METRICS = {"audio": visqol_audio, "speech": visqol_speech}


def syllables(rate: int, *, seconds: float = 1.5, seed: int = 0) -> Samples:
    """Noise in the rhythm of syllables, shape ``(1, samples)``."""
    time = np.arange(int(seconds * rate)) / rate
    rhythm = 0.05 + np.clip(np.sin(2 * np.pi * 3 * time), 0, None)
    noise = np.random.default_rng(seed).normal(0.0, 0.1, time.size)
    return (rhythm * noise).astype(np.float32)[np.newaxis]


def degraded(rate: int, gain: float) -> Samples:
    return syllables(rate) + np.float32(gain) * syllables(rate, seed=1)


# 4, 16, 17 and 44 frames of 80 ms: less than one group of lanes, one, one more, several
@pytest.mark.parametrize("seconds", [0.14, 0.39, 0.41, 0.95])
@pytest.mark.parametrize("mode", RATES)
def test_spectrograms_have_the_bits_of_visqol_python(mode: str, seconds: float) -> None:
    rate, speech = RATES[mode], mode == "speech"
    signal = AudioSignal(syllables(rate, seconds=seconds), rate)
    window = AnalysisWindow(rate)
    expected = GammatoneSpectrogramBuilder(BANDS[mode], 50.0, speech_mode=speech)
    found = KeptSpectrograms(BANDS[mode], 50.0, speech_mode=speech).build(signal, window)
    assert np.array_equal(found.data, expected.build(signal, window).data)
    assert np.array_equal(found.center_freq_bands, expected.build(signal, window).center_freq_bands)


@pytest.mark.parametrize("mode", RATES)
def test_scores_have_the_bits_of_visqol_python(mode: str) -> None:
    api, rate = VisqolApi(), RATES[mode]
    api.create(mode=mode, use_lattice_model=mode == "speech")
    for gain in (0.03, 0.5):
        reference, other = syllables(rate), degraded(rate, gain)
        expected = api.measure_from_arrays(reference[0], other[0], rate).moslqo
        assert METRICS[mode](reference, other, rate) == expected


@pytest.mark.parametrize("mode", RATES)
def test_a_kept_reference_gives_the_same_scores(mode: str) -> None:
    spec, rate = metric_spec(f"visqol_{mode}"), RATES[mode]
    analyse, compare = spec.load_features(), spec.load_comparison()
    reference = analyse(syllables(rate), rate)
    for gain in (0.5, 0.03, 0.5):
        value = compare(reference, analyse(degraded(rate, gain), rate))
        assert value == METRICS[mode](syllables(rate), degraded(rate, gain), rate)


@pytest.mark.parametrize("mode", RATES)
def test_a_reference_is_analysed_once_for_all_degraded_signals(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[bytes] = []

    def count(samples: np.ndarray, *arguments: object) -> np.ndarray:
        built.append(samples.tobytes())
        return original(samples, *arguments)

    original = gammatone.band_levels
    monkeypatch.setattr(gammatone, "band_levels", count)
    spec, rate = metric_spec(f"visqol_{mode}"), RATES[mode]
    analyse, compare = spec.load_features(), spec.load_comparison()
    reference = analyse(syllables(rate), rate)
    for gain in (0.03, 0.04, 0.05):
        compare(reference, analyse(degraded(rate, gain), rate))
    assert len(built) == len(set(built))
    assert sum(samples == syllables(rate)[0].astype(np.float64).tobytes() for samples in built) == 1


def test_one_window_is_too_short_for_a_spectrogram() -> None:
    window = AnalysisWindow(16000)
    with pytest.raises(ValueError, match="1280 samples; more than one window of 1280 needed"):
        KeptSpectrograms(21, 50.0, speech_mode=True).build(
            AudioSignal(np.ones(1280), 16000), window
        )
