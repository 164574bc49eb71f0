"""PESQ, STOI and ViSQOL where their libraries go wrong, and their behaviour in general."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from bench.metrics.auditory_similarity import visqol_audio, visqol_speech
from bench.metrics.intelligibility import estoi, stoi
from bench.metrics.spec import UndefinedMetricError, metric_spec
from bench.metrics.speech_activity import utterance_count
from codec_zoo.samples import Samples

RATES = {
    "pesq_wb": 16000,
    "pesq_nb": 8000,
    "stoi": 16000,
    "estoi": 16000,
    "visqol_audio": 48000,
    "visqol_speech": 16000,
}
SHORTEST = {
    "pesq_wb": 4000,
    "pesq_nb": 2000,
    "stoi": 6556,
    "estoi": 6556,
    "visqol_audio": 46080,
    "visqol_speech": 10240,
}


def speech_like(sample_rate: int, seconds: float = 2.0, seed: int = 5) -> Samples:
    """Noise in the rhythm of syllables, shape ``(1, samples)``."""
    n_samples = int(seconds * sample_rate)
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * np.arange(n_samples) / sample_rate)
    noise = np.random.default_rng(seed).normal(0.0, 0.1, n_samples)
    return (envelope * noise).astype(np.float32)[np.newaxis]


@pytest.fixture(params=RATES)
def case(request: pytest.FixtureRequest):
    """One metric: its name, function, rate and a reference."""
    if request.param.startswith("pesq"):
        pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    rate = RATES[request.param]
    return request.param, metric_spec(request.param).load(), rate, speech_like(rate)


def test_more_noise_scores_worse(case) -> None:
    _, metric, rate, reference = case
    noise = speech_like(rate, seed=6)
    values = [metric(reference, reference + np.float32(g) * noise, rate) for g in (0.03, 0.2, 1.0)]
    assert values == sorted(values, reverse=True)
    assert values[0] > values[2] + 0.05


def test_values_lie_in_the_documented_range(case) -> None:
    name, metric, rate, reference = case
    low, high = metric_spec(name).range
    for degraded in (reference, speech_like(rate, seed=7)):
        assert low <= metric(reference, degraded, rate) <= high + 1e-9


def test_a_value_repeats(case) -> None:
    _, metric, rate, reference = case
    degraded = reference.copy()
    degraded[:, rate // 2 : rate] = 0  # here ESTOI depends on a dither
    first, second = (metric(reference, degraded, rate) for _ in range(2))
    assert first == pytest.approx(second, abs=1e-12)


@pytest.mark.parametrize("role", ["reference", "degraded"])
def test_a_silent_signal_is_undefined(case, role: str) -> None:
    _, metric, rate, sound = case
    pair = (0 * sound, sound) if role == "reference" else (sound, 0 * sound)
    with pytest.raises(UndefinedMetricError, match=f"the {role} signal is silent"):
        metric(*pair, rate)


def test_two_silences_are_undefined(case) -> None:
    _, metric, rate, sound = case
    with pytest.raises(UndefinedMetricError, match="reference signal is silent"):
        metric(0 * sound, 0 * sound, rate)


def test_ten_samples_are_undefined(case) -> None:
    _, metric, rate, sound = case
    with pytest.raises(UndefinedMetricError, match="too short: 10 samples"):
        metric(sound[:, :10], sound[:, :10], rate)


def test_the_shortest_length_is_the_documented_one(case) -> None:
    name, metric, rate, sound = case
    shortest = SHORTEST[name]
    constant = 0.1 * np.sign(sound)  # no pauses that STOI would drop
    assert metric(constant[:, :shortest], constant[:, :shortest], rate) > 0.9
    with pytest.raises(UndefinedMetricError, match=f"at least {shortest} "):
        metric(constant[:, : shortest - 1], constant[:, : shortest - 1], rate)
    assert metric_spec(name).min_duration == pytest.approx(shortest / rate, abs=1e-4)


def test_nan_is_an_error_and_no_undefined_value(case) -> None:
    _, metric, rate, sound = case
    broken = sound.copy()
    broken[0, 5] = np.nan
    with pytest.raises(ValueError, match="degraded signal has 1 samples that are NaN") as caught:
        metric(sound, broken, rate)
    assert not isinstance(caught.value, UndefinedMetricError)


def test_stereo_is_refused(case) -> None:
    _, metric, rate, sound = case
    stereo = np.concatenate([sound, sound])
    with pytest.raises(ValueError, match="got 2 channels"):
        metric(stereo, stereo, rate)


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb", "visqol_audio", "visqol_speech"])
def test_another_rate_is_refused(name: str) -> None:
    if name.startswith("pesq"):
        pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    sound = speech_like(44100)
    with pytest.raises(ValueError, match=f"got 44100 Hz; .* at {RATES[name]} Hz"):
        metric_spec(name).load()(sound, sound, 44100)


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb", "stoi", "estoi"])
def test_unequal_lengths_are_refused(name: str) -> None:
    if name.startswith("pesq"):
        pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    sound = speech_like(RATES[name])
    with pytest.raises(ValueError, match="equal shapes expected"):
        metric_spec(name).load()(sound, sound[:, 1:], RATES[name])


@pytest.mark.parametrize("metric", [visqol_audio, visqol_speech])
def test_visqol_bridges_a_delay(metric) -> None:
    rate = RATES[metric.__name__]
    reference = speech_like(rate)
    delayed = np.pad(reference, ((0, 0), (rate // 10, 0)))
    aligned = metric(reference, reference, rate)
    assert metric(reference, delayed, rate) == pytest.approx(aligned, abs=0.1)


def test_visqol_refuses_lengths_that_differ_by_more_than_a_second() -> None:
    sound = speech_like(16000, seconds=4.0)
    with pytest.raises(ValueError, match="ViSQOL bridges at most 1 s: cut them first"):
        visqol_speech(sound, sound[:, : 2 * 16000], 16000)


@pytest.mark.parametrize("metric", [visqol_audio, visqol_speech])
def test_visqol_is_undefined_for_a_reference_below_its_noise_floor(metric) -> None:
    rate = RATES[metric.__name__]
    quiet = np.float32(0.01) * speech_like(rate)
    with pytest.raises(UndefinedMetricError, match="reference signal is silent or nearly so: -6"):
        metric(quiet, speech_like(rate, seed=8), rate)


def test_visqol_survives_concurrent_callers() -> None:
    reference, degraded = speech_like(48000, 1.0), speech_like(48000, 1.0, seed=9)
    expected = visqol_audio(reference, degraded, 48000)
    values: list[float] = []
    threads = [
        threading.Thread(target=lambda: values.append(visqol_audio(reference, degraded, 48000)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert values == pytest.approx([expected] * 3, abs=1e-12)


@pytest.mark.parametrize("metric", [stoi, estoi])
def test_intelligibility_is_undefined_where_the_pauses_leave_too_little(metric) -> None:
    mostly_silent = speech_like(16000)
    mostly_silent[:, 3200:] = 0
    with pytest.raises(UndefinedMetricError, match="less than 384 ms are left"):
        metric(mostly_silent, mostly_silent, 16000)


def test_estoi_leaves_the_global_generator_alone() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the state that is under test
    estoi(speech_like(16000), speech_like(16000, seed=10), 16000)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("count", [1, 7, 60])
def test_utterances_are_bursts_between_pauses(count: int) -> None:
    burst = np.concatenate([speech_like(8000, 0.5)[0], np.zeros(4000, np.float32)])
    assert utterance_count(np.tile(burst, count)[np.newaxis], 8000) == count


def test_a_steady_signal_has_at_most_one_utterance() -> None:
    steady = np.full((1, 8000), 0.1, np.float32)
    steady[:, ::2] *= -1
    assert utterance_count(steady, 8000) <= 1


def test_pauses_under_200_ms_do_not_separate_utterances() -> None:
    burst = np.concatenate([speech_like(8000, 0.5)[0], np.zeros(1500, np.float32)])
    assert utterance_count(np.tile(burst, 5)[np.newaxis], 8000) == 1


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb"])
def test_pesq_refuses_more_utterances_than_its_tables_hold(name: str) -> None:
    pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    rate = RATES[name]
    burst = np.concatenate([speech_like(rate, 0.5)[0], np.zeros(rate // 2, np.float32)])
    long = np.tile(burst, 60)[np.newaxis]
    with pytest.raises(UndefinedMetricError, match=r"about 60 utterances.*cut the signal"):
        metric_spec(name).load()(long, long, rate)


@pytest.mark.parametrize("name", ["pesq_wb", "pesq_nb"])
def test_pesq_without_utterances_is_undefined(name: str) -> None:
    pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    rate = RATES[name]
    blip = np.zeros((1, 2 * rate), np.float32)
    blip[:, rate : rate + rate // 10] = speech_like(rate, 0.1)
    with pytest.raises(UndefinedMetricError, match="no utterances"):
        metric_spec(name).load()(blip, blip, rate)
