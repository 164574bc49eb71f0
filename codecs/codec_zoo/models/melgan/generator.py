"""The MelGAN generator (Kumar et al., arXiv:1910.06711, section 2.2 and appendix A)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from codec_zoo.loading import normalised

STRIDES = (8, 8, 2, 2)
N_BLOCKS = 3  # residual blocks per stage
BASE = 3  # of the dilations 1, 3, 9
EDGE_SIZE = 7  # taps of the first and the last convolution
SLOPE = 0.2  # of the leaky ReLU


class ResidualBlock(nn.Module):
    """A dilated and a pointwise convolution beside a pointwise one; the edges are mirrored."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.LeakyReLU(SLOPE),
            nn.ReflectionPad1d(dilation),
            normalised(nn.Conv1d(channels, channels, 3, dilation=dilation)),
            nn.LeakyReLU(SLOPE),
            normalised(nn.Conv1d(channels, channels, 1)),
        )
        self.shortcut = normalised(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        return cast("Tensor", self.shortcut(x)) + cast("Tensor", self.block(x))


class Generator(nn.Module):
    """Mel bands ``[B, n_mels, T]`` to a waveform ``[B, 1, 256 T]`` in (-1, 1); T is 4 or more.

    The names of the parameters are those of the official checkpoints.
    """

    def __init__(self, n_mels: int = 80, base_channels: int = 32) -> None:
        super().__init__()
        channels = base_channels * 2 ** len(STRIDES)
        layers: list[nn.Module] = [
            nn.ReflectionPad1d(EDGE_SIZE // 2),
            normalised(nn.Conv1d(n_mels, channels, EDGE_SIZE)),
        ]
        for stride in STRIDES:
            strided = nn.ConvTranspose1d(channels, channels // 2, 2 * stride, stride, stride // 2)
            layers += [nn.LeakyReLU(SLOPE), normalised(strided)]
            channels //= 2
            layers += [ResidualBlock(channels, BASE**block) for block in range(N_BLOCKS)]
        layers += [
            nn.LeakyReLU(SLOPE),
            nn.ReflectionPad1d(EDGE_SIZE // 2),
            normalised(nn.Conv1d(channels, 1, EDGE_SIZE)),
            nn.Tanh(),
        ]
        self.model = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """The waveform."""
        waveform: Tensor = self.model(features)
        return waveform
