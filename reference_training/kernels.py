"""Convolutions laid out for training: features as ``[B, T, C]`` in memory.

All functions take and return ``[B, C, T]`` tensors, like those of the network they replace; only
the strides differ. Pointwise convolutions are matrix products; depthwise ones are compiled kernels
where the features allow it, else sums of shifted products.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional

from codec_zoo.models.hilcodec.blocks import ResidualBlock, SpectrogramBlock
from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
from reference_training import compiled

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from codec_zoo.models.hilcodec.network import HilCodec


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """What ``codec_zoo``'s function of this name computes, in the layout of this module."""
    features = x.transpose(1, 2)  # [B, T, C]
    if weight.shape[2] == 1:
        return _pointwise(features, weight[:, :, 0], bias).transpose(1, 2)
    if weight.shape[1] == 1 and weight.shape[0] == x.shape[1] > 1:
        return _depthwise(features, weight[:, 0].T, bias, stride).transpose(1, 2)
    y = _dense(features, weight.to(x.dtype))
    return (y if bias is None else y + bias.to(x.dtype)).transpose(1, 2)


def causal_transposed_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """What ``codec_zoo``'s function of this name computes, in the layout of this module."""
    features = x.transpose(1, 2)  # [B, T, C]
    taps = weight[:, 0].T  # [2 s, C]
    if compiled.is_supported(features):
        y = compiled.upsample(features, taps)
    else:
        taps = taps.to(x.dtype)
        before = functional.pad(features, (0, 0, 1, 0))[:, :-1]
        y = features[:, :, None] * taps[:stride] + before[:, :, None] * taps[stride:]
        y = y.flatten(1, 2)
    return (y if bias is None else y + bias.to(x.dtype)).transpose(1, 2)


def add_branch(x: Tensor, branch: Tensor, gain: Tensor) -> Tensor:
    """What ``codec_zoo``'s function of this name computes, in the layout of this module."""
    features, addend = x.transpose(1, 2), branch.transpose(1, 2)
    if compiled.is_supported(features):
        return compiled.add_branch(features, addend, gain).transpose(1, 2)
    return x + branch * gain.to(x.dtype)


class Elu(nn.Module):
    """ELU of features ``[B, C, T]`` times a constant, in the layout of this module."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """The activation."""
        features = x.transpose(1, 2)
        if compiled.is_supported(features):
            return compiled.elu(features, self.scale).transpose(1, 2)
        return functional.elu(x * self.scale)


def use_training_kernels(network: HilCodec, precision: torch.dtype) -> None:
    """Let ``network`` compute with the functions above, its trunk in ``precision``."""
    for module in list(network.modules()):
        if isinstance(module, CausalConv):
            module.compute = causal_conv
        elif isinstance(module, CausalTransposedConv):
            module.compute = causal_transposed_conv
        elif isinstance(module, ResidualBlock | SpectrogramBlock):
            module.add = add_branch
        for name, child in module.named_children():
            if isinstance(child, nn.ELU):
                setattr(module, name, Elu())
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            module.block[0] = Elu(module.pre_scale)  # one pass over the features for both
            module.pre_scale = 1.0
    network.encoder.precision = precision
    network.decoder.precision = precision


def _pointwise(features: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    precision = features.dtype
    return functional.linear(
        features, weight.to(precision), None if bias is None else bias.to(precision)
    )


def _depthwise(features: Tensor, taps: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    if compiled.is_supported(features):
        if stride == 1 and taps.shape[0] == compiled.TAPS:
            return compiled.depthwise(features, taps, bias)
        if taps.shape[0] == 2 * stride:
            right = -features.shape[1] % stride
            whole = functional.pad(features, (0, 0, 0, right)) if right else features
            return compiled.downsample(whole, taps, bias)
    taps = taps.to(features.dtype)
    right = -features.shape[1] % stride
    padded = functional.pad(features, (0, 0, taps.shape[0] - stride, right))
    last = padded.shape[1] - taps.shape[0] + 1
    shifted = [padded[:, tap : tap + last : stride] * taps[tap] for tap in range(taps.shape[0])]
    y = sum(shifted[1:], start=shifted[0])
    return y if bias is None else y + bias.to(features.dtype)


def _dense(features: Tensor, weight: Tensor) -> Tensor:
    out_channels, _, size = weight.shape
    padded = functional.pad(features, (0, 0, size - 1, 0))
    if features.shape[2] < out_channels:
        windows = padded.unfold(1, size, 1).flatten(2)  # [B, T, C * k]
        return functional.linear(windows, weight.flatten(1))
    n_frames = features.shape[1]
    parts = functional.linear(padded, weight.permute(2, 0, 1).flatten(0, 1))  # [B, T, k * C']
    y = parts[:, :n_frames, :out_channels]
    for tap in range(1, size):
        y = y + parts[:, tap : tap + n_frames, tap * out_channels : (tap + 1) * out_channels]
    return y
