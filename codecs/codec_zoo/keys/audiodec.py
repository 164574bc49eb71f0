"""The files and names of official AudioDec models: the folders of ``exp.zip`` and ``stats``.

A model lies in ``autoencoder/NAME/checkpoint-Nsteps.pkl`` or ``vocoder/NAME/...``. Two stages of
training leave two autoencoder files: the encoder side is that of the first (fewest steps) and does
not change in the second, which trains the symmetric decoder alone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import torch

from codec_zoo.checkpoints import load_parts
from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

STEPS = re.compile(r"checkpoint-(\d+)steps\.pkl")
UNUSED = (".pad_buffer", ".cluster_size", ".embed_avg")  # of streaming and of training
STATISTICS = ("mean", "scale")


def model_state(folder: Path, autoencoder: str, vocoder: str | None) -> dict[str, Tensor]:
    """The state dictionary of our network from the files of two official models.

    Args:
        folder: holds the models' folders at any depth.
        autoencoder: name of the autoencoder's folder.
        vocoder: name of the vocoder's folder; none for the symmetric decoder.

    Raises:
        WeightsError: a file is missing, damaged or of another kind.
    """
    files = _checkpoints(folder, autoencoder)
    state = {
        _encoder_name(name): tensor
        for name, tensor in _generator(files[0]).items()
        if not name.startswith("decoder.")
    }
    if vocoder is None:
        decoder = {
            name.removeprefix("decoder."): tensor
            for name, tensor in _generator(files[-1]).items()
            if name.startswith("decoder.")
        }
    else:
        decoder = _generator(_checkpoints(folder, vocoder)[-1])
        if not decoder.keys() >= set(STATISTICS):
            decoder |= _statistics(folder, autoencoder)
    return state | {f"decoder.{name}": tensor for name, tensor in decoder.items()}


def _checkpoints(folder: Path, model: str) -> list[Path]:
    if not folder.is_dir():
        raise WeightsError(f"{folder} is a file; a folder with {model}/checkpoint-*.pkl expected.")
    steps = {
        path: int(match[1])
        for path in folder.rglob("*.pkl")
        if path.parent.name == model and (match := STEPS.fullmatch(path.name))
    }
    if not steps:
        raise WeightsError(
            f"{folder} holds no {model}/checkpoint-*steps.pkl; unpack exp.zip of AudioDec there."
        )
    return sorted(steps, key=lambda path: steps[path])


def _generator(path: Path) -> dict[str, Tensor]:
    parts = load_parts(path)
    if "generator" not in parts:
        raise WeightsError(f"{path} holds {', '.join(sorted(parts))}; a generator expected.")
    return {n: tensor for n, tensor in parts["generator"].items() if not n.endswith(UNUSED)}


def _encoder_name(name: str) -> str:
    name = re.sub(r"^quantizer\.codebook\.", "quantizer.", name)
    return re.sub(r"^projector\.project\.", "encoder.projector.", name)


def _statistics(folder: Path, autoencoder: str) -> Mapping[str, Tensor]:
    """Mean and deviation of the latents, from the file that the authors compute them into."""
    found = sorted(folder.rglob(f"{autoencoder}_clean.npy"))
    if not found:
        raise WeightsError(
            f"the vocoder in {folder} lacks mean and scale, and there is no "
            f"{autoencoder}_clean.npy; copy it from the folder stats of AudioDec's repository."
        )
    try:
        values = np.load(found[0], allow_pickle=False)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{found[0]} cannot be read ({error}); get it again.") from error
    if values.ndim != 2 or len(values) != len(STATISTICS):
        raise WeightsError(f"{found[0]} has shape {values.shape}; [2, channels] expected.")
    return {
        name: torch.from_numpy(row.astype(np.float32))
        for name, row in zip(STATISTICS, values, strict=True)
    }
