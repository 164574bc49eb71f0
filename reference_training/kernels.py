"""Convolutions laid out for training: features as ``[B, T, C]`` in memory.

All functions take and return ``[B, C, T]`` tensors, like those of the network they replace; only
the strides differ. Depthwise convolutions are sums of shifted products, which a compiler fuses with
what surrounds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
from torch.nn import functional

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.network import HilCodec
    from torch import Tensor


def causal_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """What ``codec_zoo``'s function of this name computes, in the layout of this module."""
    weight = weight.to(x.dtype)
    bias = None if bias is None else bias.to(x.dtype)
    features = x.transpose(1, 2)  # [B, T, C]
    if weight.shape[2] == 1:
        return functional.linear(features, weight[:, :, 0], bias).transpose(1, 2)
    if weight.shape[1] == 1 and weight.shape[0] == x.shape[1] > 1:
        convolve = _depthwise if stride == 1 else _depthwise_strided
        y = convolve(features, weight[:, 0], stride)
    else:
        y = _dense(features, weight)
    return (y if bias is None else y + bias).transpose(1, 2)


def causal_transposed_conv(x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
    """What ``codec_zoo``'s function of this name computes, in the layout of this module."""
    features = x.transpose(1, 2)  # [B, T, C]
    taps = weight[:, 0].to(x.dtype).T  # [k, C]
    before = functional.pad(features, (0, 0, 1, 0))[:, :-1]
    y = features[:, :, None] * taps[:stride] + before[:, :, None] * taps[stride:]
    y = y.flatten(1, 2)
    return (y if bias is None else y + bias.to(x.dtype)).transpose(1, 2)


def use_training_kernels(network: HilCodec, precision: torch.dtype) -> None:
    """Let ``network`` convolve with the functions above, its trunk in ``precision``."""
    for module in network.modules():
        if isinstance(module, CausalConv):
            module.compute = causal_conv
        elif isinstance(module, CausalTransposedConv):
            module.compute = causal_transposed_conv
    network.encoder.precision = precision
    network.decoder.precision = precision


def _depthwise(features: Tensor, taps: Tensor, stride: int) -> Tensor:
    size = taps.shape[1]
    n_frames = features.shape[1]
    padded = functional.pad(features, (0, 0, size - 1, 0))
    y = padded[:, :n_frames] * taps[:, 0]
    for tap in range(1, size):
        y = y + padded[:, tap : tap + n_frames] * taps[:, tap]
    return y


def _depthwise_strided(features: Tensor, taps: Tensor, stride: int) -> Tensor:
    n_blocks = -(-features.shape[1] // stride)
    right = n_blocks * stride - features.shape[1]
    padded = functional.pad(features, (0, 0, stride, right))
    blocks = padded.unflatten(1, (n_blocks + 1, stride))  # [B, blocks, stride, C]
    older, newer = taps.T[:stride], taps.T[stride:]
    return (blocks[:, :-1] * older + blocks[:, 1:] * newer).sum(dim=2)


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
