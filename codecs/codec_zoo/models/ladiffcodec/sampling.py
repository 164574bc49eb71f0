"""The two published ways from features to latents in a hundred reverse steps.

``midway`` is what the released script runs: the steps start from the features themselves, without
added noise. ``infilling`` is the paper's midway infilling (Yang, Jang and Kim, ICASSP 2024),
as the authors' function of that name computes it: one trajectory starts from noise, another from
the features, and after each step of the first the second is mixed into it. It runs the U-Net twice
per step.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch

from codec_zoo.models.ladiffcodec.diffusion import cosine_schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from codec_zoo.models.ladiffcodec.diffusion import Schedule
    from codec_zoo.models.ladiffcodec.unet import Unet

LOGGER = logging.getLogger(__name__)
STEPS_PER_MESSAGE = 10


class ReverseStep:
    """From latents at one step to latents at the step before."""

    def __init__(self, unet: Unet, condition: Tensor, noises: Iterator[Tensor]) -> None:
        """Condition ``unet`` on ``condition`` and take the noise of each call from ``noises``."""
        self._unet = unet
        self._condition = condition
        self._noises = noises
        self._schedule: Schedule = cosine_schedule()

    def __call__(self, latents: Tensor, step: int) -> Tensor:
        """The latents ``[B, C, T]`` before ``step``; the first step adds no noise."""
        index = torch.full((len(latents),), step, device=latents.device)
        noise = self._unet(latents, index, self._condition)
        mean, log_variance, _ = self._schedule.previous(latents, noise, step)
        return mean + (0.5 * log_variance).exp() * next(self._noises) if step else mean


def midway(reverse: ReverseStep, features: Tensor, n_steps: int) -> Tensor:
    """Latents after ``n_steps`` steps from the features ``[B, C, T]``."""
    latents = features
    for step in reversed(range(n_steps)):
        latents = reverse(latents, step)
        _report(step)
    return latents


def infilling(
    reverse: ReverseStep, start: Tensor, features: Tensor, n_steps: int, gamma: float
) -> Tensor:
    """Latents after ``n_steps`` steps from ``start``, drawn towards those from the features.

    The authors' function mixes twice per step: before and after the step of the features. Its
    start is uniform in [0, 1), which the caller provides.

    Args:
        reverse: one step back.
        start: ``[B, C, T]``.
        features: of that shape.
        n_steps: the paper's tau.
        gamma: share of the features in each mix; the paper's choice is 0.3.
    """
    latents, filling = start, features
    for step in reversed(range(n_steps)):
        latents = torch.lerp(reverse(latents, step), filling, gamma)
        filling = reverse(filling, step)
        latents = torch.lerp(latents, filling, gamma)
        _report(step)
    return latents


def _report(step: int) -> None:
    if step % STEPS_PER_MESSAGE == 0:
        LOGGER.info("%d diffusion steps left", step)
