"""Short-time power spectra, in blocks that stay in the cache."""

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
    signal: Samples, *, window_size: int, centered: bool
) -> Iterator[NDArray[np.float32]]:
    r"""Power spectra of a signal, block of frames by block of frames.

    .. math:: P_{t,k} = \Bigl| \sum_n w_n x_{n + t N / 4} e^{-2 \pi i k n / N} \Bigr|^2

    with a periodic Hann window w of N samples and a hop of N / 4. Everything is float32, as in the
    torch code that the spectral metrics come from.

    Args:
        signal: shape ``(channels, samples)``.
        window_size: N, a multiple of four.
        centered: whether to mirror N / 2 samples at both ends, so that frame t is centred on
            sample t N / 4; this takes more than N / 2 samples. Otherwise frames start at the first
            sample and an incomplete last one is left out; this takes N samples.

    Yields:
        Arrays of shape ``[channels, frames, bins]`` with N / 2 + 1 bins.
    """
    frames = _frames(np.asarray(signal, np.float32), window_size, centered=centered)
    step = max(1, BLOCK_SAMPLES // window_size)
    for start in range(0, frames.shape[1], step):
        yield _power(frames[:, start : start + step])


def _frames(signal: Samples, window_size: int, *, centered: bool) -> NDArray[np.float32]:
    if centered:
        signal = np.pad(signal, ((0, 0), (window_size // 2, window_size // 2)), mode="reflect")
    return sliding_window_view(signal, window_size, axis=-1)[:, :: window_size // 4]


def _power(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    spectra = scipy.fft.rfft(frames * _hann(frames.shape[-1]), axis=-1)
    squares = spectra.view(np.float32)
    squares *= squares
    power: NDArray[np.float32] = squares[..., ::2] + squares[..., 1::2]
    return power


@functools.cache
def _hann(window_size: int) -> NDArray[np.float32]:
    phase = 2 * np.pi * np.arange(window_size) / window_size
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)
