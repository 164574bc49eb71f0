"""One training run, in one process of its team."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from reference_training.ablations import ablated, deepened
from reference_training.config import TrainingConfig, read_config
from reference_training.distributed import join_team
from reference_training.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What is to be trained.

    Attributes:
        path: the configuration.
        ablation: a row of the paper's Table I that changes it; none where empty.
        extra_blocks: residual blocks per level beyond the configuration's.
    """

    path: Path
    ablation: str = ""
    extra_blocks: int = 0

    def config(self) -> TrainingConfig:
        """The configuration with the changes.

        Raises:
            ConfigError: the file cannot be used.
            LookupError: the ablation is not known.
            ValueError: too few blocks would remain.
        """
        config = read_config(self.path)
        if self.ablation:
            config = ablated(config, self.ablation)
        return deepened(config, self.extra_blocks) if self.extra_blocks else config


def train(request: RunRequest) -> None:
    """Train as requested, from the last checkpoint if there is one.

    The signal TERM ends the run after the current step with a checkpoint.
    """
    config = request.config()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    team = join_team(device)
    trainer = Trainer(config, team, device)
    trainer.resume()

    def stop(*_: object) -> None:
        trainer.stop_requested = True

    signal.signal(signal.SIGTERM, stop)
    trainer.run()
    team.leave()
