"""Discriminators: networks that tell decoded from original audio.

Each judges audio ``[B, 1, T]`` and gives a :class:`Judgement`. A family holds several of one kind
with different views of the audio.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from reference_training.filter_bank import FilterBank

SLOPE = 0.1  # of the leaky activations (Kong et al., 2020)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one discriminator says.

    Attributes:
        logits: high where the audio seems original; any shape.
        features: outputs of its layers, for the feature-matching loss.
    """

    logits: Tensor
    features: tuple[Tensor, ...]


class ConvolutionStack(nn.Module):
    """Convolutions with leaky activations and a last one that gives logits."""

    def __init__(self, layers: list[nn.Module], last: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.last = last

    def forward(self, x: Tensor) -> Judgement:
        """Judge what is already in the layout of the first convolution."""
        features = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return Judgement(self.last(x), tuple(features))


def _strided_stack(channels: tuple[int, ...]) -> ConvolutionStack:
    """Five convolutions along time only, of 2-D input ``[B, 1, T, bands]`` (Kong et al., 2020)."""
    strides = (3, 3, 3, 3, 1)
    sizes = zip((1, *channels[:-1]), channels, strides, strict=True)
    layers: list[nn.Module] = [
        weight_norm(nn.Conv2d(n_in, n_out, (5, 1), (stride, 1), (2, 0)))
        for n_in, n_out, stride in sizes
    ]
    return ConvolutionStack(layers, weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), 1, (1, 0))))


class BandDiscriminator(nn.Module):
    """Looks at sub-bands side by side with shared weights: one part of MFBD (Ahn et al., 2024)."""

    def __init__(self, n_bands: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.bank = FilterBank(n_bands)
        self.stack = _strided_stack(channels)

    def forward(self, audio: Tensor) -> Judgement:
        """Judge ``[B, 1, T]``."""
        bands: Tensor = self.bank(audio)  # [B, N, T / N]
        judgement: Judgement = self.stack(bands.transpose(1, 2)[:, None])
        return judgement


class PeriodDiscriminator(nn.Module):
    """Looks at every p-th sample: one part of MPD (Kong et al., 2020, HiFi-GAN)."""

    def __init__(self, period: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        self.stack = _strided_stack(channels)

    def forward(self, audio: Tensor) -> Judgement:
        """Judge ``[B, 1, T]``; the end is mirrored to fill the last period."""
        padded = functional.pad(audio, (0, -audio.shape[-1] % self.period), "reflect")
        judgement: Judgement = self.stack(padded.reshape(len(audio), 1, -1, self.period))
        return judgement


class ScaleDiscriminator(nn.Module):
    """Looks at smoothed audio: one part of MSD (Kumar et al., 2019; Kong et al., 2020)."""

    def __init__(self, scale: int, width: int) -> None:
        super().__init__()
        self.scale = scale
        normed: Callable[[nn.Module], nn.Module] = spectral_norm if scale == 0 else weight_norm
        # (in, out, taps, stride, groups), for the published width of 128
        sizes = (
            (1, width, 15, 1, 1),
            (width, width, 41, 2, 4),
            (width, 2 * width, 41, 2, 16),
            (2 * width, 4 * width, 41, 4, 16),
            (4 * width, 8 * width, 41, 4, 16),
            (8 * width, 8 * width, 41, 1, 16),
            (8 * width, 8 * width, 5, 1, 1),
        )
        layers = [
            normed(nn.Conv1d(n_in, n_out, taps, stride, taps // 2, groups=groups))
            for n_in, n_out, taps, stride, groups in sizes
        ]
        self.stack = ConvolutionStack(layers, normed(nn.Conv1d(8 * width, 1, 3, 1, 1)))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge ``[B, 1, T]`` at half the rate per scale."""
        for _ in range(self.scale):
            audio = functional.avg_pool1d(audio, 4, 2, 2)
        judgement: Judgement = self.stack(audio)
        return judgement


class SpectrumDiscriminator(nn.Module):
    """Looks at the complex spectrum of one resolution: one part of MRSD (Ahn et al., 2024).

    Real and imaginary parts are two channels of a picture that 2-D convolutions walk over, as in
    the discriminators of UnivNet (Jang et al., 2021) and EnCodec (Defossez et al., 2022).
    """

    window: Tensor

    def __init__(self, fft_size: int, width: int) -> None:
        super().__init__()
        self.fft_size = fft_size
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)
        layers: list[nn.Module] = [weight_norm(nn.Conv2d(2, width, (3, 9), 1, (1, 4)))]
        layers += [weight_norm(nn.Conv2d(width, width, (3, 9), (1, 2), (1, 4))) for _ in range(3)]
        layers += [weight_norm(nn.Conv2d(width, width, 3, 1, 1))]
        self.stack = ConvolutionStack(layers, weight_norm(nn.Conv2d(width, 1, 3, 1, 1)))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge ``[B, 1, T]``."""
        spectrum = torch.stft(
            audio[:, 0],
            self.fft_size,
            hop_length=self.fft_size // 4,
            window=self.window,
            normalized=True,
            return_complex=True,
        )
        picture = torch.view_as_real(spectrum).permute(0, 3, 2, 1)  # [B, 2, T, F]
        judgement: Judgement = self.stack(picture)
        return judgement


def mfbd(width: int) -> nn.ModuleList:
    """Multi-filter-bank discriminators for 1, 2, 3, 5, 7 and 11 bands; published width 32."""
    channels = (width, 4 * width, 16 * width, 32 * width, 32 * width)
    return nn.ModuleList(BandDiscriminator(n, channels) for n in (1, 2, 3, 5, 7, 11))


def mrsd(width: int) -> nn.ModuleList:
    """Multi-resolution spectrum discriminators for windows of 128 to 1024 samples."""
    return nn.ModuleList(SpectrumDiscriminator(size, width) for size in (128, 256, 512, 1024))


def mpd(width: int) -> nn.ModuleList:
    """Multi-period discriminators of HiFi-GAN for 2, 3, 5, 7 and 11; published width 32."""
    channels = (width, 4 * width, 16 * width, 32 * width, 32 * width)
    return nn.ModuleList(PeriodDiscriminator(period, channels) for period in (2, 3, 5, 7, 11))


def msd(width: int) -> nn.ModuleList:
    """Multi-scale discriminators of HiFi-GAN at three rates; published width 128."""
    return nn.ModuleList(ScaleDiscriminator(scale, width) for scale in range(3))
