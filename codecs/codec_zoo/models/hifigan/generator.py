"""The HiFi-GAN generator (Kong, Kim and Bae, arXiv:2010.05646, section 2.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.loading import normalised
from codec_zoo.models.hifigan.residual import SLOPE, ResidualBlock


@dataclass(frozen=True, slots=True)
class GeneratorConfig:
    """What has to be known to build a generator; defaults: V1 of the paper, table 5.

    Attributes:
        n_inputs: channels of the input: mel bands, or the size of a latent.
        channels: channels at the rate of the input; halved by each stage.
        strides: upsampling factors.
        kernel_sizes: taps of the convolution of each stride.
        residual_sizes: taps of the residual blocks of a stage.
        dilations: dilations within a residual block.
        last_slope: of the leaky ReLU before the last convolution. The official code leaves it at
            the default of its library, where the others have 0.1.
    """

    n_inputs: int = 80
    channels: int = 512
    strides: tuple[int, ...] = (8, 8, 2, 2)
    kernel_sizes: tuple[int, ...] = (16, 16, 4, 4)
    residual_sizes: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    last_slope: float = 0.01

    @property
    def hop(self) -> int:
        """Samples per frame of the input."""
        return math.prod(self.strides)


class Generator(nn.Module):
    """Mel bands or latents ``[B, n_inputs, T]`` to a waveform ``[B, 1, T * hop]`` in (-1, 1).

    The names of the parameters are those of the official checkpoints.
    """

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        channels = config.channels
        self.conv_pre = normalised(nn.Conv1d(config.n_inputs, channels, 7, padding=3))
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
        self.last_slope = config.last_slope

    def forward(self, features: Tensor) -> Tensor:
        """The waveform."""
        x: Tensor = self.conv_pre(features)
        for stage, strided in enumerate(self.ups):
            x = strided(functional.leaky_relu(x, SLOPE))
            first = stage * self.blocks_per_stage
            total = self.resblocks[first](x)
            for index in range(first + 1, first + self.blocks_per_stage):
                total = total + self.resblocks[index](x)
            x = total / self.blocks_per_stage
        return torch.tanh(self.conv_post(functional.leaky_relu(x, self.last_slope)))
