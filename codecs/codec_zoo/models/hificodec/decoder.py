"""The decoder of HiFi-Codec: the HiFi-GAN generator, fed with latents instead of mel bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.loading import normalised
from codec_zoo.models.hificodec.residual import SLOPE, ResidualBlock

if TYPE_CHECKING:
    from codec_zoo.models.hificodec.config import HifiCodecConfig


class Decoder(nn.Module):
    """Latents ``[B, channels, T]`` to a waveform ``[B, 1, T * hop]`` in (-1, 1)."""

    def __init__(self, config: HifiCodecConfig) -> None:
        super().__init__()
        channels = config.channels
        self.conv_pre = normalised(nn.Conv1d(channels, channels, 7, padding=3))
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for stride, size in zip(config.strides, config.kernel_sizes, strict=True):
            padding = (size - stride) // 2
            strided = nn.ConvTranspose1d(channels, channels // 2, size, stride, padding)
            self.ups.append(normalised(strided))
            channels //= 2
            for residual_size in config.residual_sizes:
                self.resblocks.append(ResidualBlock(channels, residual_size, config.dilations))
        self.conv_post = normalised(nn.Conv1d(channels, 1, 7, padding=3))
        self.blocks_per_stage = len(config.residual_sizes)

    def forward(self, latents: Tensor) -> Tensor:
        """The waveform."""
        x: Tensor = self.conv_pre(latents)
        for stage, strided in enumerate(self.ups):
            x = strided(functional.leaky_relu(x, SLOPE))
            first = stage * self.blocks_per_stage
            total = self.resblocks[first](x)
            for index in range(first + 1, first + self.blocks_per_stage):
                total = total + self.resblocks[index](x)
            x = total / self.blocks_per_stage
        return torch.tanh(self.conv_post(functional.leaky_relu(x, SLOPE)))
