"""Splitting audio into sub-bands with a pseudo-quadrature-mirror filter bank."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

N_TAPS = 257  # at most; with a Kaiser window of beta 8, as in the released code of HILCodec
KAISER_BETA = 8.0
SEARCH_POINTS, SEARCH_ROUNDS = 33, 5


class FilterBank(nn.Module):
    """Audio ``[B, 1, T]`` to critically sampled bands ``[B, n_bands, ceil(T / n_bands)]``.

    The bands are cosine modulations of one low-pass filter (Nguyen, 1994); each has the power of
    the audio within it times ``n_bands``, so that white noise keeps its variance.

    Args:
        n_bands: number of bands; 1 passes the audio on.
    """

    filters: Tensor

    def __init__(self, n_bands: int) -> None:
        super().__init__()
        self.n_bands = n_bands
        bank = torch.ones(1, 1) if n_bands == 1 else _modulated(n_bands)
        self.register_buffer("filters", bank[:, None].float(), persistent=False)  # [N, 1, taps]

    def forward(self, audio: Tensor) -> Tensor:
        """The bands, lowest first."""
        taps = self.filters.shape[-1]
        right = -audio.shape[-1] % self.n_bands
        padded = functional.pad(audio, (taps // 2, taps // 2 + right))
        return functional.conv1d(padded, self.filters, stride=self.n_bands)


@functools.cache
def cutoff(n_bands: int) -> float:
    """Cut-off of the prototype filter, in multiples of pi.

    It is the one for which the filter is closest to the square root of a Nyquist filter, so that
    neighbouring bands together pass all frequencies alike (Creusere and Mitra, 1995).

    >>> round(cutoff(5), 4)
    0.1039
    """
    low, high = 0.5 / n_bands, 0.5 / n_bands + 2 / N_TAPS  # the transition is about 4 / N_TAPS wide
    for _ in range(SEARCH_ROUNDS):
        grid = torch.linspace(low, high, SEARCH_POINTS, dtype=torch.float64)
        errors = [_nyquist_error(float(value), n_bands) for value in grid]
        best = min(range(SEARCH_POINTS), key=errors.__getitem__)
        low = float(grid[max(best - 1, 0)])
        high = float(grid[min(best + 1, SEARCH_POINTS - 1)])
    return (low + high) / 2


def _nyquist_error(value: float, n_bands: int) -> float:
    prototype = _prototype(value)
    padded = torch.nn.functional.pad(prototype, (0, N_TAPS))
    power = torch.fft.rfft(padded).abs().square()
    correlation = torch.fft.irfft(power, n=len(padded))[:N_TAPS]
    return float(correlation[2 * n_bands :: 2 * n_bands].abs().max() / correlation[0])


def _prototype(value: float) -> Tensor:
    time = torch.arange(N_TAPS, dtype=torch.float64) - (N_TAPS - 1) / 2
    window = torch.kaiser_window(N_TAPS, periodic=False, beta=KAISER_BETA, dtype=torch.float64)
    return value * torch.sinc(value * time) * window


def _modulated(n_bands: int) -> Tensor:
    time = torch.arange(N_TAPS, dtype=torch.float64) - (N_TAPS - 1) / 2
    band = torch.arange(n_bands, dtype=torch.float64)[:, None]
    sign = 1 - 2 * (band % 2)
    phase = (2 * band + 1) * math.pi / (2 * n_bands) * time + sign * math.pi / 4
    return 2 * math.sqrt(n_bands) * _prototype(cutoff(n_bands)) * torch.cos(phase)
