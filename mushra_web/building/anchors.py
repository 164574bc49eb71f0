"""Low-pass anchors of ITU-R BS.1534-3 (5.1): made, and verified in the files that were written.

The standard states a mask for the 3.5 kHz anchor: ripple within 0.1 dB up to 3.5 kHz, at least
25 dB of attenuation at 4 kHz and 50 dB at 4.5 kHz. For the 7 kHz anchor it states none; here the
same mask is scaled by two. Frequencies of the mask above half the sample rate do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy.signal
from numpy.typing import NDArray

from codec_zoo.samples import Samples
from mushra_web.listening_test import LOW_ANCHOR, MID_ANCHOR

CUTOFFS = {LOW_ANCHOR: 3500, MID_ANCHOR: 7000}  # Hz
MAX_RIPPLE = 0.1  # dB; ITU-R BS.1534-3, 5.1
ATTENUATIONS = ((8 / 7, 25.0), (9 / 7, 50.0))  # (times the cutoff, dB); ITU-R BS.1534-3, 5.1
DESIGN_ATTENUATION = 70.0  # dB, so that the stop band holds with a margin
DESIGN_EDGES = (1.01, 8 / 7)  # times the cutoff; between them the response falls
RESOLUTION = 10.0  # Hz, spacing of the frequencies at which a file is measured
MIN_SIGNAL_TO_NOISE = 1e6  # power; less would move a ripple of 0.1 dB or hide 50 dB
QUANTISATION_NOISE = 0.25 * (2.0**-23) ** 2  # power of triangular dither and rounding to 24 bits


class AnchorError(ValueError):
    """An anchor cannot be made of this signal; the message says why."""


@dataclass(frozen=True, slots=True)
class AnchorResponse:
    """How an anchor file relates to its reference file, as far as the reference has energy.

    Attributes:
        ripple: largest deviation from 0 dB up to the cutoff, in dB.
        attenuations: smallest attenuation in dB from each of the mask's two frequencies on; none
            where the reference has no energy there, or half the sample rate lies below.
        delay: mean delay in the pass band, in samples.
    """

    ripple: float
    attenuations: tuple[float | None, float | None]
    delay: float

    @property
    def is_inside_mask(self) -> bool:
        """Whether everything that could be measured holds."""
        return self.ripple <= MAX_RIPPLE and all(
            found is None or found >= needed
            for found, (_, needed) in zip(self.attenuations, ATTENUATIONS, strict=True)
        )


def anchor_filter(cutoff: float, sample_rate: int) -> NDArray[np.float64]:
    """Taps of a linear-phase low-pass filter inside the mask; odd in number and symmetric.

    A Kaiser window (Kaiser, 1974) with 70 dB of attenuation from 8/7 of the cutoff on.

    Args:
        cutoff: end of the pass band in Hz.
        sample_rate: in Hz.

    Raises:
        AnchorError: half the sample rate lies below the stop band.
    """
    start, stop = (factor * cutoff for factor in DESIGN_EDGES)
    if 2 * stop > sample_rate * (1 + 1e-9):
        raise AnchorError(
            f"an anchor of {cutoff / 1000:g} kHz needs a sample rate of {2 * stop:.0f} Hz or more; "
            f"this test has {sample_rate} Hz. Leave the anchor out."
        )
    return _designed(start, stop, sample_rate)


@lru_cache
def _designed(start: float, stop: float, sample_rate: int) -> NDArray[np.float64]:
    nyquist = sample_rate / 2
    n_taps, beta = scipy.signal.kaiserord(DESIGN_ATTENUATION, (stop - start) / nyquist)
    taps = scipy.signal.firwin(
        n_taps | 1, (start + stop) / 2, window=("kaiser", beta), fs=sample_rate
    )
    return np.asarray(taps, np.float64)


def make_anchor(reference: Samples, sample_rate: int, anchor: str) -> Samples:
    """The reference through the anchor's low-pass filter, without delay and equally long.

    Args:
        reference: shape ``(channels, samples)``.
        sample_rate: in Hz.
        anchor: ``anchor35`` or ``anchor70``.

    Raises:
        AnchorError: the sample rate is too low for this anchor.
    """
    taps = anchor_filter(CUTOFFS[anchor], sample_rate)
    filtered = scipy.signal.fftconvolve(reference.astype(np.float64), taps[None, :], axes=1)
    half = taps.size // 2
    return filtered[:, half : half + reference.shape[1]].astype(np.float32)


def measure_anchor(
    reference: Samples, anchor: Samples, sample_rate: int, cutoff: float
) -> AnchorResponse:
    """Response of an anchor file against its reference file.

    The transfer function is the cross-spectrum over the spectrum of the reference (Bendat and
    Piersol, 1986, H1), at the frequencies where the reference stands 60 dB above the quantisation
    noise of a 24-bit file.

    Args:
        reference: shape ``(channels, samples)``.
        anchor: the same shape.
        sample_rate: in Hz.
        cutoff: end of the pass band in Hz.

    Raises:
        AnchorError: the reference has no energy in the pass band.
    """
    frequencies, response = _transfer(reference, anchor, sample_rate)
    passed = frequencies <= cutoff
    if not passed.any():
        raise AnchorError(
            f"the reference has no energy up to {cutoff / 1000:g} kHz; the anchor would be silence."
        )
    level = 20 * np.log10(np.maximum(np.abs(response), 1e-9))
    worst = []
    for factor, _ in ATTENUATIONS:
        stopped = frequencies >= factor * cutoff
        worst.append(-float(level[stopped].max()) if stopped.any() else None)
    phase = np.angle(response[passed])
    weights = 2 * np.pi * frequencies[passed] / sample_rate
    delay = -float(weights @ phase / (weights @ weights))
    return AnchorResponse(float(np.abs(level[passed]).max()), (worst[0], worst[1]), delay)


def _transfer(
    reference: Samples, anchor: Samples, sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    x, y = reference.astype(np.float64), anchor.astype(np.float64)
    frequencies, power = _cross_spectrum(x, x, sample_rate)
    _, cross = _cross_spectrum(x, y, sample_rate)
    floor = QUANTISATION_NOISE / (sample_rate / 2)
    heard = (power.real > MIN_SIGNAL_TO_NOISE * floor) & (frequencies > 0)
    return frequencies[heard], cross[heard] / power.real[heard]


def _cross_spectrum(
    x: NDArray[np.float64], y: NDArray[np.float64], sample_rate: int
) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
    length = min(round(sample_rate / RESOLUTION), x.shape[1])
    frequencies, spectrum = scipy.signal.csd(
        x, y, fs=sample_rate, window="blackmanharris", nperseg=length, detrend=False
    )
    return frequencies, np.asarray(spectrum.mean(axis=0), np.complex128)
