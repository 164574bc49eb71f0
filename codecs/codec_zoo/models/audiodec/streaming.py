"""AudioDec piece by piece: the offline networks, with convolutions that remember their input."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from torch import nn

from codec_zoo.models.audiodec.convolution import CausalConv, CausalTransposedConv
from codec_zoo.streaming_state import (
    ContinuedConv,
    ContinuedTransposedConv,
    folded_copy,
    replace_layers,
)

if TYPE_CHECKING:
    from codec_zoo.streaming_state import Start

Network = TypeVar("Network", bound=nn.Module)


def streaming_copy(network: Network, *, zero_start: bool = False) -> Network:
    """A copy of an encoder or decoder that takes its input piece by piece, in whole frames.

    Each call continues the one before it. Kernels are folded.

    Args:
        network: an offline network; left as it is.
        zero_start: start upsampling from zeros, as the published streaming decoders do, instead of
            repeating the first frame, as the published offline decoders do. The outputs differ
            for the first half second.
    """
    start: Start = "zeros" if zero_start else "first"

    def continued(layer: nn.Module) -> nn.Module | None:
        match layer:
            case CausalConv():
                return ContinuedConv(layer.conv, layer.padding)
            case CausalTransposedConv():
                return ContinuedTransposedConv(layer.deconv, start=start)
        return None

    copied = folded_copy(network)
    replace_layers(copied, continued)
    return copied
