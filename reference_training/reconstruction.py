"""Reconstruction losses: waveform, complex spectra and log mel spectra."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from torch import Tensor

    from reference_training.config import LossConfig

# Released code of HILCodec (its eq. 9): window, bands.
POWER_RESOLUTIONS = ((32, 6), (64, 12), (128, 23), (256, 45), (512, 88), (1024, 128))
RESOLUTIONS = ((64, 6), (128, 12), (256, 24), (512, 48), (1024, 80), (2048, 128))  # window, bands
MAGNITUDE_FLOOR = 1e-5
ENERGY_FLOOR = 1e-3  # per-sample mean; keeps near-silent items from dominating relative distances


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """The terms of one batch, each a scalar tensor."""

    waveform: Tensor
    spectrum: Tensor
    mel: Tensor
    power_mel: Tensor

    def total(self, weights: LossConfig) -> Tensor:
        """The weighted sum."""
        return (
            weights.waveform * self.waveform
            + weights.spectrum * self.spectrum
            + weights.mel * self.mel
            + weights.power_mel * self.power_mel
        )


class ReconstructionLoss(nn.Module):
    """Distances of decoded from original audio that are sensitive to phase and to spectrum.

    A mel distance alone leaves the phase free when no discriminator listens, so the waveform and
    the complex spectra count, too.
    """

    def __init__(self, sample_rate: int, weights: LossConfig) -> None:
        super().__init__()
        self.power_mel = (
            PowerMelDistance(sample_rate, POWER_RESOLUTIONS) if weights.power_mel else None
        )
        for window, n_bands in RESOLUTIONS:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)
            bank = mel_filters(sample_rate, window, n_bands)
            self.register_buffer(f"bank_{window}", bank, persistent=False)

    def forward(self, decoded: Tensor, original: Tensor) -> Reconstruction:
        """Terms for audio of shape ``[B, 1, T]``."""
        y, x = decoded[:, 0], original[:, 0]
        spectrum, mel = [], []
        for window, _ in RESOLUTIONS:
            taper = self.get_buffer(f"window_{window}")
            bank = self.get_buffer(f"bank_{window}")
            both = torch.stft(
                torch.cat([y, x]),
                window,
                hop_length=window // 4,
                window=taper,
                center=True,
                return_complex=True,
            )
            parts = torch.view_as_real(both)  # [2 B, F, T, 2]
            magnitude = parts.square().sum(-1).clamp(min=MAGNITUDE_FLOOR**2).sqrt()
            n_items = len(y)
            difference = parts[:n_items] - parts[n_items:]
            error = difference.square().sum(-1).clamp(min=MAGNITUDE_FLOOR**2).sqrt()
            floor = ENERGY_FLOOR * math.sqrt(window)
            spectrum.append(_relative(error, magnitude[n_items:], floor))
            log_mel = (bank @ magnitude).clamp(min=MAGNITUDE_FLOOR).log()  # [2 B, bands, T]
            mel.append((log_mel[:n_items] - log_mel[n_items:]).abs().mean())
        return Reconstruction(
            waveform=_relative((y - x).abs(), x.abs(), ENERGY_FLOOR),
            spectrum=torch.stack(spectrum).mean(),
            mel=torch.stack(mel).mean(),
            power_mel=self.power_mel(y, x) if self.power_mel else y.new_zeros(()),
        )


class PowerMelDistance(nn.Module):
    """Mean over resolutions of the L1 plus the squared distance of log mel powers (eq. 9).

    The bands are triangles of equal area (Slaney) on the HTK mel scale and the windows are not
    padded, as in the released code. Below the floor the gradient passes as if it were not there,
    so that bands which start silent can learn.
    """

    def __init__(self, sample_rate: int, resolutions: tuple[tuple[int, int], ...]) -> None:
        super().__init__()
        self.resolutions = resolutions
        for window, n_bands in resolutions:
            self.register_buffer(f"window_{window}", torch.hann_window(window), persistent=False)
            bank = _triangles(sample_rate, window, n_bands, equal_area=True)
            self.register_buffer(f"bank_{window}", bank.float(), persistent=False)

    def forward(self, decoded: Tensor, original: Tensor) -> Tensor:
        """A scalar for audio of shape ``[B, T]``."""
        distances = []
        for window, _ in self.resolutions:
            spectrum = torch.stft(
                torch.cat([decoded, original]),
                window,
                hop_length=window // 4,
                window=self.get_buffer(f"window_{window}"),
                center=False,
                return_complex=True,
            )
            power = torch.view_as_real(spectrum).square().sum(-1)
            mel = self.get_buffer(f"bank_{window}") @ power  # [2 B, bands, T]
            floored = mel + (mel.clamp(min=MAGNITUDE_FLOOR) - mel).detach()
            y, x = floored.log().chunk(2)
            distances.append((y - x).abs().mean() + (y - x).square().mean())
        return torch.stack(distances).mean()


def _relative(error: Tensor, reference: Tensor, floor: float) -> Tensor:
    return (error.flatten(1).mean(1) / reference.flatten(1).mean(1).clamp(min=floor)).mean()


def mel_filters(sample_rate: int, window: int, n_bands: int) -> Tensor:
    """Triangular filters ``[n_bands, window / 2 + 1]`` (HTK mel scale), each with the sum 1."""
    bank = _triangles(sample_rate, window, n_bands, equal_area=False)
    # A band narrower than a bin takes the nearest one, so that none is empty.
    bins = torch.linspace(0, sample_rate / 2, window // 2 + 1, dtype=torch.float64)
    centres = _mel_edges(sample_rate, n_bands)[1:-1]
    nearest = (bins - centres[:, None]).abs().argmin(dim=1)
    empty = bank.sum(dim=1) == 0
    bank[empty, nearest[empty]] = 1
    return (bank / bank.sum(dim=1, keepdim=True)).float()


def _mel_edges(sample_rate: int, n_bands: int) -> Tensor:
    top = 2595 * math.log10(1 + sample_rate / 2 / 700)
    mels = torch.linspace(0, top, n_bands + 2, dtype=torch.float64)
    return 700 * (10 ** (mels / 2595) - 1)


def _triangles(sample_rate: int, window: int, n_bands: int, *, equal_area: bool) -> Tensor:
    edges = _mel_edges(sample_rate, n_bands)
    bins = torch.linspace(0, sample_rate / 2, window // 2 + 1, dtype=torch.float64)
    rising = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    bank = torch.minimum(rising, falling).clamp(min=0)
    return bank * (2 / (edges[2:] - edges[:-2]))[:, None] if equal_area else bank
