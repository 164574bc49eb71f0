"""Command line: ``python -m reference_training train CONFIG``."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import click


@click.group()
def main() -> None:
    """Train HILCodec and export what was trained."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")


@main.command()
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--processes", default=1, show_default=True, help="Processes on this machine.")
def train(config: Path, processes: int) -> None:
    """Train as CONFIG (TOML) says; the same command again continues where it stopped."""
    from reference_training import training_run
    from reference_training.distributed import run_team

    if processes > 1 and "RANK" not in os.environ:
        run_team(processes, training_run.train, config)
    else:
        training_run.train(config)


if __name__ == "__main__":
    main()
