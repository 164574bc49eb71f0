"""Agreement with values that the upstream implementations gave for twelve real pairs."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from bench.metrics.spec import UndefinedMetricError, metric_spec
from bench.metrics.waveform import mse
from codec_zoo.samples import Samples

PAIRS = Path(__file__).resolve().parents[1].parent / "shared" / "audio_pairs"
pytestmark = pytest.mark.skipif(
    not PAIRS.is_dir(), reason="the shared folder audio_pairs is not beside the checkout"
)
NAMES = (
    "guitar_aac64",
    "contrabassoon_aac24",
    "steely_lp7",
    "castanets_identity",
    "speech_ca01",
    "encodec24k_opus12",
    "encodec48k_mp364",
    "hilcodec_speech",
    "kathleen_opus6",
    "kathleen_mp332",
    "trumpet_vorbis0",
    "libri198_opus8",
)
SPEECH = (
    "speech_ca01",
    "encodec24k_opus12",
    "hilcodec_speech",
    "kathleen_opus6",
    "kathleen_mp332",
    "libri198_opus8",
)
QUICK = ("kathleen_opus6",)  # of WORLD's analysis, the costliest of all
QUICK_DNSMOS = ("speech_ca01", "encodec24k_opus12", "libri198_opus8")
IDENTICAL = "castanets_identity"
# our metric: key of the stored value, relative and absolute tolerance
STORED = {
    "mel_dac": ("mel.dac", 1e-4, 0.0),
    "mel_l1": ("mel.audiotools_default", 1e-4, 0.0),
    "mel_hilcodec": ("mel.hilcodec_eq9", 1e-4, 0.0),
    "si_sdr": ("si_sdr.torchmetrics", 1e-4, 0.0),
    "snr": ("snr.torchmetrics", 1e-4, 0.0),
    "stoi": ("stoi", 0.0, 1e-4),
    "estoi": ("estoi", 0.0, 1e-4),
    "si_sdr_dac": ("si_sdr.audiotools", 1e-4, 0.0),
    "stft_dac": ("stft.audiotools_default", 1e-5, 0.0),
    "stft_auraloss": ("stft.auraloss_mr", 1e-5, 0.0),
    "waveform_l1": ("waveform_l1", 1e-5, 0.0),
    "pesq_wb": ("pesq_wb", 0.0, 1e-3),
    "pesq_nb": ("pesq_nb_8k", 0.0, 1e-3),
    "pesq_nb_16k": ("pesq_nb_16k", 0.0, 1e-3),
}
# Codec-SUPERB's names of what three of our metrics compute, on the first channel of the file
CODEC_SUPERB = {"mel_l1": "mel", "stft_dac": "stft", "waveform_l1": "waveform"}
PUBLISHED = ("guitar_aac64", "contrabassoon_aac24", "steely_lp7", "castanets_identity")


@functools.cache
def entry(name: str) -> dict:
    stored = json.loads((PAIRS / "values.json").read_text(encoding="utf-8"))
    return next(pair for pair in stored["pairs"] if pair["id"] == name)


@functools.cache
def read(name: str, role: str) -> Samples:
    samples, _ = soundfile.read(PAIRS / entry(name)[role], dtype="float32", always_2d=True)
    return np.ascontiguousarray(samples.T)


def evaluated(name: str, metric: str, *, whole: bool = False) -> tuple[Samples, Samples, int]:
    """Both signals as the stored value was made: mean of channels, soxr HQ, common prefix."""
    spec = metric_spec(metric)
    source_rate = entry(name)["sample_rate"]
    rate = spec.sample_rate or source_rate
    pair = [read(name, role) for role in ("ref", "deg")]
    if not whole:
        pair = [samples[:, : entry(name)["compared_samples"]] for samples in pair]
    if spec.mono:
        pair = [samples.mean(axis=0, keepdims=True, dtype=np.float64) for samples in pair]
    if rate != source_rate:
        pair = [soxr.resample(samples.T, source_rate, rate, quality="HQ").T for samples in pair]
    reference, degraded = (np.ascontiguousarray(samples, np.float32) for samples in pair)
    return reference, degraded, rate


def stored(name: str, key: str) -> float:
    return float(entry(name)["values"][key]["value"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", STORED)
def test_values_match_the_upstream_implementation(metric: str, name: str) -> None:
    if metric in ("si_sdr", "si_sdr_dac", "snr") and name == IDENTICAL:
        pytest.skip("undefined for equal signals; torchmetrics gives 175 dB")
    if metric.startswith("pesq"):
        pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    key, relative, absolute = STORED[metric]
    value = metric_spec(metric).load()(*evaluated(name, metric))
    assert value == pytest.approx(stored(name, key), rel=relative, abs=absolute)


@pytest.mark.parametrize("name", [name for name in NAMES if name != IDENTICAL])
def test_si_sdr_without_the_means_matches_torchmetrics(name: str) -> None:
    reference, degraded, rate = evaluated(name, "si_sdr")
    centred = [
        signal - signal.mean(dtype=np.float64, keepdims=True) for signal in (reference, degraded)
    ]
    value = metric_spec("si_sdr").load()(*centred, rate)
    assert value == pytest.approx(stored(name, "si_sdr.torchmetrics_zm"), rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("metric", CODEC_SUPERB)
def test_the_first_channel_matches_codec_superb(metric: str, name: str) -> None:
    n_samples = entry(name)["compared_samples"]
    reference, degraded = (read(name, role)[:1, :n_samples] for role in ("ref", "deg"))
    value = metric_spec(metric).load()(reference, degraded, entry(name)["sample_rate"])
    expected = entry(name)["values"]["codec_superb"]["value"][CODEC_SUPERB[metric]]
    assert value == pytest.approx(expected, abs=1e-4)  # stored with four decimals


# it resamples by julius, which moves PESQ by up to 0.041 where 48 kHz become 16 kHz, and STOI by
# 0.0003; its STOI is a copy of its own with four stored decimals
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("metric", "key", "tolerance"), [("pesq_wb", "pesq-wb", 0.042), ("stoi", "stoi", 4e-4)]
)
def test_resampled_metrics_come_near_those_of_codec_superb(
    metric: str, key: str, tolerance: float, name: str
) -> None:
    pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    n_samples, source_rate = entry(name)["compared_samples"], entry(name)["sample_rate"]
    pair = [
        soxr.resample(read(name, role)[0, :n_samples], source_rate, 16000, quality="HQ")
        for role in ("ref", "deg")
    ]
    value = metric_spec(metric).load()(*(signal[np.newaxis] for signal in pair), 16000)
    expected = entry(name)["values"]["codec_superb"]["value"][key]
    assert value == pytest.approx(expected, abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_visqol_audio_matches_both_implementations_and_its_conformance_values(name: str) -> None:
    value = metric_spec("visqol_audio").load()(*evaluated(name, "visqol_audio", whole=True))
    assert value == pytest.approx(stored(name, "visqol_audio.py"), abs=1e-3)
    assert value == pytest.approx(stored(name, "visqol_audio.cpp"), abs=0.01)
    if name in PUBLISHED:
        assert value == pytest.approx(stored(name, "visqol_audio.published"), abs=2e-4)


@pytest.mark.parametrize("name", SPEECH)
def test_visqol_speech_matches_both_implementations(name: str) -> None:
    value = metric_spec("visqol_speech").load()(*evaluated(name, "visqol_speech", whole=True))
    assert value == pytest.approx(stored(name, "visqol_speech.py"), abs=1e-3)
    assert value == pytest.approx(stored(name, "visqol_speech.cpp"), abs=0.02)


# the stored entry of the whole analysis: at the file's rate, and resampled to 16 kHz
@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NAMES],
)
@pytest.mark.parametrize(("key", "rate"), [("versa.mcd_f0", None), ("versa.mcd_f0_16k", 16000)])
def test_pitch_and_cepstrum_match_versa(key: str, rate: int | None, name: str) -> None:
    pytest.importorskip("pesq", reason="codecbench[perceptual] is not installed")
    reference, degraded, source_rate = evaluated(name, "mcd_versa")
    if rate and rate != source_rate:
        reference, degraded = (
            np.ascontiguousarray(soxr.resample(signal.T, source_rate, rate, quality="HQ").T)
            for signal in (reference, degraded)
        )
    spec = metric_spec("mcd_versa")
    features = [spec.load_features()(s, rate or source_rate) for s in (reference, degraded)]
    expected = entry(name)["values"][key]["value"]
    for metric, part in (
        ("mcd_versa", "mcd"),
        ("f0_rmse_versa", "f0rmse"),
        ("f0_corr_versa", "f0corr"),
    ):
        value = metric_spec(metric).load_comparison()(*features)
        assert value == pytest.approx(expected[part], abs=1e-4)


@pytest.mark.parametrize("role", ["ref", "deg"])
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK_DNSMOS)) for n in SPEECH],
)
def test_dnsmos_matches_speechmos(name: str, role: str) -> None:
    pytest.importorskip("onnxruntime", reason="codecbench[perceptual] is not installed")
    reference, degraded, rate = evaluated(name, "dnsmos_sig")
    spec = metric_spec("dnsmos_sig")
    features = spec.load_features()(reference if role == "ref" else degraded, rate)
    expected = entry(name)["values"][f"dnsmos.{role}"]["value"]
    for part in ("ovrl", "sig", "bak", "p808"):
        value = metric_spec(f"dnsmos_{part}").load_comparison()(features, features)
        assert value == pytest.approx(expected[f"{part}_mos"], abs=2e-4)


def test_the_pair_low_passed_at_7_khz_keeps_that_band() -> None:
    value = metric_spec("bandwidth").load()(*evaluated("steely_lp7", "bandwidth"))
    assert 7000 < value < 7500


@pytest.mark.parametrize("metric", ["si_sdr", "si_sdr_dac", "snr"])
def test_ratios_of_the_identical_pair_are_undefined(metric: str) -> None:
    with pytest.raises(UndefinedMetricError, match="no error signal"):
        metric_spec(metric).load()(*evaluated(IDENTICAL, metric))


@pytest.mark.parametrize("name", [name for name in NAMES if name != IDENTICAL])
def test_mse_is_the_power_below_the_stored_snr(name: str) -> None:
    reference, degraded, rate = evaluated(name, "snr")
    power = np.mean(reference.astype(np.float64) ** 2)
    expected = power / 10 ** (stored(name, "snr.torchmetrics") / 10)
    assert mse(reference, degraded, rate) == pytest.approx(expected, rel=1e-6)


# our own values of version 1, frozen: no upstream tool at hand gives this variant
@pytest.mark.parametrize(
    ("name", "expected"),
    [("encodec24k_opus12", 1.86385), ("kathleen_mp332", 2.98873), ("trumpet_vorbis0", 0.91120)],
)
def test_lsd_keeps_its_value(name: str, expected: float) -> None:
    value = metric_spec("lsd").load()(*evaluated(name, "lsd"))
    assert value == pytest.approx(expected, abs=2e-5)
