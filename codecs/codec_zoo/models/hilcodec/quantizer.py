"""The residual vector quantizer."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class Codebook(nn.Module):
    """One stage: codewords, and the running averages from which training renews them.

    Attributes:
        embed: codewords, ``[N, D]``.
        ema_embed: running sum of the vectors that chose each codeword, ``[N, D]``.
        ema_num: running count of them, ``[N]``.
    """

    embed: Tensor
    ema_embed: Tensor
    ema_num: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("embed", torch.zeros(size, dim))
        self.register_buffer("ema_embed", torch.zeros(size, dim))
        self.register_buffer("ema_num", torch.ones(size))

    def nearest(self, vectors: Tensor) -> Tensor:
        """Index of the codeword nearest to each vector: ``[..., D]`` to ``[...]``."""
        distance = self.embed.square().sum(dim=1) - 2 * (vectors @ self.embed.T)
        return distance.argmin(dim=-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """Codewords ``[..., D]`` of indices ``[...]``."""
        return nn.functional.embedding(codes, self.embed)


class ResidualQuantizer(nn.Module):
    """Stages that each code what the ones before left over."""

    def __init__(self, n_codebooks: int, size: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Codebook(size, dim) for _ in range(n_codebooks))

    def codebooks(self) -> list[Codebook]:
        """The stages in order."""
        return [cast("Codebook", layer) for layer in self.layers]

    def encode(self, latents: Tensor, n_codebooks: int) -> Tensor:
        """Codes ``[B, K, T]`` of latents ``[B, D, T]`` from the first ``n_codebooks`` stages."""
        residual = latents.transpose(1, 2)  # [B, T, D]
        codes = []
        for codebook in self.codebooks()[:n_codebooks]:
            index = codebook.nearest(residual)
            residual = residual - codebook.lookup(index)
            codes.append(index)
        return torch.stack(codes, dim=1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents ``[B, D, T]`` of codes ``[B, K, T]``: the sum of their codewords."""
        stages = zip(self.codebooks(), codes.unbind(dim=1), strict=False)
        total = sum(codebook.lookup(index) for codebook, index in stages)
        return cast("Tensor", total).transpose(1, 2)

    def forward(self, latents: Tensor) -> Tensor:
        """Latents ``[B, D, T]`` as all stages together render them."""
        return self.decode(self.encode(latents, len(self.layers)))
