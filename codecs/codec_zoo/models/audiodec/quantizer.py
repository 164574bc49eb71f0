"""The residual vector quantizer of AudioDec."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from codec_zoo.models.audiodec.autoencoder import LATENT_DIM

N_CODEBOOKS = 8
CODEBOOK_SIZE = 1024


class Codebook(nn.Module):
    """Codewords ``[D, N]``, one per column as in the published checkpoints."""

    embed: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("embed", torch.randn(LATENT_DIM, CODEBOOK_SIZE))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the codeword nearest to each vector: ``[..., D]`` to ``[...]``."""
        distance = self.embed.square().sum(dim=0) - 2 * (vectors @ self.embed)
        return distance.argmin(dim=-1)

    def forward(self, codes: Tensor) -> Tensor:
        """Codewords ``[..., D]`` of indices ``[...]``."""
        return nn.functional.embedding(codes, self.embed.T)


class ResidualQuantizer(nn.Module):
    """Stages that each code what the ones before left over."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Codebook() for _ in range(N_CODEBOOKS))

    def codebooks(self) -> list[Codebook]:
        """The codebooks of all stages."""
        return [cast("Codebook", layer) for layer in self.layers]

    def encode(self, latents: Tensor) -> Tensor:
        """Codes ``[B, K, T]`` of latents ``[B, D, T]``."""
        residual = latents.transpose(1, 2)  # [B, T, D]
        codes = []
        for codebook in self.codebooks():
            index = codebook.nearest(residual)
            residual = residual - codebook(index)
            codes.append(index)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents ``[B, D, T]`` of codes ``[B, K, T]``."""
        stages = zip(self.layers, codes.unbind(dim=1), strict=True)
        return torch.stack([layer(index) for layer, index in stages]).sum(dim=0).transpose(1, 2)
