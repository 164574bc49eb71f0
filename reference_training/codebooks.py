"""Learning the codebooks: k-means at the start, then running averages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from codec_zoo.models.hilcodec.quantizer import Codebook, ResidualQuantizer

RESTART_SHARE = 2.0  # a replaced codeword starts at twice the count below which it is replaced


@dataclass(frozen=True, slots=True)
class Quantized:
    """Latents after quantization, with the gradient passed straight through.

    Attributes:
        latents: ``[B, D, T]``.
        commitment: mean squared distance of the latents from their codewords.
        codes: ``[B, K, T]``.
    """

    latents: Tensor
    commitment: Tensor
    codes: Tensor


def quantize(quantizer: ResidualQuantizer, latents: Tensor, n_codebooks: Tensor) -> Quantized:
    """Quantize item b of ``latents`` ``[B, D, T]`` with the first ``n_codebooks[b]`` stages."""
    with torch.no_grad():
        residual = latents.detach().transpose(1, 2)  # [B, T, D]
        total = torch.zeros_like(residual)
        codes = []
        for stage, codebook in enumerate(quantizer.codebooks()):
            index = codebook.nearest(residual)
            chosen = codebook.lookup(index)
            total += chosen * (n_codebooks > stage)[:, None, None]
            residual = residual - chosen
            codes.append(index)
        rendered = total.transpose(1, 2)
    commitment = (latents - rendered).square().mean()
    return Quantized(latents + (rendered - latents).detach(), commitment, torch.stack(codes, 1))


@torch.no_grad()
def fit_codebooks(
    quantizer: ResidualQuantizer,
    vectors: Tensor,
    generator: torch.Generator,
    *,
    iterations: int,
    vectors_per_step: int,
) -> None:
    """Fit all stages to ``vectors`` ``[N, D]`` with k-means, each to what the ones before leave.

    The running counts start at the mean use per step.

    Raises:
        ValueError: there are fewer vectors than codewords.
    """
    residual = vectors
    for codebook in quantizer.codebooks():
        codebook.embed.copy_(kmeans(residual, len(codebook.embed), generator, iterations))
        codebook.ema_num.fill_(vectors_per_step / len(codebook.embed))
        codebook.ema_embed.copy_(codebook.embed * codebook.ema_num[:, None])
        residual = residual - codebook.lookup(codebook.nearest(residual))


def kmeans(vectors: Tensor, n_centres: int, generator: torch.Generator, iterations: int) -> Tensor:
    """Centres ``[n_centres, D]`` of ``vectors`` ``[N, D]``; an empty one moves to a random vector.

    Raises:
        ValueError: there are fewer vectors than centres.
    """
    if len(vectors) < n_centres:
        raise ValueError(
            f"{len(vectors)} vectors cannot fill {n_centres} codewords; draw more batches."
        )
    order = torch.randperm(len(vectors), generator=generator)
    centres = vectors[order[:n_centres]].clone()
    for _ in range(iterations):
        distance = centres.square().sum(1) - 2 * (vectors @ centres.T)
        nearest = distance.argmin(1)
        counts = torch.bincount(nearest, minlength=n_centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, vectors)
        empty = counts == 0
        centres = sums / counts.clamp(min=1)[:, None]
        draws = torch.randint(len(vectors), (int(empty.sum()),), generator=generator)
        centres[empty] = vectors[draws]
    return centres


@torch.no_grad()
def update_codebooks(
    quantizer: ResidualQuantizer,
    latents: Tensor,
    generator: torch.Generator,
    *,
    decay: float,
    dead_share: float,
) -> None:
    """Move the codewords of all stages towards the latents ``[N, D]`` that chose them.

    A codeword whose running count falls below ``dead_share`` of the mean count is replaced by a
    random vector of the step and gets a count above that threshold. (In the published code the
    count is not reset, and a new codeword starts at the threshold and is replaced again.)
    """
    residual = latents
    for codebook in quantizer.codebooks():
        index = codebook.nearest(residual)
        rendered = codebook.lookup(index)
        _update(codebook, residual, index, generator, decay, dead_share)
        residual = residual - rendered


def _update(
    codebook: Codebook,
    vectors: Tensor,
    index: Tensor,
    generator: torch.Generator,
    decay: float,
    dead_share: float,
) -> None:
    counts = torch.bincount(index, minlength=len(codebook.embed)).to(vectors.dtype)
    sums = torch.zeros_like(codebook.embed).index_add_(0, index, vectors)
    codebook.ema_num.mul_(decay).add_(counts, alpha=1 - decay)
    codebook.ema_embed.mul_(decay).add_(sums, alpha=1 - decay)
    threshold = dead_share * len(vectors) / len(codebook.embed)
    dead = codebook.ema_num < threshold
    n_dead = int(dead.sum())
    if n_dead:
        draws = torch.randint(len(vectors), (n_dead,), generator=generator)
        codebook.ema_num[dead] = RESTART_SHARE * threshold
        codebook.ema_embed[dead] = vectors[draws] * (RESTART_SHARE * threshold)
    codebook.embed.copy_(codebook.ema_embed / codebook.ema_num[:, None])
