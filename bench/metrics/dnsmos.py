"""Quality of speech predicted by DNSMOS without a reference; needs ``speechmos``, ``onnxruntime``.

The networks are those in the wheel of speechmos, run directly: its own front end needs librosa and
pandas, and computes every score for each one that is asked for.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

from bench.metrics.mel_filters import mel_filterbank
from bench.metrics.preconditions import (
    SILENCE_DBFS,
    check_length,
    check_level,
    check_mono,
    check_pair,
    check_sample_rate,
)
from bench.metrics.spec import PERCEPTUAL, MetricUnavailableError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

DNSMOS_RATE = 16000
MIN_DURATION = 1.0  # s; shorter ones would be repeated ten times and more
WINDOW_SIZE = 144160  # 9.01 s: what the networks were trained on
# P.835: polynomials from the network's output to the opinion scale, DNS Challenge 4; highest
# power first
SIG_MAPPING = (-0.08397278, 1.22083953, 0.0052439)
BAK_MAPPING = (-0.13166888, 1.60915514, -0.39604546)
OVRL_MAPPING = (-0.06766283, 1.11546468, 0.04602535)
# P.808: log mel spectrogram
P808_FFT_SIZE = 321
P808_HOP = 160
P808_BANDS = 120
P808_RANGE_DB = 80.0
P808_POWER_FLOOR = 1e-10


class DnsmosInput:
    """A signal for the networks of DNSMOS, each of which is run when it is first asked for."""

    def __init__(self, signal: Samples, sample_rate: int) -> None:
        """Take a signal.

        Args:
            signal: shape ``(1, samples)``.
            sample_rate: 16000 Hz.

        Raises:
            ValueError: it has another sample rate.
            UndefinedMetricError: it is shorter than one second.
        """
        check_sample_rate(sample_rate, DNSMOS_RATE)
        check_length(signal.shape[-1], round(MIN_DURATION * sample_rate), sample_rate)
        self.signal = signal

    @functools.cached_property
    def p835(self) -> NDArray[np.float64]:
        """SIG, BAK and OVRL before the mapping, for each window, shape ``[windows, 3]``."""
        self._check_audible()
        network = _network("sig_bak_ovr")
        outputs = [network.run(None, {"input_1": w[np.newaxis]})[0][0] for w in self._windows()]
        return np.array(outputs, np.float64)

    @functools.cached_property
    def p808(self) -> NDArray[np.float64]:
        """Overall quality for each window, shape ``[windows]``."""
        self._check_audible()
        network = _network("model_v8")
        outputs = [
            network.run(None, {"input_1": _log_mels(w[:-P808_HOP])[np.newaxis]})[0][0, 0]
            for w in self._windows()
        ]
        return np.array(outputs, np.float64)

    def _check_audible(self) -> None:
        check_level(self.signal, SILENCE_DBFS, role="degraded")

    def _windows(self) -> list[NDArray[np.float32]]:
        samples = np.ascontiguousarray(self.signal[0], np.float32)
        while samples.size < WINDOW_SIZE:
            samples = np.tile(samples, 2)
        count = max(1, samples.size // DNSMOS_RATE - WINDOW_SIZE // DNSMOS_RATE)
        starts = range(0, count * DNSMOS_RATE, DNSMOS_RATE)
        return [samples[start : start + WINDOW_SIZE] for start in starts]


def dnsmos_p808(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Overall quality of noisy speech by DNSMOS P.808, as MOS; the reference plays no part.

    A network fed with 120-band log mel spectra of 9.01 s, every second, averaged; a shorter signal
    is doubled until it is long enough. Range: about 1 to 5; higher is better. Source: Reddy et al.
    (2021), "DNSMOS: A non-intrusive perceptual objective speech quality metric to evaluate noise
    suppressors", with the network of speechmos.

    Args:
        reference: shape ``(1, samples)``; only checked.
        degraded: the same shape; samples beyond full scale are taken as they are.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent degraded signal, or one shorter than one second.

    >>> noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 144160)).astype(np.float32)
    >>> 1.0 < dnsmos_p808(noise, noise, 16000) < 3.0
    True
    """
    return predict_p808(*_inputs(reference, degraded, sample_rate))


def dnsmos_sig(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Quality of the speech in noisy speech by DNSMOS P.835 (SIG), as MOS; without the reference.

    A network fed with 9.01 s of signal, every second, mapped by a polynomial and averaged; a
    shorter signal is doubled until it is long enough. Range: about 1 to 5; higher is better.
    Source: Reddy et al. (2022), "DNSMOS P.835: A non-intrusive perceptual objective speech quality
    metric to evaluate noise suppressors", with network and mapping of speechmos.

    Args:
        reference: shape ``(1, samples)``; only checked.
        degraded: the same shape; samples beyond full scale are taken as they are.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent degraded signal, or one shorter than one second.

    >>> noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 144160)).astype(np.float32)
    >>> 0.5 < dnsmos_sig(noise, noise, 16000) < 3.0
    True
    """
    return predict_sig(*_inputs(reference, degraded, sample_rate))


def dnsmos_sig_raw(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """DNSMOS P.835 (SIG) before the mapping to MOS, as the AudioDec paper reports it.

    Range: open, about 1 to 5; higher is better. Else as :func:`dnsmos_sig`. Source: Wu et al.
    (2023), "AudioDec", section 4, SIG_raw.

    Args:
        reference: shape ``(1, samples)``; only checked.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent degraded signal, or one shorter than one second.

    >>> noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 144160)).astype(np.float32)
    >>> 0.5 < dnsmos_sig_raw(noise, noise, 16000) < 3.0
    True
    """
    return predict_sig_raw(*_inputs(reference, degraded, sample_rate))


def dnsmos_bak(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Unobtrusiveness of the noise in noisy speech by DNSMOS P.835 (BAK), as MOS.

    Range: about 1 to 5; higher is better. Else as :func:`dnsmos_sig`.

    Args:
        reference: shape ``(1, samples)``; only checked.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent degraded signal, or one shorter than one second.

    >>> noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 144160)).astype(np.float32)
    >>> 0.5 < dnsmos_bak(noise, noise, 16000) < 3.0
    True
    """
    return predict_bak(*_inputs(reference, degraded, sample_rate))


def dnsmos_ovrl(reference: Samples, degraded: Samples, sample_rate: int) -> float:
    """Overall quality of noisy speech by DNSMOS P.835 (OVRL), as MOS.

    Range: about 1 to 5; higher is better. Else as :func:`dnsmos_sig`.

    Args:
        reference: shape ``(1, samples)``; only checked.
        degraded: the same shape.
        sample_rate: 16000 Hz.

    Raises:
        ValueError: broken, unequally shaped or multi-channel signals, or another sample rate.
        UndefinedMetricError: a silent degraded signal, or one shorter than one second.

    >>> noise = np.random.default_rng(0).normal(0.0, 0.1, (1, 144160)).astype(np.float32)
    >>> 0.5 < dnsmos_ovrl(noise, noise, 16000) < 3.0
    True
    """
    return predict_ovrl(*_inputs(reference, degraded, sample_rate))


def predict_p808(reference: DnsmosInput, degraded: DnsmosInput) -> float:
    """The value of :func:`dnsmos_p808`."""
    return float(degraded.p808.mean())


def predict_sig(reference: DnsmosInput, degraded: DnsmosInput) -> float:
    """The value of :func:`dnsmos_sig`."""
    return float(np.polyval(SIG_MAPPING, degraded.p835[:, 0]).mean())


def predict_sig_raw(reference: DnsmosInput, degraded: DnsmosInput) -> float:
    """The value of :func:`dnsmos_sig_raw`."""
    return float(degraded.p835[:, 0].mean())


def predict_bak(reference: DnsmosInput, degraded: DnsmosInput) -> float:
    """The value of :func:`dnsmos_bak`."""
    return float(np.polyval(BAK_MAPPING, degraded.p835[:, 1]).mean())


def predict_ovrl(reference: DnsmosInput, degraded: DnsmosInput) -> float:
    """The value of :func:`dnsmos_ovrl`."""
    return float(np.polyval(OVRL_MAPPING, degraded.p835[:, 2]).mean())


def _inputs(
    reference: Samples, degraded: Samples, sample_rate: int
) -> tuple[DnsmosInput, DnsmosInput]:
    check_pair(reference, degraded)
    check_mono(reference, degraded)
    return DnsmosInput(reference, sample_rate), DnsmosInput(degraded, sample_rate)


def _log_mels(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Log mel spectrogram ``[frames, bands]``, its highest 80 dB brought to -1 to 1."""
    padded = np.pad(samples, P808_FFT_SIZE // 2)
    frames = sliding_window_view(padded, P808_FFT_SIZE)[::P808_HOP]
    phase = 2 * np.pi * np.arange(P808_FFT_SIZE) / P808_FFT_SIZE
    spectra = scipy.fft.rfft(frames * (0.5 - 0.5 * np.cos(phase)), axis=-1)
    to_mels = mel_filterbank(DNSMOS_RATE, P808_FFT_SIZE, P808_BANDS, "slaney")
    mels = np.maximum((to_mels @ np.square(np.abs(spectra)).T).T, P808_POWER_FLOOR)
    levels = np.maximum(10 * np.log10(mels / mels.max()), -P808_RANGE_DB)
    scaled: NDArray[np.float64] = (levels + P808_RANGE_DB / 2) / (P808_RANGE_DB / 2)
    return scaled.astype(np.float32)


@functools.cache
def _network(name: str) -> Any:  # an onnxruntime session, which has no types
    package = importlib.util.find_spec("speechmos")
    if package is None or package.origin is None:
        raise MetricUnavailableError(f"DNSMOS needs speechmos: pip install '{PERCEPTUAL}'")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # as every worker; the sum's order depends on it
    options.inter_op_num_threads = 1
    path = Path(package.origin).parent / "dnsmos_models" / f"{name}.onnx"
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
