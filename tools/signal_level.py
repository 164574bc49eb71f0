"""Levels in dBFS; 0 dBFS is an RMS of 1, as for dBov in ITU-T G.100.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.signal import lfilter

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

TIME_CONSTANT = 0.03  # s; this and the next two: ITU-T P.56 (2011), method B
HANGOVER = 0.2  # s
MARGIN = 15.9  # dB
THRESHOLDS = 2.0 ** np.arange(-15, 0)


def peak_level(samples: Samples) -> float:
    """Level of the largest absolute sample, in dBFS."""
    return 20 * float(np.log10(np.abs(samples).max()))


def rms_level(samples: Samples) -> float:
    """RMS level over all samples, in dBFS."""
    return 10 * float(np.log10(np.mean(np.square(samples, dtype=np.float64))))


def active_speech_level(samples: Samples, sample_rate: int) -> float:
    r"""RMS level of the speech without its pauses, in dBFS.

    With E the signal's energy and a(c) the number of samples at which the envelope is above the
    threshold c, or was within the last 200 ms, the level is

    .. math:: L = 10 \log_{10} \frac{E}{a(c)}, \quad L - 20 \log_{10} c = 15.9\ \text{dB}.

    Source: ITU-T P.56 (2011), method B. Between the thresholds, powers of two, the level is
    interpolated linearly.

    Args:
        samples: mono audio of shape ``(1, samples)``.
        sample_rate: its rate in Hz.

    Raises:
        ValueError: no threshold gives the margin, as for silence.
    """
    signal = samples[0].astype(np.float64)
    decay = np.exp(-1 / (sample_rate * TIME_CONSTANT))
    envelope = np.abs(signal)
    for _ in range(2):
        envelope = lfilter([1 - decay], [1, -decay], envelope)
    counts = [_n_active(envelope >= threshold, sample_rate) for threshold in THRESHOLDS]
    reached = np.flatnonzero(counts)
    levels = 10 * np.log10(np.sum(signal**2) / np.asarray(counts)[reached])
    margins = levels - 20 * np.log10(THRESHOLDS[reached])
    below = np.flatnonzero(margins <= MARGIN)
    if not below.size or below[0] == 0:
        raise ValueError(
            f"the signal (RMS {np.sqrt(np.mean(signal**2)):.2g}) has no active speech level; "
            "speech well above 16-bit noise expected."
        )
    pair = [below[0], below[0] - 1]
    return float(np.interp(MARGIN, margins[pair], levels[pair]))


def _n_active(above: NDArray[np.bool_], sample_rate: int) -> int:
    index = np.arange(above.size)
    hangover = round(HANGOVER * sample_rate)
    last = np.maximum.accumulate(np.where(above, index, -hangover - 1))
    return int(np.count_nonzero(index - last <= hangover))
