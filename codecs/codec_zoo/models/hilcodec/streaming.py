"""HILCodec frame by frame: the offline networks, with convolutions that remember their input.

Every convolution is causal, so the only difference from offline is what stands left of a chunk:
zeros at the start, and the end of the chunk before it afterwards.
"""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.models.hilcodec.blocks import LogSpectrogram, SpectrogramBlock
from codec_zoo.models.hilcodec.convolution import (
    CausalConv,
    CausalTransposedConv,
    fold_weight_norm,
)

Network = TypeVar("Network", bound=nn.Module)


class History:
    """The last samples of all that came before, zeros at first."""

    def __init__(self, length: int) -> None:
        """Remember ``length`` samples."""
        self._length = length
        self._samples: Tensor | None = None

    def before(self, x: Tensor) -> Tensor:
        """``x`` of shape ``[B, C, T]`` behind what came before it, ``[B, C, length + T]``."""
        if self._samples is None:
            self._samples = x.new_zeros(*x.shape[:2], self._length)
        extended = torch.cat([self._samples, x], dim=2)
        self._samples = extended[..., x.shape[2] :]
        return extended


class ContinuedConv:
    """A causal convolution that goes on where the last call ended; takes whole strides."""

    def __init__(self) -> None:
        """Begin with silence."""
        self._history: History | None = None

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        """See :func:`codec_zoo.models.hilcodec.convolution.causal_conv`."""
        if weight.shape[-1] > stride:
            if self._history is None:
                self._history = History(weight.shape[-1] - stride)
            x = self._history.before(x)
        return functional.conv1d(x, weight, bias, stride, groups=x.shape[1] // weight.shape[1])


class ContinuedTransposedConv:
    """A causal upsampling that adds the tail of the last call to the start of its output."""

    def __init__(self) -> None:
        """Begin with silence."""
        self._tail: Tensor | None = None

    def __call__(self, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        """See :func:`codec_zoo.models.hilcodec.convolution.causal_transposed_conv`."""
        full = functional.conv_transpose1d(x, weight, None, stride, groups=x.shape[1])
        n_samples = x.shape[2] * stride
        if self._tail is not None:
            full[..., : self._tail.shape[2]] += self._tail
        self._tail = full[..., n_samples:].clone()
        whole = full[..., :n_samples]
        return whole if bias is None else whole + bias[:, None]


class ContinuedSpectrogram(nn.Module):
    """A log spectrogram whose windows reach back into earlier calls.

    The offline spectrogram sees the past that its windows need, in whole hops, and its frames of
    that past are dropped.
    """

    def __init__(self, spectrogram: LogSpectrogram) -> None:
        """Go on as ``spectrogram`` would offline."""
        super().__init__()
        self.spectrogram = spectrogram
        self._n_past = -(-(spectrogram.fft_size - 1) // spectrogram.hop)
        self._history = History(self._n_past * spectrogram.hop)

    def forward(self, waveform: Tensor) -> Tensor:
        """``[B, 1, T]`` to ``[B, F, T / hop]``."""
        frames: Tensor = self.spectrogram(self._history.before(waveform))
        return frames[..., self._n_past :]


def streaming_copy(network: Network) -> Network:
    """A copy of an encoder or decoder that takes the audio piece by piece.

    Each call continues the one before it. Pieces are whole frames. Kernels are folded.
    """
    copied = copy.deepcopy(network).eval()
    fold_weight_norm(copied)
    for module in copied.modules():
        if isinstance(module, CausalConv):
            module.compute = ContinuedConv()
        elif isinstance(module, CausalTransposedConv):
            module.compute = ContinuedTransposedConv()
    for module in list(copied.modules()):
        if isinstance(module, SpectrogramBlock):
            module.add_module("spec", ContinuedSpectrogram(module.spec))
    return copied
