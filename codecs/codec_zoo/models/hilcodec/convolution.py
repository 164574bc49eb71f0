"""Causal convolutions with weight normalisation, named as in the published checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

CausalConvolution: TypeAlias = Callable[[Tensor, Tensor, Tensor | None, int], Tensor]
"""``(x [B, C, T], weight [C', C / groups, k], bias, stride)`` to ``[B, C', frames]``."""


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Convolve without looking ahead of the frame.

    Args:
        x: input of shape ``[B, C, T]``.
        weight: kernel of shape ``[C', C / groups, k]``; the number of groups follows from it.
        bias: one value per output channel, or none.
        stride: samples per output frame.

    Returns:
        Output of shape ``[B, C', ceil(T / stride)]``; the last frame is completed with zeros.
    """
    left = weight.shape[-1] - stride
    right = -x.shape[-1] % stride
    padded = functional.pad(x, (left, right))
    groups = x.shape[1] // weight.shape[1]
    return functional.conv1d(padded, weight, bias, stride, groups=groups)


def causal_transposed_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """Upsample each channel by ``stride``.

    Args:
        x: input of shape ``[B, C, T]``.
        weight: one kernel per channel, of shape ``[C, 1, k]``.
        bias: one value per channel, or none.
        stride: output samples per frame.

    Returns:
        Output of shape ``[B, C, T * stride]``: what goes beyond the last frame is cut.
    """
    full = functional.conv_transpose1d(x, weight, bias, stride, groups=x.shape[1])
    return full[..., : x.shape[-1] * stride]


class ConvWeights(nn.Module):
    """Kernel and bias of one convolution; the kernel as direction and length, or plain."""

    def __init__(
        self, channels: int, inputs: int, size: int, *, bias: bool, weight_norm: bool
    ) -> None:
        super().__init__()
        if weight_norm:
            self.weight_g = nn.Parameter(torch.ones(channels, 1, 1))
            self.weight_v = nn.Parameter(torch.zeros(channels, inputs, size))
        else:
            self.weight = nn.Parameter(torch.zeros(channels, inputs, size))
        self.bias: nn.Parameter | None
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)) if bias else None)
        self.weight_norm = weight_norm

    def forward(self) -> Tensor:
        """The kernel, shape ``[C', C / groups, k]``."""
        if not self.weight_norm:
            return self.weight
        # The function behind torch.nn.utils.weight_norm; its fused gradient is twice as fast.
        return torch._weight_norm(self.weight_v, self.weight_g, 0)

    @torch.no_grad()
    def assign(self, kernel: Tensor) -> None:
        """Take over ``kernel`` of shape ``[C', C / groups, k]``."""
        if self.weight_norm:
            self.weight_v.copy_(kernel)
            self.weight_g.copy_(torch.linalg.vector_norm(kernel, dim=(1, 2), keepdim=True))
        else:
            self.weight.copy_(kernel)

    @torch.no_grad()
    def fold(self) -> None:
        """Replace direction and length by the plain kernel that they make."""
        if self.weight_norm:
            kernel = self()
            del self.weight_g, self.weight_v
            self.weight = nn.Parameter(kernel)
            self.weight_norm = False


class CausalConv(nn.Module):
    """A causal convolution ``[B, C, T] -> [B, C', ceil(T / stride)]``.

    Attributes:
        compute: the function that convolves; training may replace it by a faster one.
        after_activation: whether the input comes straight from an activation, for initialisation.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        stride: int = 1,
        depthwise: bool = False,
        bias: bool = True,
        after_activation: bool = False,
        weight_norm: bool = True,
    ) -> None:
        super().__init__()
        inputs = 1 if depthwise else in_channels
        weights = ConvWeights(out_channels, inputs, size, bias=bias, weight_norm=weight_norm)
        # Two levels of one name: published checkpoints say `conv.conv.weight_g`.
        self.conv = nn.ModuleDict({"conv": weights})
        self.stride = stride
        self.after_activation = after_activation
        self.compute: CausalConvolution = causal_conv

    @property
    def weights(self) -> ConvWeights:
        """Kernel and bias."""
        return cast("ConvWeights", self.conv["conv"])

    def forward(self, x: Tensor) -> Tensor:
        """Convolve ``x`` of shape ``[B, C, T]``."""
        weights = self.weights
        return self.compute(x, weights(), weights.bias, self.stride)


class CausalTransposedConv(nn.Module):
    """A causal depthwise upsampling ``[B, C, T] -> [B, C, T * stride]``, kernel 2 x stride.

    Attributes:
        compute: the function that convolves; training may replace it by a faster one.
        after_activation: whether the input comes straight from an activation, for initialisation.
    """

    def __init__(
        self,
        channels: int,
        stride: int,
        *,
        after_activation: bool = False,
        weight_norm: bool = True,
    ) -> None:
        super().__init__()
        weights = ConvWeights(channels, 1, 2 * stride, bias=False, weight_norm=weight_norm)
        self.convtr = nn.ModuleDict({"convtr": weights})
        self.stride = stride
        self.after_activation = after_activation
        self.compute: CausalConvolution = causal_transposed_conv

    @property
    def weights(self) -> ConvWeights:
        """Kernel and bias."""
        return cast("ConvWeights", self.convtr["convtr"])

    def forward(self, x: Tensor) -> Tensor:
        """Upsample ``x`` of shape ``[B, C, T]``."""
        weights = self.weights
        return self.compute(x, weights(), weights.bias, self.stride)


def fold_weight_norm(network: nn.Module) -> None:
    """Fold the weight normalisation of every convolution in ``network``, in place."""
    for module in network.modules():
        if isinstance(module, ConvWeights):
            module.fold()
