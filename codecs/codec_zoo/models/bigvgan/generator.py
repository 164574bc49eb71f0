"""The BigVGAN generator (Lee et al., arXiv:2206.04658, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from codec_zoo.loading import normalised
from codec_zoo.models.bigvgan.activation import FilteredActivation

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class BigVganConfig:
    """What has to be known to build a BigVGAN; defaults: the large one at 24 kHz.

    Attributes:
        n_mels: mel bands.
        channels: channels at the frame rate; halved by each stage.
        strides: upsampling factors; kernels have twice as many taps.
        residual_sizes: taps of the residual blocks of a stage.
        dilations: dilations within a residual block.
    """

    n_mels: int = 100
    channels: int = 1536
    strides: tuple[int, ...] = (4, 4, 2, 2, 2, 2)
    residual_sizes: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)


LARGE = BigVganConfig()
BASE = BigVganConfig(channels=512, strides=(8, 8, 2, 2))


class PeriodicBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each after a periodic activation."""

    def __init__(self, channels: int, size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(channels, size, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, size, 1) for _ in dilations)
        self.activations = nn.ModuleList(
            FilteredActivation(channels) for _ in range(2 * len(dilations))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        pairs = zip(
            self.activations[::2], self.convs1, self.activations[1::2], self.convs2, strict=True
        )
        for before, dilated, between, plain in pairs:
            x = x + cast("Tensor", plain(between(dilated(before(x)))))
        return x


class Generator(nn.Module):
    """Mel bands ``[B, n_mels, T]`` to a waveform ``[B, 1, T * hop]`` in (-1, 1).

    The names of the parameters are those of the official checkpoints.
    """

    def __init__(self, config: BigVganConfig) -> None:
        super().__init__()
        channels = config.channels
        self.conv_pre = normalised(nn.Conv1d(config.n_mels, channels, 7, padding=3))
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for stride in config.strides:
            strided = nn.ConvTranspose1d(channels, channels // 2, 2 * stride, stride, stride // 2)
            self.ups.append(nn.ModuleList([normalised(strided)]))  # a list, as in checkpoints
            channels //= 2
            for size in config.residual_sizes:
                self.resblocks.append(PeriodicBlock(channels, size, config.dilations))
        self.activation_post = FilteredActivation(channels)
        self.conv_post = normalised(nn.Conv1d(channels, 1, 7, padding=3))
        self.blocks_per_stage = len(config.residual_sizes)

    def forward(self, features: Tensor) -> Tensor:
        """The waveform."""
        x: Tensor = self.conv_pre(features)
        for stage, ups in enumerate(self.ups):
            (strided,) = cast("nn.ModuleList", ups)
            x = strided(x)
            first = stage * self.blocks_per_stage
            blocks = [self.resblocks[first + index](x) for index in range(self.blocks_per_stage)]
            x = torch.stack(blocks).mean(dim=0)
        return torch.tanh(self.conv_post(self.activation_post(x)))


def _conv(channels: int, size: int, dilation: int) -> nn.Conv1d:
    padding = (size - 1) * dilation // 2
    return normalised(nn.Conv1d(channels, channels, size, dilation=dilation, padding=padding))
