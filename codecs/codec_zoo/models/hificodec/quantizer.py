"""The group residual vector quantizer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from codec_zoo.models.hificodec.config import HifiCodecConfig


class Codebook(nn.Module):
    """Learned codewords ``[N, D]`` of one group in one layer."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(size, dim)

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the codeword nearest to each vector: ``[..., D]`` to ``[...]``."""
        words = self.embedding.weight
        distance = words.square().sum(dim=1) - 2 * (vectors @ words.T)
        return distance.argmin(dim=-1)

    def forward(self, codes: Tensor) -> Tensor:
        """Codewords ``[..., D]`` of indices ``[...]``."""
        words: Tensor = self.embedding(codes)
        return words


class GroupQuantizer(nn.Module):
    """Latents cut into groups of channels, each coded by a residual quantizer of its own.

    Yang et al., arXiv:2305.02765, section 3.2. Codes are ordered by layer, then by group.
    """

    def __init__(self, config: HifiCodecConfig) -> None:
        super().__init__()
        if config.n_layers != 2:
            raise ValueError(f"{config.n_layers} layers given; the published names are for 2.")
        dim = config.channels // config.n_groups
        self.quantizer_modules = nn.ModuleList(
            Codebook(config.codebook_size, dim) for _ in range(config.n_groups)
        )
        self.quantizer_modules2 = nn.ModuleList(
            Codebook(config.codebook_size, dim) for _ in range(config.n_groups)
        )

    def codebooks(self) -> list[list[Codebook]]:
        """Layers, each with a codebook per group."""
        layers = (self.quantizer_modules, self.quantizer_modules2)
        return [[cast("Codebook", codebook) for codebook in layer] for layer in layers]

    def encode(self, latents: Tensor) -> Tensor:
        """Codes ``[B, K, T]`` of latents ``[B, D, T]``."""
        residuals = list(latents.transpose(1, 2).chunk(len(self.quantizer_modules), dim=2))
        codes = []
        for layer in self.codebooks():
            for group, codebook in enumerate(layer):
                index = codebook.nearest(residuals[group])
                residuals[group] = residuals[group] - codebook(index)
                codes.append(index)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents ``[B, D, T]`` of codes ``[B, K, T]``."""
        layers = self.codebooks()
        words = [
            torch.cat(
                [
                    codebook(index)
                    for codebook, index in zip(layer, layer_codes.unbind(dim=1), strict=True)
                ],
                dim=2,
            )
            for layer, layer_codes in zip(layers, codes.chunk(len(layers), dim=1), strict=True)
        ]  # per layer [B, T, D]
        return torch.stack(words).sum(dim=0).transpose(1, 2)
