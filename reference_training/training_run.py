"""One training run from its configuration file, in one process of its team."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import torch

from reference_training.config import read_config
from reference_training.distributed import join_team
from reference_training.trainer import Trainer

if TYPE_CHECKING:
    from pathlib import Path


def train(path: Path) -> None:
    """Train as the TOML file at ``path`` says, from its last checkpoint if there is one.

    The signal TERM ends the run after the current step with a checkpoint.
    """
    config = read_config(path)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trainer = Trainer(config, join_team(device), device)
    trainer.resume()

    def stop(*_: object) -> None:
        trainer.stop_requested = True

    signal.signal(signal.SIGTERM, stop)
    trainer.run()
