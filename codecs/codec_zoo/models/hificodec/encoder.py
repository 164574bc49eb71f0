"""The encoder of HiFi-Codec: a HiFi-GAN generator turned round, with normalised sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.loading import normalised
from codec_zoo.models.hifigan.residual import SLOPE, ResidualBlock

if TYPE_CHECKING:
    from codec_zoo.models.hificodec.config import HifiCodecConfig

CHANNELS_PER_GROUP = 16  # of the group normalisation
NORM_FLOOR = 1e-6
LAST_SLOPE = 0.01


class Encoder(nn.Module):
    """Waveform ``[B, 1, T * hop]`` to latents ``[B, channels, T]``.

    The normalisation runs over all time, so every latent depends on the whole waveform: it cannot
    be computed in pieces.
    """

    def __init__(self, config: HifiCodecConfig) -> None:
        super().__init__()
        channels = config.channels >> len(config.strides)
        self.conv_pre = normalised(nn.Conv1d(1, channels, 7, padding=3))
        self.ups = nn.ModuleList()  # the published name, although they go down
        self.resblocks = nn.ModuleList()
        self.normalize = nn.ModuleList()
        stages = zip(reversed(config.strides), reversed(config.kernel_sizes), strict=True)
        for stride, size in stages:
            padding = (size - stride) // 2
            strided = nn.Conv1d(channels, 2 * channels, size, stride, padding)
            self.ups.append(normalised(strided))
            channels *= 2
            for residual_size in reversed(config.residual_sizes):
                self.resblocks.append(ResidualBlock(channels, residual_size, config.dilations))
                groups = channels // CHANNELS_PER_GROUP
                self.normalize.append(nn.GroupNorm(groups, channels, NORM_FLOOR))
        self.conv_post = nn.Conv1d(channels, channels, 3, padding=1)
        self.blocks_per_stage = len(config.residual_sizes)

    def forward(self, waveform: Tensor) -> Tensor:
        """The latents."""
        x: Tensor = self.conv_pre(waveform)
        for stage, strided in enumerate(self.ups):
            x = strided(functional.leaky_relu(x, SLOPE))
            first = stage * self.blocks_per_stage
            total: Tensor | None = None
            for index in range(first, first + self.blocks_per_stage):
                branch = self.resblocks[index](x)
                total = self.normalize[index](branch if total is None else total + branch)
            assert total is not None, "a stage has at least one residual block"
            x = total / self.blocks_per_stage
        z: Tensor = self.conv_post(functional.leaky_relu(x, LAST_SLOPE))
        return z
