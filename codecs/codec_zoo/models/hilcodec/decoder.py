"""The decoder: from quantized latents to a waveform."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from codec_zoo.models.hilcodec.blocks import ResidualBlock, Scale
from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.config import HilCodecConfig

N_OUTPUT_LAYERS = 3  # convolution, scale and tanh, which run in full precision


class Decoder(nn.Module):
    """Latents ``[B, latent_dim, T]`` to a waveform ``[B, 1, T * hop]`` in (-1, 1).

    Attributes:
        precision: number type of the features between the first and the last layer.
    """

    def __init__(self, config: HilCodecConfig) -> None:
        super().__init__()
        self.precision = torch.float32
        channels = config.decoder_channels * 2 ** len(config.strides)
        weight_norm = config.weight_norm
        size = config.kernel_size
        layers: list[nn.Module] = [
            CausalConv(config.latent_dim, channels, 1, bias=False, weight_norm=weight_norm),
            CausalConv(channels, channels, size, depthwise=True, weight_norm=weight_norm),
        ]
        after_blocks = Scale(config.branch_scale(config.decoder_blocks))
        for stage, stride in enumerate(reversed(config.strides)):
            layers += [
                after_blocks if stage else nn.Identity(),
                nn.ELU(),
                CausalTransposedConv(
                    channels, stride, after_activation=True, weight_norm=weight_norm
                ),
                CausalConv(channels, channels // 2, 1, weight_norm=weight_norm),
            ]
            channels //= 2
            layers += [
                ResidualBlock(
                    channels,
                    size,
                    pre_scale=config.branch_scale(index),
                    residual_scale=config.residual_scale,
                    weight_norm=weight_norm,
                )
                for index in range(config.decoder_blocks)
            ]
        layers += [
            after_blocks,
            nn.ELU(),
            CausalConv(channels, 1, size, after_activation=True, weight_norm=weight_norm),
            Scale(config.waveform_std),
            nn.Tanh(),
        ]
        self.model = nn.Sequential(*layers)

    def forward(self, latents: Tensor) -> Tensor:
        """The waveform."""
        x = latents.to(self.precision)
        for index, layer in enumerate(self.model, start=-len(self.model)):
            x = layer(x if index < -N_OUTPUT_LAYERS else x.float())
        return x
