"""Periodic activations that run at twice the rate, so that they do not alias.

Lee et al., BigVGAN, arXiv:2206.04658, sections 3.2 and 3.3. The filters are windowed sinc functions
with a Kaiser window of the width that Oppenheim and Schafer's formulas give.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

RATIO = 2
N_TAPS = 12
TRANSITION = 0.6  # width of the transition band over the rate, before division by RATIO
TINY = 1e-9  # keeps the division finite


class SnakeBeta(nn.Module):
    """x + sin(a x)^2 / b with a and b per channel, stored as logarithms.

    Snake: Ziyin, Hartwig and Ueda, arXiv:2006.08195; the magnitude b of its own is BigVGAN's.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        frequency, magnitude = self.alpha.exp()[:, None], self.beta.exp()[:, None]
        return x + (x * frequency).sin().square() / (magnitude + TINY)


class LowPass(nn.Module):
    """A filter that halves the bandwidth, as a depthwise kernel that checkpoints carry along."""

    filter: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filter", low_pass_kernel()[None, None])

    def kernels(self, channels: int) -> Tensor:
        """The same kernel for each channel: ``[C, 1, taps]``."""
        return self.filter.expand(channels, -1, -1)


class Upsample(LowPass):
    """``[B, C, T]`` to ``[B, C, 2 T]``; the edges are repeated."""

    def forward(self, x: Tensor) -> Tensor:
        """Interpolate by two."""
        n_samples, channels = x.shape[2], x.shape[1]
        edge = N_TAPS // RATIO - 1
        x = functional.pad(x, (edge, edge), mode="replicate")
        x = functional.conv_transpose1d(x, self.kernels(channels), stride=RATIO, groups=channels)
        start = edge * RATIO + (N_TAPS - RATIO) // 2
        return RATIO * x[..., start : start + RATIO * n_samples]


class Downsample(nn.Module):
    """``[B, C, 2 T]`` to ``[B, C, T]``; the edges are repeated."""

    def __init__(self) -> None:
        super().__init__()
        self.lowpass = LowPass()

    def forward(self, x: Tensor) -> Tensor:
        """Filter and keep every other sample."""
        x = functional.pad(x, (N_TAPS // 2 - 1, N_TAPS // 2), mode="replicate")
        channels = x.shape[1]
        kernels = self.lowpass.kernels(channels)
        return functional.conv1d(x, kernels, stride=RATIO, groups=channels)


class FilteredActivation(nn.Module):
    """A snake between upsampling and downsampling by two."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.act = SnakeBeta(channels)
        self.upsample = Upsample()
        self.downsample = Downsample()

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        y: Tensor = self.downsample(self.act(self.upsample(x)))
        return y


def low_pass_kernel() -> Tensor:
    """Taps of a sinc of half the bandwidth under a Kaiser window, ``[N_TAPS]``, of sum 1.

    Window: Kaiser's formulas for the attenuation of a given length and transition (Oppenheim and
    Schafer, Discrete-Time Signal Processing, section 7.5.3).
    """
    half = N_TAPS // 2
    attenuation = 2.285 * (half - 1) * math.pi * 4 * TRANSITION / RATIO + 7.95  # dB
    if attenuation > 50:
        shape = 0.1102 * (attenuation - 8.7)
    else:
        shape = 0.5842 * (attenuation - 21) ** 0.4 + 0.07886 * (attenuation - 21)
    window = torch.kaiser_window(N_TAPS, periodic=False, beta=shape)
    time = torch.arange(-half, half) + 0.5
    taps = window * torch.sinc(time / RATIO)
    return taps / taps.sum()
