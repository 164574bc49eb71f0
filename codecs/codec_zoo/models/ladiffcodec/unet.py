"""The diffusion network: a one-dimensional U-Net conditioned on a codec's features."""

from __future__ import annotations

import itertools
import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.models.ladiffcodec.attention import (
    FullAttention,
    LinearAttention,
    ResidualAttention,
)

MULTIPLES = (1, 2, 2, 4, 4)  # of the width, by level
N_GROUPS = 8
TIME_FACTOR = 4
LONGEST_PERIOD = 10_000.0  # of the time embedding, in steps
WEIGHT_FLOOR = 1e-5
UPSAMPLING = (5, 4, 2)  # from codec frames to latents
CONDITION_FLOOR = 1e-8  # so that features of zeros can be divided by their peak


class StandardisedConv(nn.Conv1d):
    """A convolution whose kernels have mean 0 and variance 1 (Qiao et al., arXiv:1903.10520)."""

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to ``[B, C', T]``."""
        variance, mean = torch.var_mean(self.weight, dim=(1, 2), correction=0, keepdim=True)
        kernel = (self.weight - mean) * (variance + WEIGHT_FLOOR).rsqrt()
        return functional.conv1d(x, kernel, self.bias, padding=self.padding)


class Block(nn.Module):
    """Convolution, group normalisation, an optional affine change, SiLU."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.proj = StandardisedConv(in_channels, channels, 3, padding=1)
        self.norm = nn.GroupNorm(N_GROUPS, channels)

    def forward(self, x: Tensor, affine: Tensor | None = None) -> Tensor:
        """``[B, C, T]`` to ``[B, C', T]``; ``affine`` is ``[B, 2 C', 1]``: gain - 1 and offset."""
        y: Tensor = self.norm(self.proj(x))
        if affine is not None:
            gain, offset = affine.chunk(2, dim=1)
            y = y * (gain + 1) + offset
        return functional.silu(y)


class ResidualBlock(nn.Module):
    """Two blocks, the first one changed by the time embedding, added to the input."""

    def __init__(self, in_channels: int, channels: int, time_dim: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.SiLU(), nn.Linear(time_dim, 2 * channels))
        self.block1 = Block(in_channels, channels)
        self.block2 = Block(channels, channels)
        same = in_channels == channels
        self.res_conv = nn.Identity() if same else nn.Conv1d(in_channels, channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Features ``[B, C, T]`` and time embedding ``[B, D]`` to ``[B, C', T]``."""
        y = self.block2(self.block1(x, self.mlp(time)[:, :, None]))
        return cast("Tensor", y + self.res_conv(x))


class Level(nn.ModuleList):
    """Two residual blocks, attention and a change of rate, in the order of the checkpoints."""

    def __init__(
        self, in_channels: int, channels: int, time_dim: int, *, skip: int, resample: nn.Module
    ) -> None:
        super().__init__(
            [
                ResidualBlock(in_channels + skip, channels, time_dim),
                ResidualBlock(channels + skip, channels, time_dim),
                ResidualAttention(channels, LinearAttention(channels)),
                resample,
            ]
        )


class TimeEmbedding(nn.Module):
    """Sines and cosines of the step at geometric periods (arXiv:1706.03762, section 3.5)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, step: Tensor) -> Tensor:
        """``[B]`` to ``[B, dim]``."""
        half = self.dim // 2
        exponent = torch.arange(half, device=step.device) / (half - 1)
        phase = step[:, None] * torch.exp(-math.log(LONGEST_PERIOD) * exponent)
        return torch.cat([phase.sin(), phase.cos()], dim=1)


class CentredTransposedConv(nn.Module):
    """``[B, C, T]`` to ``[B, C, T * stride]``, kernels of 2 x stride, the overhang cut off."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        conv = nn.ConvTranspose1d(channels, channels, 2 * stride, stride)
        # Two levels of one name: published checkpoints say `convtr.convtr.weight`.
        self.convtr = nn.ModuleDict({"convtr": conv})
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Upsample by the stride."""
        y: Tensor = self.convtr["convtr"](x)
        right = self.stride // 2
        return y[..., self.stride - right : y.shape[2] - right]


class Unet(nn.Module):
    """Predicts the noise in latents ``[B, C, T]``, T a multiple of 16.

    Args:
        width: channels of the first level.
        latent_dim: channels of latents and of the conditioning features.
    """

    def __init__(self, width: int, latent_dim: int) -> None:
        super().__init__()
        time_dim = TIME_FACTOR * width
        widths = [width, *(width * multiple for multiple in MULTIPLES)]
        pairs = list(itertools.pairwise(widths))
        self.upsampling_layers = nn.Sequential(
            *(CentredTransposedConv(latent_dim, stride) for stride in UPSAMPLING)
        )
        self.init_conv = nn.Conv1d(2 * latent_dim, width, 7, padding=3)
        self.time_mlp = nn.Sequential(
            TimeEmbedding(width),
            nn.Linear(width, time_dim),
            nn.GELU(),
            nn.Linear(time_dim, time_dim),
        )
        self.downs, self.ups = nn.ModuleList(), nn.ModuleList()
        for index, (low, high) in enumerate(pairs):
            last = index == len(pairs) - 1
            down: nn.Module = (
                nn.Conv1d(low, high, 3, padding=1)
                if last
                else nn.Conv1d(low, high, 4, stride=2, padding=1)
            )
            self.downs.append(Level(low, low, time_dim, skip=0, resample=down))
        for index, (low, high) in enumerate(reversed(pairs)):
            last = index == len(pairs) - 1
            conv = nn.Conv1d(high, low, 3, padding=1)
            up = conv if last else nn.Sequential(nn.Upsample(scale_factor=2.0), conv)
            self.ups.append(Level(high, high, time_dim, skip=low, resample=up))
        self.mid_block1 = ResidualBlock(widths[-1], widths[-1], time_dim)
        self.mid_attn = ResidualAttention(widths[-1], FullAttention(widths[-1]))
        self.mid_block2 = ResidualBlock(widths[-1], widths[-1], time_dim)
        self.final_res_block = ResidualBlock(2 * width, width, time_dim)
        self.final_conv = nn.Conv1d(width, latent_dim, 1)

    def condition(self, features: Tensor) -> Tensor:
        """Codec features ``[B, C, T]`` as latents ``[B, C, 40 T]`` with a peak of 1."""
        latents: Tensor = self.upsampling_layers(features)
        return latents / latents.abs().amax(dim=(1, 2), keepdim=True).clamp_min(CONDITION_FLOOR)

    def forward(self, latents: Tensor, step: Tensor, condition: Tensor) -> Tensor:
        """The noise ``[B, C, T]``.

        Args:
            latents: ``[B, C, T]``.
            step: ``[B]``, 0 for the last one.
            condition: ``[B, C, T]``, from :meth:`condition`.
        """
        x = first = self.init_conv(torch.cat([condition, latents], dim=1))
        time = self.time_mlp(step)
        skips: list[Tensor] = []
        for block1, block2, attention, resample in map(_layers, self.downs):
            x = block1(x, time)
            skips.append(x)
            x = attention(block2(x, time))
            skips.append(x)
            x = resample(x)
        x = self.mid_block2(self.mid_attn(self.mid_block1(x, time)), time)
        for block1, block2, attention, resample in map(_layers, self.ups):
            x = block1(torch.cat([x, skips.pop()], dim=1), time)
            x = attention(block2(torch.cat([x, skips.pop()], dim=1), time))
            x = resample(x)
        x = self.final_res_block(torch.cat([x, first], dim=1), time)
        return cast("Tensor", self.final_conv(torch.tanh(x)))


def _layers(level: nn.Module) -> list[nn.Module]:
    return list(cast("Level", level))
