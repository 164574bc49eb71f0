"""Log mel spectrograms as the official front ends of HiFi-GAN, BigVGAN and MelGAN compute them.

A second of audio gives as many frames as there are hops in it: half a window minus half a hop is
mirrored on each side. The filters are Slaney's, each of area 1 (``librosa.filters.mel``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from librosa import filters
from torch import Tensor, nn
from torch.nn import functional

FLOOR = 1e-5  # smallest magnitude whose logarithm is taken


@dataclass(frozen=True, slots=True)
class MelConfig:
    """A front end.

    Attributes:
        sample_rate: rate of the audio in Hz.
        n_mels: bands.
        highest: upper edge of the last band in Hz.
        logarithm: ``natural``, or ``decimal``.
        power_offset: what is added to the power of a bin before its root is taken.
        n_fft: samples per window, which is a Hann window.
        hop: samples per frame.
    """

    sample_rate: int
    n_mels: int
    highest: float
    logarithm: Literal["natural", "decimal"] = "natural"
    power_offset: float = 1e-9
    n_fft: int = 1024
    hop: int = 256


class LogMelSpectrogram(nn.Module):
    """Waveform ``[B, 1, T * hop]`` to log mel magnitudes ``[B, n_mels, T]``; T is 2 or more."""

    filters: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        bank = filters.mel(
            sr=config.sample_rate,
            n_fft=config.n_fft,
            n_mels=config.n_mels,
            fmin=0.0,
            fmax=config.highest,
        )
        self.register_buffer("filters", torch.from_numpy(bank).float(), persistent=False)
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)

    def forward(self, waveform: Tensor) -> Tensor:
        """The bands."""
        config = self.config
        edge = (config.n_fft - config.hop) // 2
        spectrum = torch.stft(
            functional.pad(waveform, (edge, edge), mode="reflect")[:, 0],
            config.n_fft,
            config.hop,
            window=self.window,
            center=False,
            return_complex=True,
        )
        power = torch.view_as_real(spectrum).square().sum(dim=-1) + config.power_offset
        bands = (self.filters @ power.sqrt()).clamp_min(FLOOR)
        return bands.log10() if config.logarithm == "decimal" else bands.log()
