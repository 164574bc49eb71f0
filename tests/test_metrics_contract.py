"""What every metric of the catalogue keeps to, whatever it measures."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import pytest

from bench.metrics.catalogue import perceptual, spectral, speech, waveform
from bench.metrics.spec import MetricSpec, MetricUnavailableError, UndefinedMetricError
from codec_zoo.samples import Samples

SPECS = {
    spec.name: spec
    for module in (perceptual, waveform, spectral, speech)
    for spec in vars(module).values()
    if isinstance(spec, MetricSpec)
}
RATE = 24000  # Hz, for metrics that take any
DNSMOS = tuple(name for name in SPECS if name.startswith("dnsmos"))
WITHOUT_REFERENCE = (*DNSMOS, "clipped_share")
# Neither a constant that is added nor the band that is kept moves with a little noise.
# Frames that noise leaves unvoiced drop out of the pitch error. Narrowband PESQ of this voice at
# 16 kHz is 1.2 in some hiss and 1.4 in more, at the end of its scale.
BLIND_TO_NOISE = (
    *WITHOUT_REFERENCE,
    "f0_rmse_world24",
    "pesq_nb_16k",
    "dc_shift",
    "bandwidth",
    "loudness_difference",
)
UNDEFINED_WHEN_EQUAL = ("snr", "si_sdr", "si_sdr_dac")
# Values of equal signals, where that is not zero
OF_EQUAL_SIGNALS = {
    "stoi": 1.0,
    "estoi": 1.0,
    "pesq_wb": 4.644,
    "pesq_nb": 4.549,
    "pesq_nb_16k": 4.549,
    "visqol_audio": 4.732,
    "f0_corr_versa": 1.0,
    "waveform_correlation": 1.0,
    "seg_snr": 35.0,
    "csig": 5.0,
    "cbak": 5.0,
    "covl": 5.0,
    "bandwidth": RATE / 2,
}


def metrics(accepted: Callable[[MetricSpec], bool] = lambda spec: True) -> pytest.MarkDecorator:
    """Run a test for each metric that is accepted."""
    chosen = [spec for spec in SPECS.values() if accepted(spec)]
    return pytest.mark.parametrize("spec", chosen, ids=lambda spec: spec.name)


def voice(spec: MetricSpec, *, seed: int = 0) -> Samples:
    """A gliding buzz in syllables with some hiss, at the metric's rate, shape ``(1, samples)``."""
    return _voice(spec.sample_rate or RATE, 9.1 if spec.name in DNSMOS else 1.2, seed)


@functools.cache
def _voice(rate: int, seconds: float, seed: int) -> Samples:
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * time)) / rate
    buzz = sum(np.cos(number * phase) for number in range(1, 25))
    hiss = np.random.default_rng(seed).standard_normal(time.size)
    signal = 0.02 * np.clip(np.sin(2 * np.pi * 2 * time), 0, 1) * buzz + 0.003 * hiss
    return signal.astype(np.float32)[np.newaxis]


def function(spec: MetricSpec):
    try:
        return spec.load()
    except MetricUnavailableError as error:
        pytest.skip(str(error))


@metrics(lambda spec: spec.name not in (*DNSMOS, "visqol_speech"))
def test_equal_signals_get_the_best_value(spec: MetricSpec) -> None:
    metric, signal, rate = function(spec), voice(spec), spec.sample_rate or RATE
    if spec.name in UNDEFINED_WHEN_EQUAL:
        with pytest.raises(UndefinedMetricError, match="no error signal"):
            metric(signal, signal, rate)
        return
    expected = OF_EQUAL_SIGNALS.get(spec.name, 0.0)
    assert metric(signal, signal, rate) == pytest.approx(expected, abs=2e-3)


@metrics(lambda spec: spec.name not in BLIND_TO_NOISE)
def test_more_noise_scores_worse(spec: MetricSpec) -> None:
    metric, signal, rate = function(spec), voice(spec), spec.sample_rate or RATE
    noise = np.random.default_rng(1).standard_normal(signal.shape)
    values = [
        metric(signal, (signal + gain * noise).astype(np.float32), rate)
        for gain in (0.002, 0.02, 0.2)
    ]
    assert values == sorted(values, reverse=spec.direction == "higher")
    assert abs(values[0] - values[2]) > 1e-3


@metrics(lambda spec: bool(spec.features))
def test_features_give_the_value_of_the_function(spec: MetricSpec) -> None:
    metric, rate = function(spec), spec.sample_rate or RATE
    signal, other = voice(spec), 0.7 * voice(spec, seed=1)
    analyse, compare = spec.load_features(), spec.load_comparison()
    value = compare(analyse(signal, rate), analyse(other, rate))
    assert value == pytest.approx(metric(signal, other, rate), rel=1e-9)


@metrics()
def test_silence_gives_no_value_or_a_finite_one(spec: MetricSpec) -> None:
    metric, signal, rate = function(spec), voice(spec), spec.sample_rate or RATE
    for pair in ((signal, 0 * signal), (0 * signal, signal), (0 * signal, 0 * signal)):
        try:
            assert math.isfinite(metric(*pair, rate))
        except UndefinedMetricError as error:
            reason = str(error)
            assert any(word in reason for word in ("silent", "nothing", "gate", "voiced"))


@metrics()
def test_no_samples_are_undefined(spec: MetricSpec) -> None:
    nothing = np.zeros((1, 0), np.float32)
    with pytest.raises(UndefinedMetricError, match="has no samples"):
        function(spec)(nothing, nothing, spec.sample_rate or RATE)


@metrics()
def test_nan_is_refused(spec: MetricSpec) -> None:
    signal = voice(spec)
    broken = signal.copy()
    broken[0, 7] = np.nan
    with pytest.raises(ValueError, match="degraded signal has 1 samples that are NaN") as caught:
        function(spec)(signal, broken, spec.sample_rate or RATE)
    assert not isinstance(caught.value, UndefinedMetricError)


@metrics(lambda spec: not spec.name.startswith("visqol"))
def test_different_lengths_are_refused(spec: MetricSpec) -> None:
    signal = voice(spec)
    with pytest.raises(ValueError, match="equal shapes expected"):
        function(spec)(signal, signal[:, 1:], spec.sample_rate or RATE)


@metrics(lambda spec: spec.mono)
def test_stereo_is_refused_where_channels_are_averaged_before(spec: MetricSpec) -> None:
    stereo = np.concatenate([voice(spec)] * 2)
    with pytest.raises(ValueError, match="got 2 channels"):
        function(spec)(stereo, stereo, spec.sample_rate or RATE)


@metrics(lambda spec: spec.sample_rate is not None)
def test_another_rate_is_refused_where_one_is_declared(spec: MetricSpec) -> None:
    signal = voice(spec)
    with pytest.raises(ValueError, match=f"defined at {spec.sample_rate} Hz"):
        function(spec)(signal, signal, 11025)


@metrics(lambda spec: spec.min_duration > 0)
def test_the_declared_shortest_input_is_enough(spec: MetricSpec) -> None:
    rate = spec.sample_rate or RATE
    n_samples = math.ceil(spec.min_duration * rate)
    steady = 0.1 * np.sign(np.random.default_rng(2).standard_normal((1, n_samples)))
    other = np.roll(steady, 3).astype(np.float32)
    try:
        function(spec)(steady.astype(np.float32), other, rate)
    except UndefinedMetricError as error:
        assert "too short" not in str(error)  # noqa: PT017  # noise has no pitch, which is fine
    with pytest.raises(UndefinedMetricError, match="too short"):
        function(spec)(other[:, : n_samples - 3], other[:, : n_samples - 3], rate)
