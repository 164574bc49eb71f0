"""AudioDec piece by piece: the offline networks, with convolutions that remember their input."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from codec_zoo.models.audiodec.convolution import CausalConv, CausalTransposedConv

Network = TypeVar("Network", bound=nn.Module)


class ContinuedConv(nn.Module):
    """A causal convolution that goes on where the last call ended; takes whole strides."""

    def __init__(self, convolution: CausalConv) -> None:
        super().__init__()
        self.conv = convolution.conv
        self._padding = convolution.padding
        self._past: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with the end of the last call, zeros at first, before the first sample."""
        if self._past is None:
            self._past = x.new_zeros(*x.shape[:2], self._padding)
        extended = torch.cat([self._past, x], dim=2)
        self._past = extended[..., x.shape[2] :]
        y: Tensor = self.conv(extended)
        return y


class ContinuedTransposedConv(nn.Module):
    """A causal upsampling that remembers the last frame of the last call."""

    def __init__(self, convolution: CausalTransposedConv, *, zero_start: bool) -> None:
        super().__init__()
        self.deconv = convolution.deconv
        self._stride = convolution.stride
        self._zero_start = zero_start
        self._past: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Upsample by the stride."""
        if self._past is None:
            self._past = torch.zeros_like(x[..., :1]) if self._zero_start else x[..., :1]
        extended = torch.cat([self._past, x], dim=2)
        self._past = x[..., -1:]
        y: Tensor = self.deconv(extended)
        return y[..., self._stride : -self._stride]


def streaming_copy(network: Network, *, zero_start: bool = False) -> Network:
    """A copy of an encoder or decoder that takes its input piece by piece, in whole frames.

    Each call continues the one before it. Kernels are folded.

    Args:
        network: an offline network; left as it is.
        zero_start: start upsampling from zeros, as the published streaming decoders do, instead of
            repeating the first frame, as the published offline decoders do. The outputs differ
            for the first half second.
    """
    copied = copy.deepcopy(network).eval()
    for module in list(copied.modules()):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    for module in list(copied.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, CausalConv):
                module.add_module(name, ContinuedConv(child))
            elif isinstance(child, CausalTransposedConv):
                module.add_module(name, ContinuedTransposedConv(child, zero_start=zero_start))
    return copied
