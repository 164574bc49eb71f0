"""More bits sound better, and the metrics say so: Opus at 6 to 64 kbit/s over real speech."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from bench.audio import read_audio, resample, to_mono
from bench.metrics.catalogue import perceptual, spectral, speech, waveform
from bench.metrics.spec import MetricSpec, MetricUnavailableError
from codec_zoo.registry import codec_entry
from codec_zoo.samples import Samples

AUDIO = Path(__file__).resolve().parents[1].parent / "shared" / "eval_audio"
pytestmark = pytest.mark.skipif(
    not AUDIO.is_dir(), reason="the shared folder eval_audio is not beside the checkout"
)
ITEMS = ("speech_01_joe_en", "speech_02_dave_es", "speech_03_imre_hu")
BITRATES = (6000, 12000, 24000, 64000)
# As bench/metrics/README.md says: pitch and voicing come and go with single frames, Opus fills the
# top band with noise that is unlike the reference's, and the last two do not measure coding noise.
NOT_MONOTONE = (
    *("f0_rmse_world24", "uv_error_world24", "f0_rmse_versa", "f0_corr_versa", "mcd_versa"),
    *("itakura_saito", "dnsmos_bak", "clipped_share", "dc_shift"),
)
SPECS = [
    spec
    for module in (perceptual, waveform, spectral, speech)
    for spec in vars(module).values()
    if isinstance(spec, MetricSpec) and spec.direction != "none" and spec.name not in NOT_MONOTONE
]
COSTLY = ("dnsmos", "visqol", "mcd")


@functools.cache
def ladder() -> list[tuple[Samples, list[Samples]]]:
    """References of 2.5 s at 48 kHz and their decoded versions."""
    codec = codec_entry("opus").build(None, "cpu")
    pairs = []
    for item in ITEMS:
        samples, rate = read_audio(AUDIO / f"{item}.flac")
        reference = resample(to_mono(samples[:, rate : rate * 7 // 2]), rate, 48000)
        decoded = [codec.decode(codec.encode(reference, bitrate)) for bitrate in BITRATES]
        pairs.append((reference, decoded))
    return pairs


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(spec, id=spec.name, marks=[pytest.mark.slow] * spec.name.startswith(COSTLY))
        for spec in SPECS
    ],
)
def test_the_median_improves_with_the_bitrate(spec: MetricSpec) -> None:
    try:
        metric = spec.load()
    except MetricUnavailableError as error:
        pytest.skip(str(error))
    rate = spec.sample_rate or 48000
    values = [
        [
            metric(resample(reference, 48000, rate), resample(signal, 48000, rate), rate)
            for signal in decoded
        ]
        for reference, decoded in ladder()
    ]
    medians = np.median(values, axis=0).tolist()
    assert medians == sorted(medians, reverse=spec.direction == "lower")
    assert medians[0] != medians[-1]
