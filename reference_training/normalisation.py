"""The normalisation constants of a network, measured on its training audio."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from codec_zoo.models.hilcodec.blocks import LogSpectrogram

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.config import HilCodecConfig
    from reference_training.batches import Sampler


@torch.no_grad()
def measured_constants(
    config: HilCodecConfig, sampler: Sampler, *, n_batches: int, batch_size: int
) -> HilCodecConfig:
    """``config`` with waveform and spectrogram constants of ``n_batches`` drawn batches.

    The first frames of each segment, whose windows reach before it, do not count.

    Raises:
        ValueError: the audio is silent.
    """
    hops = [math.prod(config.strides[:level]) for level in range(len(config.strides) + 1)]
    spectrograms = [
        LogSpectrogram(config.fft_size * 2**level, hop, mean=0.0, std=1.0, exact=True)
        for level, hop in enumerate(hops)
    ]
    energy: list[float] = []
    moments = np.zeros((len(spectrograms), 2))
    for index in range(n_batches):
        audio = torch.from_numpy(sampler.draw(batch_size, (index,)).audio)
        energy.append(float(audio.double().square().mean()))
        for level, spectrogram in enumerate(spectrograms):
            whole = spectrogram(audio)[..., -(-spectrogram.fft_size // hops[level]) :].double()
            moments[level] += float(whole.mean()), float(whole.square().mean())
    if not any(energy):
        raise ValueError("the audio is silent; its constants cannot be measured.")
    means, squares = (moments / n_batches).T
    return dataclasses.replace(
        config,
        waveform_std=round(math.sqrt(float(np.mean(energy))), 6),
        spectrogram_means=tuple(round(float(mean), 4) for mean in means),
        spectrogram_stds=tuple(
            round(math.sqrt(float(square - mean**2)), 4)
            for mean, square in zip(means, squares, strict=True)
        ),
    )
