"""The reverse process of denoising diffusion (Ho, Jain and Abbeel, arXiv:2006.11239)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

N_TRAINING_STEPS = 1000
COSINE_OFFSET = 0.008  # Nichol and Dhariwal, arXiv:2102.09672, equation 17
MAX_BETA = 0.999
MIN_VARIANCE = 1e-20


@dataclass(frozen=True, slots=True)
class Schedule:
    """Constants of each step, ``[N_TRAINING_STEPS]``, float32.

    Attributes:
        betas: variance of the noise that a step adds.
        alphas_cumprod: share of the signal's variance that is left after it.
        posterior_mean_coef1: weight of the predicted start in the mean of the step before.
        posterior_mean_coef2: weight of the current latents in it.
        posterior_log_variance: logarithm of its variance, which is floored.
    """

    betas: Tensor
    alphas_cumprod: Tensor
    posterior_mean_coef1: Tensor
    posterior_mean_coef2: Tensor
    posterior_log_variance: Tensor

    def previous(self, latents: Tensor, noise: Tensor, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and log variance of the latents one step before, and the predicted start.

        Ho et al., equations 7 and 15, with the start clamped to [-1, 1].

        Args:
            latents: ``[B, C, T]`` at ``step``.
            noise: what the network takes for the noise in them.
            step: counted from 0.
        """
        share = self.alphas_cumprod[step]
        start = (latents / share.sqrt() - (1 / share - 1).sqrt() * noise).clamp(-1, 1)
        mean = self.posterior_mean_coef1[step] * start + self.posterior_mean_coef2[step] * latents
        return mean, self.posterior_log_variance[step], start


def cosine_schedule() -> Schedule:
    """The schedule of Nichol and Dhariwal, arXiv:2102.09672, equation 17."""
    time = torch.linspace(0, 1, N_TRAINING_STEPS + 1, dtype=torch.float64)
    curve = torch.cos((time + COSINE_OFFSET) / (1 + COSINE_OFFSET) * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(0, MAX_BETA)
    cumulative = (1 - betas).cumprod(dim=0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), cumulative[:-1]])
    variance = betas * (1 - before) / (1 - cumulative)
    return Schedule(
        betas=betas.float(),
        alphas_cumprod=cumulative.float(),
        posterior_mean_coef1=(betas * before.sqrt() / (1 - cumulative)).float(),
        posterior_mean_coef2=((1 - before) * (1 - betas).sqrt() / (1 - cumulative)).float(),
        posterior_log_variance=variance.clamp_min(MIN_VARIANCE).log().float(),
    )
