"""DNSMOS run directly: windows, mapping and lazy networks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="codecbench[perceptual] is not installed")

from bench.metrics import dnsmos
from bench.metrics.dnsmos import DnsmosInput, dnsmos_sig, dnsmos_sig_raw
from bench.metrics.spec import MetricUnavailableError
from codec_zoo.samples import Samples

RATE = 16000


@pytest.mark.parametrize(
    ("seconds", "windows"), [(1.0, 7), (2.0, 7), (9.01, 1), (10.0, 1), (11.0, 2), (15.0, 6)]
)
def test_windows_of_nine_seconds_start_every_second(seconds: float, windows: int) -> None:
    signal = np.zeros((1, round(seconds * RATE)), np.float32)
    found = DnsmosInput(signal, RATE)._windows()
    assert len(found) == windows
    assert {window.size for window in found} == {144160}


def test_a_short_signal_is_repeated_until_it_is_long_enough() -> None:
    signal = np.arange(RATE, dtype=np.float32)[np.newaxis]
    first = DnsmosInput(signal, RATE)._windows()[0]
    np.testing.assert_array_equal(first[RATE : 2 * RATE], signal[0])


def test_the_mapping_turns_the_raw_score_into_mos(speech: Samples) -> None:
    long = np.tile(speech, 5)[:, : round(9.1 * RATE)]
    raw = dnsmos_sig_raw(long, long, RATE)
    expected = -0.08397278 * raw**2 + 1.22083953 * raw + 0.0052439
    assert dnsmos_sig(long, long, RATE) == pytest.approx(expected, abs=1e-9)


def test_the_reference_plays_no_part_and_is_not_analysed(
    speech: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = np.tile(speech, 5)[:, : round(9.1 * RATE)]
    runs = []
    network = dnsmos._network

    def counting(name: str):
        runs.append(name)
        return network(name)

    monkeypatch.setattr(dnsmos, "_network", counting)
    reference, degraded = DnsmosInput(0.1 * long, RATE), DnsmosInput(long, RATE)
    first = dnsmos.predict_sig(reference, degraded)
    assert dnsmos.predict_bak(reference, degraded) != first
    assert runs == ["sig_bak_ovr"]


def test_log_mels_lie_between_minus_one_and_one(speech: Samples) -> None:
    mels = dnsmos._log_mels(speech[0])
    assert mels.shape == (200, 120)
    assert mels.max() == pytest.approx(1.0)
    assert mels.min() >= -1.0


def test_a_missing_speechmos_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnsmos.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MetricUnavailableError, match=r"pip install 'codecbench\[perceptual\]'"):
        dnsmos._network.__wrapped__("model_v8")
