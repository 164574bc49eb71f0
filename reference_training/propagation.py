"""How the variance of the features develops through an untrained network (paper, Fig. 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from codec_zoo.models.hilcodec.blocks import ResidualBlock, SpectrogramBlock
from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
from codec_zoo.models.hilcodec.initialisation import initialise
from codec_zoo.models.hilcodec.network import HilCodec

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from codec_zoo.models.hilcodec.config import HilCodecConfig


@dataclass(frozen=True, slots=True)
class LayerVariance:
    """Variance of one layer's output over batch, time and channels."""

    layer: str
    variance: float


@torch.no_grad()
def variance_profile(
    config: HilCodecConfig, *, seed: int = 0, seconds: float = 1.0
) -> list[LayerVariance]:
    """Variance after each layer of a freshly drawn network, in the order of computation.

    Residual branches are open (factor 1), as after training; the waveform is white noise with the
    standard deviation that the network expects, and the decoder is fed standard normal latents.

    Args:
        config: the network.
        seed: of weights and signals.
        seconds: length of the signals.
    """
    generator = torch.Generator().manual_seed(seed)
    network = HilCodec(config)
    initialise(network, generator, zero_branches=False)
    profile: list[LayerVariance] = []

    def record(name: str) -> None:
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            profile.append(LayerVariance(name, float(output.var())))

        network.get_submodule(name).register_forward_hook(hook)

    inside: tuple[str, ...] = ()
    for name, module in network.named_modules():
        if isinstance(module, ResidualBlock | SpectrogramBlock):
            inside = (*inside, f"{name}.")
            record(name)
        elif isinstance(module, CausalConv | CausalTransposedConv) and not name.startswith(inside):
            record(name)
    n_frames = round(seconds * config.sample_rate / config.hop)
    noise = torch.randn(1, 1, n_frames * config.hop, generator=generator)
    network.encoder(config.waveform_std * noise)
    network.decoder(torch.randn(1, config.latent_dim, n_frames, generator=generator))
    return profile


def plot_profile(profile: list[LayerVariance], path: Path) -> None:
    """Write a figure of the variance by layer, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    axes = figure.subplots()
    axes.semilogy([layer.variance for layer in profile], marker=".")
    axes.axhline(1.0, linewidth=0.5, color="black")
    axes.set_xticks(
        range(len(profile)), [layer.layer for layer in profile], rotation=90, fontsize=5
    )
    axes.set_ylabel("variance")
    figure.savefig(path)
