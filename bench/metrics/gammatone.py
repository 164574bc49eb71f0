"""Gammatone spectrograms as ViSQOL takes them, computed for many frames at once.

They are most of ViSQOL's work. visqol-python filters one frame after the other, and a recursive
filter has to wait for itself at every sample; here sixteen frames go through the filters side by
side, in the same arithmetic and with the same bits.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit
from visqol.gammatone import (
    SPEECH_MODE_MAX_FREQ,
    GammatoneSpectrogramBuilder,
    Spectrogram,
    make_erb_filters,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from visqol import AudioSignal
    from visqol.analysis_window import AnalysisWindow

LANES = 16  # frames side by side; 8 were not turned into vector instructions, 32 no faster
STAGES = 4  # second-order sections of a gammatone filter; Slaney (1993)


class KeptSpectrograms(GammatoneSpectrogramBuilder):
    """Builds spectrograms of one comparison after the other and remembers all of them.

    ViSQOL analyses the whole reference, and every patch of it once more. Most of these signals come
    again when the same reference is compared with another degraded signal.
    """

    def __init__(self, num_bands: int, min_freq: float, speech_mode: bool = False) -> None:
        """Begin without spectrograms.

        Args:
            num_bands: gammatone filters.
            min_freq: lowest centre frequency in Hz.
            speech_mode: whether the highest centre frequency is 8 kHz instead of half the rate.
        """
        super().__init__(num_bands, min_freq, speech_mode)
        self._kept: dict[tuple[int, bytes], Spectrogram] = {}

    def build(self, signal: AudioSignal, window: AnalysisWindow) -> Spectrogram:
        """The spectrogram of a signal: RMS of each band in each window, a quarter apart.

        Raises:
            ValueError: the signal is not longer than one window.
        """
        samples = np.ascontiguousarray(signal.data, np.float64)
        if samples.size <= window.size:
            raise ValueError(
                f"{samples.size} samples; more than one window of {window.size} needed."
            )
        key = signal.sample_rate, hashlib.blake2b(samples.data, digest_size=16).digest()
        if key not in self._kept:
            highest = SPEECH_MODE_MAX_FREQ if self.speech_mode else signal.sample_rate / 2
            bank = self.filter_bank
            centres, numerators, denominators = _filters(
                signal.sample_rate, bank.num_bands, bank.min_freq, highest
            )
            levels = band_levels(
                samples, window.hann_window, window.hop_size, numerators, denominators
            )
            self._kept[key] = Spectrogram(levels, centres)
        return self._kept[key]


@functools.cache
def _filters(
    sample_rate: int, n_bands: int, lowest: float, highest: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Centre frequencies, numerators ``[stages, bands, 3]`` and denominators ``[bands, 2]``."""
    designed = make_erb_filters(sample_rate, n_bands, lowest, highest)
    first, *zeros, last, _, pole_1, pole_2, gain = designed.filter_coeffs[:, ::-1]
    numerators = np.stack([np.column_stack([first, zero, last]) for zero in zeros])
    numerators[0] /= gain[:, np.newaxis]
    return designed.center_freqs[::-1].copy(), numerators, np.column_stack([pole_1, pole_2])


@njit(cache=True)
def band_levels(
    samples: NDArray[np.float64],
    window: NDArray[np.float64],
    hop: int,
    numerators: NDArray[np.float64],
    denominators: NDArray[np.float64],
) -> Any:  # numba's own array type; NDArray[np.float64] to the caller
    """RMS of each band in each frame, shape ``[bands, frames]``.

    Args:
        samples: more than one window of them.
        window: weights of a frame.
        hop: samples from frame to frame.
        numerators: of four second-order sections, shape ``[4, bands, 3]``.
        denominators: of all sections of a band without the leading one, shape ``[bands, 2]``.
    """
    size, n_bands = window.size, denominators.shape[0]
    n_frames = 1 + (samples.size - size) // hop
    levels = np.empty((n_bands, n_frames))
    lanes = np.zeros(size * LANES)
    # one array for all states and the energy: the compiler sees that lanes do not overlap
    state = np.empty((2 * STAGES + 1) * LANES)
    for start in range(0, n_frames, LANES):
        filled = min(LANES, n_frames - start)
        for lane in range(filled):
            for n in range(size):
                lanes[n * LANES + lane] = samples[(start + lane) * hop + n] * window[n]
        for band in range(n_bands):
            a1, a2 = denominators[band]
            b00, b01, b02 = numerators[0, band]
            b10, b11, b12 = numerators[1, band]
            b20, b21, b22 = numerators[2, band]
            b30, b31, b32 = numerators[3, band]
            state[:] = 0.0
            for n in range(size):
                for k in range(LANES):  # transposed direct form II, section by section
                    x = lanes[n * LANES + k]
                    y = b00 * x + state[k]
                    state[k] = b01 * x - a1 * y + state[LANES + k]
                    state[LANES + k] = b02 * x - a2 * y
                    x = b10 * y + state[2 * LANES + k]
                    state[2 * LANES + k] = b11 * y - a1 * x + state[3 * LANES + k]
                    state[3 * LANES + k] = b12 * y - a2 * x
                    y = b20 * x + state[4 * LANES + k]
                    state[4 * LANES + k] = b21 * x - a1 * y + state[5 * LANES + k]
                    state[5 * LANES + k] = b22 * x - a2 * y
                    x = b30 * y + state[6 * LANES + k]
                    state[6 * LANES + k] = b31 * y - a1 * x + state[7 * LANES + k]
                    state[7 * LANES + k] = b32 * y - a2 * x
                    state[8 * LANES + k] += x * x
            for k in range(filled):
                levels[band, start + k] = np.sqrt(state[8 * LANES + k] / size)
    return levels
