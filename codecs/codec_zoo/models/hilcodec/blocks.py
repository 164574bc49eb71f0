"""What encoder and decoder are made of: constant factors, residual and spectrogram blocks."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from codec_zoo.models.hilcodec.convolution import CausalConv

MIN_POWER = 1e-10  # the square of the published floor of 1e-5 for magnitudes


def add_branch(x: Tensor, branch: Tensor, gain: Tensor) -> Tensor:
    """``x + gain * branch`` for features ``[B, C, T]`` and one gain."""
    return x + branch * gain.to(x.dtype)


class Scale(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """``x`` times the factor."""
        return x * self.factor


class ResidualBlock(nn.Module):
    """Two depthwise-separable convolutions on a scaled branch, added to the input.

    Args:
        channels: channels of input and output.
        size: taps of the depthwise convolutions.
        pre_scale: factor at the start of the branch: one over the standard deviation there.
        residual_scale: constant factor at its end, times a learned one.
        weight_norm: whether the kernels are stored as direction and length.

    Attributes:
        add: the function that adds the branch; training may replace it by a faster one.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        *,
        pre_scale: float,
        residual_scale: float,
        weight_norm: bool,
    ) -> None:
        super().__init__()
        self.pre_scale = pre_scale
        self.residual_scale = residual_scale
        self.add = add_branch
        self.res_scale_param = nn.Parameter(torch.zeros(1))
        layers: list[nn.Module] = []
        for _ in range(2):
            layers += [
                nn.ELU(),
                CausalConv(
                    channels,
                    channels,
                    1,
                    bias=False,
                    after_activation=True,
                    weight_norm=weight_norm,
                ),
                CausalConv(channels, channels, size, depthwise=True, weight_norm=weight_norm),
            ]
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, C, T]`` to the same shape."""
        branch: Tensor = self.block(x if self.pre_scale == 1.0 else x * self.pre_scale)
        return self.add(x, branch, self.res_scale_param * self.residual_scale)


class LogSpectrogram(nn.Module):
    """Standardised log magnitudes of windows that end at the first sample of each frame.

    Args:
        fft_size: window in samples (periodic Hann).
        hop: samples per frame.
        mean: mean of the log magnitudes, to subtract.
        std: their standard deviation, to divide by.
        exact: use the FFT instead of the published Fourier kernels. Those hold sines and cosines of
            phases in single precision, wrong by up to 1e-4 rad, which shows in bins far below the
            loudest one. Published weights expect them; what we train uses the FFT.
    """

    window: Tensor
    kernels: Tensor

    def __init__(self, fft_size: int, hop: int, *, mean: float, std: float, exact: bool) -> None:
        super().__init__()
        self.fft_size = fft_size
        self.hop = hop
        self.mean = mean
        self.std = std
        self.exact = exact
        window = torch.hann_window(fft_size)
        self.register_buffer("window", window, persistent=False)
        if not exact:
            kernels = _published_fourier_kernels(fft_size) * window
            self.register_buffer("kernels", kernels[:, None], persistent=False)  # [2 F, 1, N]

    def forward(self, waveform: Tensor) -> Tensor:
        """``[B, 1, T]`` to ``[B, F, ceil(T / hop)]``, F = fft_size / 2 + 1."""
        padded = functional.pad(waveform, (self.fft_size - 1, 0))
        if self.exact:
            frames = padded[:, 0].unfold(-1, self.fft_size, self.hop)
            spectrum = torch.view_as_real(torch.fft.rfft(frames * self.window))  # [B, T, F, 2]
            power = spectrum.square().sum(dim=-1).transpose(1, 2)  # [B, F, T]
        else:
            parts = functional.conv1d(padded, self.kernels, stride=self.hop)  # [B, 2 F, T]
            power = parts.square().view(len(parts), 2, -1, parts.shape[-1]).sum(dim=1)
        return (0.5 * power.clamp(min=MIN_POWER).log() - self.mean) / self.std


def _published_fourier_kernels(fft_size: int) -> Tensor:
    bins = torch.arange(fft_size // 2 + 1, dtype=torch.float32)[:, None]
    phase = 2 * math.pi * bins * torch.arange(fft_size, dtype=torch.float32) / fft_size
    return torch.cat([phase.cos(), phase.sin()])


class SpectrogramBlock(nn.Module):
    """Adds a projection of the input's log spectrogram to the features of one level.

    Attributes:
        add: the function that adds the branch; training may replace it by a faster one.
    """

    def __init__(
        self,
        channels: int,
        spectrogram: LogSpectrogram,
        *,
        residual_scale: float,
        weight_norm: bool,
    ) -> None:
        super().__init__()
        self.spec = spectrogram
        self.residual_scale = residual_scale
        self.add = add_branch
        self.scale_param = nn.Parameter(torch.zeros(1))
        self.layer = CausalConv(
            spectrogram.fft_size // 2 + 1, channels, 1, bias=False, weight_norm=weight_norm
        )

    def forward(self, x: Tensor, waveform: Tensor) -> Tensor:
        """Features ``[B, C, T / hop]`` and the raw waveform ``[B, 1, T]`` to new features."""
        branch: Tensor = self.layer(self.spec(waveform).to(x.dtype))
        return self.add(x, branch, self.scale_param * self.residual_scale)
