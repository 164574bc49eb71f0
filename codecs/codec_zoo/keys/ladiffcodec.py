"""The two files of official LaDiffCodec models and the names in them.

One file holds the U-Net and the autoencoder (``diff_model.``, ``encoder.``, ``decoder.``), the
other the conditioning codec (``quantizer.``, ``encoder.``, ``decoder.``). They are told apart by
what they hold, since their names are not fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.checkpoints import load_state_dict
from codec_zoo.keys.encodec import model_name
from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

SUFFIXES = (".amlt", ".pt", ".pth", ".th")
COPIES = "diffusion."  # schedules, which we compute, and a second copy of the U-Net
WRAPPER = "module."  # of training on several GPUs


def model_state(folder: Path) -> dict[str, Tensor]:
    """The state dictionary of our network from a folder with both official files.

    Raises:
        WeightsError: a file is missing, damaged or of another kind.
    """
    if not folder.is_dir():
        raise WeightsError(f"{folder} is a file; a folder with both official files expected.")
    states = {
        path: _unwrapped(load_state_dict(path))
        for path in sorted(folder.iterdir())
        if path.suffix in SUFFIXES
    }
    model = _holding("diff_model.", states, folder)
    conditioning = _holding("quantizer.", states, folder)
    state = {f"conditioning.{model_name(name)}": tensor for name, tensor in conditioning.items()}
    for name, tensor in model.items():
        if name.startswith("diff_model."):
            state[f"diffusion.unet.{name.removeprefix('diff_model.')}"] = tensor
        elif not name.startswith(COPIES):
            state[f"diffusion.autoencoder.{model_name(name)}"] = tensor
    return state


def _unwrapped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(WRAPPER): tensor for name, tensor in state.items()}


def _holding(
    prefix: str, states: Mapping[Path, Mapping[str, Tensor]], folder: Path
) -> Mapping[str, Tensor]:
    found = [state for state in states.values() if any(name.startswith(prefix) for name in state)]
    if len(found) != 1:
        given = ", ".join(path.name for path in states) or "none"
        raise WeightsError(
            f"{folder} has {len(found)} checkpoints with {prefix}* (checkpoints: {given}); one "
            "with diff_model.* and one with quantizer.* expected."
        )
    return found[0]
