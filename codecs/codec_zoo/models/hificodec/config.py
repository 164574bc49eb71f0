"""Sizes of a HiFi-Codec network."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HifiCodecConfig:
    """What has to be known to build a HiFi-Codec; defaults: the published 24 kHz, 320 samples.

    Attributes:
        strides: upsampling factors in the decoder's order; the encoder goes backwards.
        channels: channels at the latent rate; halved by each stage of the decoder.
        residual_sizes: taps of the residual blocks of a stage, in the decoder's order.
        dilations: dilations within a residual block.
        n_groups: parts into which a latent vector is cut.
        n_layers: residual quantizer layers per group.
        codebook_size: codewords per layer and group.
    """

    strides: tuple[int, ...] = (8, 5, 4, 2)
    channels: int = 512
    residual_sizes: tuple[int, ...] = (3, 7, 11)
    dilations: tuple[int, ...] = (1, 3, 5)
    n_groups: int = 2
    n_layers: int = 2
    codebook_size: int = 1024

    @property
    def kernel_sizes(self) -> tuple[int, ...]:
        """Taps of the convolution of each stride: twice the stride, made odd for an odd one.

        Then the padding on both sides is equal, and a stage changes the length by its stride.
        """
        return tuple(2 * stride + stride % 2 for stride in self.strides)

    @property
    def hop(self) -> int:
        """Samples per latent frame."""
        return math.prod(self.strides)

    @property
    def n_codes(self) -> int:
        """Codes per frame."""
        return self.n_groups * self.n_layers
