"""The names in official DAC checkpoints (``weights_16khz.pth`` and its siblings).

An official model numbers its layers; the model that runs here names them. It also has plain
kernels, so weight normalisation, w = g v / |v|, is folded on the way.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

N_STAGES = 4  # strided convolutions on each side, in all published models
N_UNITS = 3  # residual units of a stage
UNIT_LAYERS = ("snake1", "conv1", "snake2", "conv2")


def model_state(official: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """An official state dictionary as ``transformers.DacModel`` has it, weight norm folded.

    A layer without a known name keeps its own, so that comparing with the model reports it.
    """
    names = layer_names()
    state = {}
    for name, tensor in official.items():
        layer, _, kind = name.rpartition(".")
        if kind == "weight_v" and f"{layer}.weight_g" in official:
            kind, tensor = "weight", _folded(tensor, official[f"{layer}.weight_g"])
        elif kind == "weight_g" and f"{layer}.weight_v" in official:
            continue
        state[f"{names.get(layer, layer)}.{kind}"] = tensor
    return state


@cache
def layer_names() -> Mapping[str, str]:
    """Name in the model of every official layer; those of the quantizer are the same."""
    names = {}
    for theirs, ours in (("encoder.block", "encoder"), ("decoder.model", "decoder")):
        names[f"{theirs}.0"] = f"{ours}.conv1"
        names[f"{theirs}.{N_STAGES + 1}"] = f"{ours}.snake1"
        names[f"{theirs}.{N_STAGES + 2}"] = f"{ours}.conv2"
    for stage in range(N_STAGES):
        encoder, decoder = f"encoder.block.{stage + 1}.block", f"decoder.model.{stage + 1}.block"
        names[f"{encoder}.{N_UNITS}"] = f"encoder.block.{stage}.snake1"
        names[f"{encoder}.{N_UNITS + 1}"] = f"encoder.block.{stage}.conv1"
        names[f"{decoder}.0"] = f"decoder.block.{stage}.snake1"
        names[f"{decoder}.1"] = f"decoder.block.{stage}.conv_t1"
        for unit in range(N_UNITS):
            for index, layer in enumerate(UNIT_LAYERS):
                ours = f"block.{stage}.res_unit{unit + 1}.{layer}"
                names[f"{encoder}.{unit}.block.{index}"] = f"encoder.{ours}"
                names[f"{decoder}.{unit + 2}.block.{index}"] = f"decoder.{ours}"
    return names


def _folded(direction: Tensor, norm: Tensor) -> Tensor:
    length = direction.flatten(1).square().sum(dim=1).sqrt()
    return direction * (norm / length.reshape(norm.shape))
