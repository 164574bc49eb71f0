"""Short-time spectra, in blocks that stay in the cache."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from codec_zoo.samples import Samples

BLOCK_SAMPLES = 1 << 17  # 512 KiB of windowed float32 frames


def power_spectra(
    signal: Samples,
    *,
    window_size: int,
    centered: bool,
    hop: int | None = None,
    fft_size: int | None = None,
) -> Iterator[NDArray[np.float32]]:
    r"""Power spectra of a signal, block of frames by block of frames.

    .. math:: P_{t,k} = |X_{t,k}|^2

    with X and the arguments as in :func:`complex_spectra`.

    Yields:
        Arrays of shape ``[channels, frames, bins]`` with M / 2 + 1 bins.
    """
    for spectra in complex_spectra(
        signal, window_size=window_size, centered=centered, hop=hop, fft_size=fft_size
    ):
        squares = spectra.view(np.float32)
        squares *= squares
        yield squares[..., ::2] + squares[..., 1::2]


def complex_spectra(
    signal: Samples,
    *,
    window_size: int,
    centered: bool,
    hop: int | None = None,
    fft_size: int | None = None,
) -> Iterator[NDArray[np.complex64]]:
    r"""Spectra of a signal with their phases, block of frames by block of frames.

    .. math:: X_{t,k} = \sum_n w_n x_{n + t H} e^{-2 \pi i k n / M}

    with a periodic Hann window w of N samples in the middle of a frame of M samples, every H
    samples. Everything is float32, as in the torch code that the spectral metrics come from.

    Args:
        signal: shape ``(channels, samples)``.
        window_size: N, even.
        centered: whether to mirror M / 2 samples at both ends, so that frame t is centred on
            sample t H; this takes more than M / 2 samples. Otherwise frames start at the first
            sample and an incomplete last one is left out; this takes M samples.
        hop: H; a quarter of the window by default.
        fft_size: M, even; the window's size by default.

    Yields:
        Arrays of shape ``[channels, frames, bins]`` with M / 2 + 1 bins.
    """
    frame_size = fft_size or window_size
    samples = np.asarray(signal, np.float32)
    if centered:
        edges = ((0, 0), (frame_size // 2, frame_size // 2))
        samples = np.pad(samples, edges, mode="reflect")
    frames = sliding_window_view(samples, frame_size, axis=-1)[:, :: hop or window_size // 4]
    window = _hann(window_size, frame_size)
    step = max(1, BLOCK_SAMPLES // frame_size)
    for start in range(0, frames.shape[1], step):
        yield scipy.fft.rfft(frames[:, start : start + step] * window, axis=-1)


@functools.cache
def _hann(window_size: int, frame_size: int) -> NDArray[np.float32]:
    phase = 2 * np.pi * np.arange(window_size) / window_size
    window = (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
    return np.pad(window, (frame_size - window_size) // 2)
