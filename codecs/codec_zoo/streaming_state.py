"""Layers that go on where their last call ended, for networks that run piece by piece."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Literal, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

Network = TypeVar("Network", bound=nn.Module)
Start = Literal["zeros", "first"]


class ContinuedConv(nn.Module):
    """A causal convolution; takes whole strides."""

    def __init__(self, conv: nn.Conv1d, n_past: int, *, start: Start = "zeros") -> None:
        """Remember ``n_past`` samples, which at first are zeros or copies of the first one."""
        super().__init__()
        self.conv = conv
        self._n_past = n_past
        self._start = start
        self._past: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to ``[B, C', T / stride]``."""
        if self._past is None:
            self._past = _beginning(x, self._n_past, self._start)
        extended = torch.cat([self._past, x], dim=2)
        self._past = extended[..., x.shape[2] :]
        y: Tensor = self.conv(extended)
        return y


class ContinuedTransposedConv(nn.Module):
    """A causal upsampling whose kernel spans two strides: each output mixes two input frames."""

    def __init__(self, conv: nn.ConvTranspose1d, *, start: Start = "zeros") -> None:
        """Remember one frame, which at first is zero or a copy of the first one."""
        super().__init__()
        self.conv = conv
        self._start = start
        self._past: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to ``[B, C', T * stride]``."""
        if self._past is None:
            self._past = _beginning(x, 1, self._start)
        extended = torch.cat([self._past, x], dim=2)
        self._past = x[..., -1:]
        stride = self.conv.stride[0]
        y: Tensor = self.conv(extended)
        return y[..., stride : stride * extended.shape[2]]


class ContinuedLstm(nn.Module):
    """A stack of LSTM layers whose output is added to its input."""

    def __init__(self, lstm: nn.LSTM) -> None:
        """Begin with the state zero."""
        super().__init__()
        self.lstm = lstm
        self._state: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        steps = x.permute(2, 0, 1)  # [T, B, C]
        y, self._state = self.lstm(steps, self._state)
        summed: Tensor = y + steps
        return summed.permute(1, 2, 0)


def folded_copy(network: Network) -> Network:
    """A copy in evaluation mode whose kernels carry no weight normalisation.

    torch's own ``remove_parametrizations`` also takes them from the class, which a copied layer
    shares with the original.
    """
    copied = copy.deepcopy(network).eval()
    for module in list(copied.modules()):
        if parametrize.is_parametrized(module, "weight"):
            weight = cast("Tensor", module.weight).detach().clone()
            module.__class__ = parametrize.type_before_parametrizations(module)
            del module.parametrizations
            module.register_parameter("weight", nn.Parameter(weight))
    return copied


def replace_layers(network: nn.Module, replace: Callable[[nn.Module], nn.Module | None]) -> None:
    """Put another layer in the place of each one for which ``replace`` gives one."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            replacement = replace(child)
            if replacement is not None:
                module.add_module(name, replacement)


def _beginning(x: Tensor, length: int, start: Start) -> Tensor:
    first = x[..., :1]
    if start == "zeros":
        first = torch.zeros_like(first)
    return first.expand(-1, -1, length)
