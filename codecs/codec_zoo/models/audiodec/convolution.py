"""The causal convolutions of AudioDec, named as in its checkpoints."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.loading import normalised


class CausalConv(nn.Module):
    """``[B, C, T]`` to ``[B, C', ceil(T / stride)]``; output n sees no input after n * stride."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = False,
        weight_norm: bool = False,
    ) -> None:
        super().__init__()
        conv = nn.Conv1d(
            in_channels, out_channels, size, stride, dilation=dilation, groups=groups, bias=bias
        )
        self.conv = normalised(conv) if weight_norm else conv
        self.padding = (size - 1) * dilation

    def forward(self, x: Tensor) -> Tensor:
        """Convolve with zeros before the first sample."""
        y: Tensor = self.conv(functional.pad(x, (self.padding, 0)))
        return y


class CausalTransposedConv(nn.Module):
    """``[B, C, T]`` to ``[B, C', T * stride]`` with kernels of 2 x stride.

    Each output frame mixes an input frame and the one before it. Before the first one stands a
    copy of it, as in the published offline decoder; the published streaming decoder starts from
    zeros instead and gives other samples at the beginning.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, *, weight_norm: bool = False
    ) -> None:
        super().__init__()
        deconv = nn.ConvTranspose1d(in_channels, out_channels, 2 * stride, stride)
        self.deconv = normalised(deconv) if weight_norm else deconv
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Upsample by the stride."""
        y: Tensor = self.deconv(functional.pad(x, (1, 0), mode="replicate"))
        return y[..., self.stride : -self.stride]
