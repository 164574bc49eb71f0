"""The log spectrogram's Fourier transform as a matrix, for graphs without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.models.hilcodec.blocks import LogSpectrogram


def fourier_kernels(spectrogram: LogSpectrogram) -> NDArray[np.float32]:
    """Windowed cosines, then windowed sines, one row per bin: ``[2 F, N]``.

    The published ones, which are inexact, where the spectrogram uses them.
    """
    if not spectrogram.exact:
        kernels: NDArray[np.float32] = spectrogram.kernels[:, 0].cpu().numpy()
        return kernels
    size = spectrogram.fft_size
    turns = np.outer(np.arange(size // 2 + 1), np.arange(size)) % size / size
    phase = 2 * np.pi * turns
    window = spectrogram.window.cpu().numpy()
    exact: NDArray[np.float64] = np.concatenate([np.cos(phase), np.sin(phase)]) * window
    return exact.astype(np.float32)
