"""The vocoders of AudioDec: causal HiFi-GAN generators (v0) and a variant with groups (v1, v2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.loading import normalised
from codec_zoo.models.audiodec.autoencoder import KERNEL_SIZE, LATENT_DIM, STRIDES
from codec_zoo.models.audiodec.convolution import CausalConv, CausalTransposedConv

if TYPE_CHECKING:
    from collections.abc import Sequence

CHANNELS = 512  # at the frame rate; halved by each stage
DILATIONS = (1, 3, 5)
SLOPE = 0.1
LAST_SLOPE = 0.01


@dataclass(frozen=True, slots=True)
class VocoderConfig:
    """What distinguishes the vocoders.

    Attributes:
        kernel_sizes: taps of the residual blocks of a stage.
        groups: copies of the features that one residual block works on side by side; with one,
            the blocks of a stage are averaged instead, as in HiFi-GAN.
    """

    kernel_sizes: tuple[int, ...]
    groups: int


V0 = VocoderConfig(kernel_sizes=(3, 7, 11), groups=1)
V1 = VocoderConfig(kernel_sizes=(11,), groups=3)
V2 = VocoderConfig(kernel_sizes=(3,), groups=3)


class ResidualPairs(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair added to what went in."""

    def __init__(self, channels: int, size: int, groups: int) -> None:
        super().__init__()
        self.convs1 = _convolutions(channels, size, groups, DILATIONS)
        self.convs2 = _convolutions(channels, size, groups, [1] * len(DILATIONS))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            inner = dilated(functional.leaky_relu(x, SLOPE))
            x = x + cast("Tensor", plain(functional.leaky_relu(inner, SLOPE)))
        return x


class GroupedBlock(ResidualPairs):
    """Residual pairs on copies of the features, one group of kernels each, then mixed to one."""

    def __init__(self, channels: int, size: int, groups: int) -> None:
        super().__init__(groups * channels, size, groups)
        self.conv_out = normalised(nn.Conv1d(groups * channels, channels, 1, bias=False))
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        y: Tensor = self.conv_out(super().forward(x.repeat(1, self.groups, 1)))
        return y


class AveragedBlocks(nn.Module):
    """Residual pairs of several kernel sizes on the same features, averaged."""

    def __init__(self, channels: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResidualPairs(channels, size, groups=1) for size in sizes)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        return torch.stack([block(x) for block in self.blocks]).mean(dim=0)


class Vocoder(nn.Module):
    """Latents ``[B, 64, T]`` to a waveform ``[B, 1, T * 300]`` in (-1, 1).

    Attributes:
        mean: mean of the training latents per channel.
        scale: their standard deviation.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, config: VocoderConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(LATENT_DIM))
        self.register_buffer("scale", torch.ones(LATENT_DIM))
        channels = CHANNELS
        self.input_conv = CausalConv(LATENT_DIM, channels, KERNEL_SIZE, bias=True, weight_norm=True)
        self.upsamples = nn.ModuleList()
        self.blocks = nn.ModuleList()
        for stride in reversed(STRIDES):
            self.upsamples.append(
                CausalTransposedConv(channels, channels // 2, stride, weight_norm=True)
            )
            channels //= 2
            self.blocks.append(_stage(channels, config))
        self.output_conv = CausalConv(channels, 1, KERNEL_SIZE, bias=True, weight_norm=True)

    def forward(self, latents: Tensor) -> Tensor:
        """The waveform."""
        x = (latents - self.mean[:, None]) / self.scale[:, None]
        x = self.input_conv(x)
        for upsample, block in zip(self.upsamples, self.blocks, strict=True):
            x = block(upsample(functional.leaky_relu(x, SLOPE)))
        return torch.tanh(self.output_conv(functional.leaky_relu(x, LAST_SLOPE)))


def _stage(channels: int, config: VocoderConfig) -> nn.Module:
    if config.groups == 1:
        return AveragedBlocks(channels, config.kernel_sizes)
    (size,) = config.kernel_sizes
    return GroupedBlock(channels, size, config.groups)


def _convolutions(channels: int, size: int, groups: int, dilations: Sequence[int]) -> nn.ModuleList:
    return nn.ModuleList(
        CausalConv(
            channels, channels, size, dilation=dilation, groups=groups, bias=True, weight_norm=True
        )
        for dilation in dilations
    )
