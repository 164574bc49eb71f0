"""The discriminators of Avocodo (Bak et al., 2023): CoMBD and SBD.

Avocodo's generator gives its output at three rates; a codec's gives one, so CoMBD sees its lower
rates only through the filter bank. Kernel sizes, strides and dilations follow the paper; they were
not compared with its released code.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from reference_training.discriminators import ConvolutionStack, Judgement
from reference_training.filter_bank import FilterBank

SLOPE = 0.2
COMBD_TAPS = {4: (7, 11, 11, 11, 11, 5), 2: (11, 21, 21, 21, 21, 5), 1: (15, 41, 41, 41, 41, 5)}
COMBD_WIDTHS = (1, 4, 16, 64, 64, 64)  # times the width; published width 16
COMBD_GROUPS = (1, 4, 16, 64, 256, 1)
COMBD_STRIDES = (1, 1, 4, 4, 4, 1)
SBD_WIDTHS = (1, 2, 4, 4, 4)  # times the width; published width 64, and half of it over frequency
SBD_STRIDES = (1, 1, 3, 3, 1)
SBD_TIME_BANDS, SBD_FREQUENCY_BANDS = 16, 64


class RateDiscriminator(nn.Module):
    """Looks at the lowest of ``n_bands`` bands, that is at audio of a lower rate."""

    def __init__(self, n_bands: int, width: int) -> None:
        super().__init__()
        self.bank = FilterBank(n_bands)
        layers: list[nn.Module] = []
        before = 1
        for taps, factor, groups, stride in zip(
            COMBD_TAPS[n_bands], COMBD_WIDTHS, COMBD_GROUPS, COMBD_STRIDES, strict=True
        ):
            channels = factor * width
            shared = min(groups, before)  # narrow ones cannot have as many groups
            layers.append(
                weight_norm(nn.Conv1d(before, channels, taps, stride, taps // 2, groups=shared))
            )
            before = channels
        self.stack = ConvolutionStack(layers, weight_norm(nn.Conv1d(before, 1, 3, 1, 1)))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge ``[B, 1, T]``."""
        judgement: Judgement = self.stack(self.bank(audio)[:, :1])
        return judgement


class DilatedSum(nn.Module):
    """Sum of convolutions with several dilations, then a strided one."""

    def __init__(
        self, n_in: int, n_out: int, taps: int, dilations: tuple[int, ...], stride: int
    ) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            weight_norm(nn.Conv1d(n_in, n_out, taps, dilation=d, padding=d * (taps - 1) // 2))
            for d in dilations
        )
        self.strided = weight_norm(nn.Conv1d(n_out, n_out, 3, stride, 1))

    def forward(self, x: Tensor) -> Tensor:
        """``[B, n_in, T]`` to ``[B, n_out, ceil(T / stride)]``."""
        total = torch.stack([branch(x) for branch in self.branches]).sum(dim=0)
        y: Tensor = self.strided(functional.leaky_relu(total, SLOPE))
        return y


class SubBandDiscriminator(nn.Module):
    """Looks at the lowest bands along time, or at all bands along frequency."""

    def __init__(
        self,
        n_bands: int,
        used_bands: int,
        taps: int,
        dilations: tuple[tuple[int, ...], ...],
        width: int,
        *,
        over_frequency: bool = False,
        n_frames: int = 0,
    ) -> None:
        super().__init__()
        self.bank = FilterBank(n_bands)
        self.used_bands = used_bands
        self.over_frequency = over_frequency
        self.n_frames = n_frames
        layers: list[nn.Module] = []
        before = n_frames if over_frequency else used_bands
        for factor, spread, stride in zip(SBD_WIDTHS, dilations, SBD_STRIDES, strict=True):
            layers.append(DilatedSum(before, factor * width, taps, spread, stride))
            before = factor * width
        self.stack = ConvolutionStack(layers, weight_norm(nn.Conv1d(before, 1, 3, 1, 1)))

    def forward(self, audio: Tensor) -> Judgement:
        """Judge ``[B, 1, T]``."""
        bands: Tensor = self.bank(audio)[:, : self.used_bands]  # [B, bands, frames]
        if self.over_frequency:
            # Blocks of a fixed number of frames, the frames as channels.
            right = -bands.shape[-1] % self.n_frames
            blocks = functional.pad(bands, (0, right))
            blocks = blocks.reshape(*bands.shape[:2], -1, self.n_frames)
            bands = blocks.permute(0, 2, 3, 1).flatten(0, 1)  # [B * blocks, frames, bands]
        judgement: Judgement = self.stack(bands)
        return judgement


def combd(width: int) -> nn.ModuleList:
    """Collaborative multi-band discriminators at a quarter, half and all of the rate."""
    return nn.ModuleList(RateDiscriminator(n_bands, width) for n_bands in COMBD_TAPS)


def sbd(width: int) -> nn.ModuleList:
    """Sub-band discriminators: three along time, one along frequency."""
    along_time = ((6, 7, (5, 7, 11)), (11, 5, (3, 5, 7)), (16, 3, (1, 2, 3)))
    members = [
        SubBandDiscriminator(SBD_TIME_BANDS, used, taps, (spread,) * 5, width)
        for used, taps, spread in along_time
    ]
    members.append(
        SubBandDiscriminator(
            SBD_FREQUENCY_BANDS,
            SBD_FREQUENCY_BANDS,
            5,
            ((1, 2, 3),) * 3 + ((2, 3, 5),) * 2,
            max(1, width // 2),
            over_frequency=True,
            n_frames=SBD_FREQUENCY_BANDS,
        )
    )
    return nn.ModuleList(members)
