"""The encoder: from a waveform to latents at 75 frames per second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.models.hilcodec.blocks import (
    LogSpectrogram,
    ResidualBlock,
    Scale,
    SpectrogramBlock,
)
from codec_zoo.models.hilcodec.convolution import CausalConv

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.config import HilCodecConfig

NORM_FLOOR = 1e-12  # of the published L2 normalisation


class Encoder(nn.Module):
    """Waveform ``[B, 1, T]`` to latents ``[B, latent_dim, ceil(T / hop)]``.

    Attributes:
        precision: number type of the features between the first and the last layer.
    """

    def __init__(self, config: HilCodecConfig) -> None:
        super().__init__()
        self.precision = torch.float32
        self.l2_norm = config.l2_norm
        channels = config.encoder_channels
        weight_norm = config.weight_norm
        self.conv_pre = nn.Sequential(
            Scale(1 / config.waveform_std),
            CausalConv(1, channels, config.kernel_size, weight_norm=weight_norm),
        )
        self.spec_blocks = nn.ModuleList()
        self.blocks = nn.ModuleList()
        self.downsample = nn.ModuleList()
        hop = 1
        for level, stride in enumerate(config.strides):
            if config.spectrogram_blocks:
                self.spec_blocks.append(_spectrogram_block(config, level, channels, hop))
            self.blocks.append(_residual_blocks(config, channels))
            self.downsample.append(
                nn.Sequential(
                    Scale(config.branch_scale(config.encoder_blocks)),
                    nn.ELU(),
                    CausalConv(
                        channels,
                        2 * channels,
                        1,
                        bias=False,
                        after_activation=True,
                        weight_norm=weight_norm,
                    ),
                    CausalConv(
                        2 * channels,
                        2 * channels,
                        2 * stride,
                        stride=stride,
                        depthwise=True,
                        weight_norm=weight_norm,
                    ),
                )
            )
            channels *= 2
            hop *= stride
        self.spec_post = (
            _spectrogram_block(config, len(config.strides), channels, hop)
            if config.spectrogram_blocks
            else None
        )
        self.conv_post = nn.Sequential(
            nn.ELU(),
            CausalConv(
                channels,
                channels,
                config.kernel_size,
                depthwise=True,
                bias=False,
                after_activation=True,
                weight_norm=weight_norm,
            ),
            CausalConv(channels, config.latent_dim, 1, weight_norm=weight_norm),
        )

    def forward(self, waveform: Tensor) -> Tensor:
        """Latents; with ``l2_norm`` each frame has the length sqrt(latent_dim)."""
        x = self.conv_pre(waveform).to(self.precision)
        for level, (blocks, downsample) in enumerate(
            zip(self.blocks, self.downsample, strict=True)
        ):
            if self.spec_post is not None:
                x = self.spec_blocks[level](x, waveform)
            x = downsample(blocks(x))
        if self.spec_post is not None:
            x = self.spec_post(x, waveform)
        z: Tensor = self.conv_post(x).float()
        if not self.l2_norm:
            return z
        return functional.normalize(z, dim=1, eps=NORM_FLOOR) * math.sqrt(z.shape[1])


def _spectrogram_block(
    config: HilCodecConfig, level: int, channels: int, hop: int
) -> SpectrogramBlock:
    spectrogram = LogSpectrogram(
        config.fft_size * 2**level,
        hop,
        mean=config.spectrogram_means[level],
        std=config.spectrogram_stds[level],
        exact=config.exact_spectrum,
    )
    return SpectrogramBlock(
        channels,
        spectrogram,
        residual_scale=config.residual_scale,
        weight_norm=config.weight_norm,
    )


def _residual_blocks(config: HilCodecConfig, channels: int) -> nn.Sequential:
    earlier = 1 if config.spectrogram_blocks else 0  # the spectrogram block is a branch, too
    return nn.Sequential(
        *(
            ResidualBlock(
                channels,
                config.kernel_size,
                pre_scale=config.branch_scale(earlier + index),
                residual_scale=config.residual_scale,
                weight_norm=config.weight_norm,
            )
            for index in range(config.encoder_blocks)
        )
    )
