"""The families of discriminators by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reference_training.collaborative_discriminators import combd, sbd
from reference_training.discriminators import mfbd, mpd, mrsd, msd

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

FAMILIES: dict[str, Callable[[int], nn.ModuleList]] = {
    "mfbd": mfbd,
    "mrsd": mrsd,
    "mpd": mpd,
    "msd": msd,
    "combd": combd,
    "sbd": sbd,
}
"""Each takes its width. Table II of the paper: mfbd with mrsd, mpd with msd, combd with sbd."""
