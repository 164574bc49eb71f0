"""Initial values that keep the variance of the features constant through the network."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from codec_zoo.models.hilcodec.blocks import ResidualBlock, SpectrogramBlock
from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
from codec_zoo.models.hilcodec.quantizer import Codebook

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.network import HilCodec

TAPS_PER_OUTPUT = 2  # of an upsampling kernel of 2 x stride, whatever the stride


@torch.no_grad()
def initialise(
    network: HilCodec, generator: torch.Generator, *, zero_branches: bool = True
) -> None:
    """Draw all weights of ``network`` anew.

    Kernels are normal with variance 1 / fan-in, doubled after an activation (He et al., 2015).
    The fan-in of an upsampling kernel is the two taps that meet in one output sample; the
    published code counts all of them and loses variance at each stage. The bias before the L2
    normalisation is standard normal, so that silence has a direction.

    Args:
        network: changed in place.
        generator: source of randomness, on the CPU.
        zero_branches: whether residual branches start closed, as published, or with factor 1.
    """
    for module in network.modules():
        if isinstance(module, CausalConv | CausalTransposedConv):
            kernel = module.weights()
            fan_in = (
                TAPS_PER_OUTPUT
                if isinstance(module, CausalTransposedConv)
                else kernel.shape[1] * kernel.shape[2]
            )
            std = math.sqrt((2 if module.after_activation else 1) / fan_in)
            module.weights.assign(torch.randn(kernel.shape, generator=generator) * std)
            if module.weights.bias is not None:
                module.weights.bias.zero_()
        elif isinstance(module, ResidualBlock):
            module.res_scale_param.fill_(0.0 if zero_branches else 1.0)
        elif isinstance(module, SpectrogramBlock):
            module.scale_param.fill_(0.0 if zero_branches else 1.0)
        elif isinstance(module, Codebook):
            module.embed.copy_(torch.randn(module.embed.shape, generator=generator))
            module.ema_embed.copy_(module.embed)
            module.ema_num.fill_(1.0)
    if network.config.l2_norm:
        last = network.encoder.conv_post[-1]
        if isinstance(last, CausalConv) and isinstance(last.weights.bias, nn.Parameter):
            last.weights.bias.copy_(torch.randn(last.weights.bias.shape, generator=generator))
