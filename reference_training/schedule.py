"""The learning rate as a function of the step."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_training.config import OptimizerConfig


def learning_rate(step: int, total_steps: int, config: OptimizerConfig) -> float:
    """Rate of a step: a linear rise, then the highest rate, then half a cosine to the final one.

    Args:
        step: steps done before this one.
        total_steps: length of the run.
        config: rates, length of the rise, and the share of the rest that keeps the highest rate.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    rest = max(1, total_steps - config.warmup_steps)
    progress = (step - config.warmup_steps) / rest
    falling = (progress - config.hold_share) / (1 - config.hold_share)
    share = 0.5 + 0.5 * math.cos(math.pi * min(max(falling, 0.0), 1.0))
    return config.final_rate + (config.learning_rate - config.final_rate) * share
