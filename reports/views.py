"""Signals made visible: spectrogram, difference of spectrograms, MFCC, waveform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft

from bench.audio import to_mono
from bench.metrics.mel_filters import mel_filterbank
from bench.metrics.spectrum import power_spectra
from reports.images import png_uri
from reports.svg import drawing, element

if TYPE_CHECKING:
    from markupsafe import Markup
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

WINDOW_SIZE = 1024
COLUMNS, ROWS = 224, 72
TOP_FREQUENCY = 12_000  # Hz; little of what codecs differ in lies above
RANGE = 80.0  # dB below the loudest point of the reference
DIFFERENCE = 30.0  # dB, either way
DIFFERENCE_LEVELS = 15  # colours, an odd number so that one of them means none
N_MELS, N_COEFFICIENTS = 40, 13
MFCC_HEIGHT = 52
SPAN = 0.95  # quantile of the coefficients that gets the strongest colour
FLOOR = 1e-12
WAVE_WIDTH, WAVE_HEIGHT, WAVE_STEP = 320, 56, 3.2
MIN_SAMPLES = WINDOW_SIZE


@dataclass(frozen=True, slots=True)
class SignalViews:
    """What a signal looks like; pictures are ``data:`` addresses.

    Attributes:
        spectrogram: level over time and frequency.
        difference: its level over that of the reference; empty for the reference itself.
        mfcc: mel-frequency cepstral coefficients 1 to 13.
        waveform: a drawing, over that of the reference.
    """

    spectrogram: str
    difference: str
    mfcc: str
    waveform: Markup


@dataclass(frozen=True, slots=True)
class _Analysis:
    """Powers on a grid: of bands up to ``TOP_FREQUENCY``, and cepstra."""

    level: NDArray[np.float64]  # dB, [ROWS, COLUMNS]
    cepstra: NDArray[np.float64]  # [N_COEFFICIENTS, COLUMNS]


def top_frequency(sample_rate: int) -> float:
    """Upper edge of the spectrograms in Hz."""
    return min(TOP_FREQUENCY, sample_rate / 2)


def signal_views(reference: Samples, degraded: Samples | None, sample_rate: int) -> SignalViews:
    """Views of a decoded signal beside its reference, or of the reference alone.

    Args:
        reference: shape ``(channels, samples)``.
        degraded: the same shape, or none.
        sample_rate: in Hz.

    Raises:
        ValueError: there are fewer samples than one window takes.
    """
    if reference.shape[1] < MIN_SAMPLES:
        raise ValueError(f"{reference.shape[1]} samples; {MIN_SAMPLES} or more expected.")
    original = _analyse(to_mono(reference), sample_rate)
    shown = original if degraded is None else _analyse(to_mono(degraded), sample_rate)
    peak = float(original.level.max())
    span = float(np.quantile(np.abs(original.cepstra), SPAN)) or 1.0
    return SignalViews(
        png_uri(shown.level, low=peak - RANGE, high=peak, colours="magma"),
        ""
        if degraded is None
        else png_uri(
            np.maximum(shown.level, peak - RANGE) - np.maximum(original.level, peak - RANGE),
            low=-DIFFERENCE,
            high=DIFFERENCE,
            colours="RdBu_r",
            n_levels=DIFFERENCE_LEVELS,
        ),
        png_uri(shown.cepstra, low=-span, high=span, colours="PuOr", height=MFCC_HEIGHT),
        waveform(to_mono(reference), None if degraded is None else to_mono(degraded)),
    )


def waveform(reference: Samples, degraded: Samples | None) -> Markup:
    """Smallest and largest sample of each column, the decoded signal over the reference."""
    peak = max(float(np.abs(s).max()) for s in (reference, degraded) if s is not None) or 1.0
    parts = [_envelope(reference, peak, "wave reference")]
    if degraded is not None:
        parts.append(_envelope(degraded, peak, "wave decoded"))
    return drawing(WAVE_WIDTH, WAVE_HEIGHT, "waveform", *parts)


def _envelope(signal: Samples, peak: float, class_: str) -> Markup:
    n_columns = int(WAVE_WIDTH / WAVE_STEP)
    edges = np.linspace(0, signal.shape[1], n_columns + 1).astype(int)[:-1]
    lows = np.minimum.reduceat(signal[0], edges) / peak
    highs = np.maximum.reduceat(signal[0], edges) / peak
    middle = WAVE_HEIGHT / 2
    path = "".join(
        f"M{WAVE_STEP * x:g} {middle * (1 - high):.1f}V{middle * (1 - low) + 0.3:.1f}"
        for x, (low, high) in enumerate(zip(lows.tolist(), highs.tolist(), strict=True))
    )
    return element("path", d=path, class_=class_)


def _analyse(signal: Samples, sample_rate: int) -> _Analysis:
    hop = max(1, signal.shape[1] // COLUMNS)
    blocks = power_spectra(signal, window_size=WINDOW_SIZE, centered=True, hop=hop)
    power = np.concatenate([block.reshape(-1, block.shape[-1]) for block in blocks])
    power = power[:COLUMNS]  # one column more where the hop divides the length
    n_bins = int(top_frequency(sample_rate) / sample_rate * WINDOW_SIZE)
    edges = np.linspace(0, n_bins, ROWS + 1).astype(int)[:-1]
    rows = np.maximum.reduceat(power[:, :n_bins], edges, axis=1)
    mels = np.maximum(power @ mel_filterbank(sample_rate, WINDOW_SIZE, N_MELS, "slaney").T, FLOOR)
    cepstra = scipy.fft.dct(10 * np.log10(mels.astype(np.float64)), norm="ortho", axis=1)
    return _Analysis(
        10 * np.log10(np.maximum(rows, FLOOR)).T.astype(np.float64),
        cepstra[:, 1 : N_COEFFICIENTS + 1].T,
    )
