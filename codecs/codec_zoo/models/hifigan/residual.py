"""The residual block of HiFi-GAN (Kong et al., arXiv:2010.05646, section 2.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.loading import normalised

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOPE = 0.1  # of the leaky ReLU


class ResidualBlock(nn.Module):
    """Pairs of a dilated and a plain convolution, each pair added to what went in."""

    def __init__(self, channels: int, size: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_conv(channels, size, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_conv(channels, size, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            inner = dilated(functional.leaky_relu(x, SLOPE))
            x = x + cast("Tensor", plain(functional.leaky_relu(inner, SLOPE)))
        return x


def _conv(channels: int, size: int, dilation: int) -> nn.Conv1d:
    padding = (size - 1) * dilation // 2
    return normalised(nn.Conv1d(channels, channels, size, dilation=dilation, padding=padding))
