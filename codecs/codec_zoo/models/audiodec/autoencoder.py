"""Encoder and symmetric decoder of AudioDec: SoundStream's with ELU and without normalisation."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.models.audiodec.convolution import CausalConv, CausalTransposedConv

CHANNELS = 32  # at the rate of the audio
RATIOS = (2, 4, 8, 16)  # channels after each encoder block, in multiples of CHANNELS
STRIDES = (3, 4, 5, 5)
HOP = 300  # samples per frame: the product of the strides
LATENT_DIM = 64
KERNEL_SIZE = 7
PROJECTOR_SIZE = 3  # taps
DILATIONS = (1, 3, 9)


class ResidualUnit(nn.Module):
    """A dilated and a pointwise convolution, each after an ELU, added to what went in."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = CausalConv(channels, channels, KERNEL_SIZE, dilation=dilation)
        self.conv2 = nn.Conv1d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        branch: Tensor = self.conv2(functional.elu(self.conv1(functional.elu(x))))
        return x + branch


class EncoderBlock(nn.Module):
    """Residual units, then a strided convolution."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.res_units = _residual_units(in_channels)
        self.conv = CausalConv(in_channels, out_channels, 2 * stride, stride=stride, bias=True)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to ``[B, C', T / stride]``."""
        y: Tensor = self.conv(self.res_units(x))
        return y


class DecoderBlock(nn.Module):
    """A transposed convolution, then residual units."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv = CausalTransposedConv(in_channels, out_channels, stride)
        self.res_units = _residual_units(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to ``[B, C', T * stride]``."""
        y: Tensor = self.res_units(self.conv(x))
        return y


class Encoder(nn.Module):
    """Waveform ``[B, 1, T * HOP]`` to latents ``[B, 64, T]``."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = CausalConv(1, CHANNELS, KERNEL_SIZE)
        widths = [CHANNELS * ratio for ratio in (1, *RATIOS)]
        self.conv_blocks = nn.Sequential(*map(EncoderBlock, widths[:-1], widths[1:], STRIDES))
        self.projector = CausalConv(widths[-1], LATENT_DIM, PROJECTOR_SIZE)

    def forward(self, waveform: Tensor) -> Tensor:
        """The latents."""
        latents: Tensor = self.projector(self.conv_blocks(self.conv(waveform)))
        return latents


class SymmetricDecoder(nn.Module):
    """Latents ``[B, 64, T]`` to a waveform ``[B, 1, T * HOP]``."""

    def __init__(self) -> None:
        super().__init__()
        widths = [CHANNELS * ratio for ratio in (*RATIOS[::-1], 1)]
        self.conv1 = CausalConv(LATENT_DIM, widths[0], KERNEL_SIZE)
        self.conv_blocks = nn.Sequential(*map(DecoderBlock, widths[:-1], widths[1:], STRIDES[::-1]))
        self.conv2 = CausalConv(CHANNELS, 1, KERNEL_SIZE)

    def forward(self, latents: Tensor) -> Tensor:
        """The waveform."""
        waveform: Tensor = self.conv2(self.conv_blocks(self.conv1(latents)))
        return waveform


def _residual_units(channels: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualUnit(channels, dilation) for dilation in DILATIONS))
