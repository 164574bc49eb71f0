"""Networks with weights in them: official ones, checked by name and shape, or untrained ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

UNTRAINED_SEED = 0
N_EXAMPLES = 3  # tensors named in a message

Built = TypeVar("Built")
Convolution = TypeVar("Convolution", nn.Conv1d, nn.ConvTranspose1d)


def normalised(convolution: Convolution) -> Convolution:
    """The convolution with its kernel stored as length and direction along the first axis.

    Salimans and Kingma, arXiv:1602.07868. Official checkpoints call the two ``weight_g`` and
    ``weight_v``; :func:`load_weights` knows these names.
    """
    weight_norm(convolution, dim=0)
    return convolution


def untrained(build: Callable[[], Built]) -> Built:
    """What ``build`` makes, with the same random weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(UNTRAINED_SEED)
        return build()


def load_weights(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Copy a state dictionary into a network.

    Args:
        network: changed in place.
        state: tensors under the network's names, weight normalisation under the official ones.
        path: where they come from, for messages.

    Raises:
        WeightsError: a tensor is missing, unknown or of another shape.
    """
    given = {_own_name(name): tensor for name, tensor in state.items()}
    expected = network.state_dict()
    faults = [
        f"{some(names)} {fault}"
        for names, fault in (
            (sorted(expected.keys() - given.keys()), "missing"),
            (sorted(given.keys() - expected.keys()), "unknown"),
            (
                [
                    f"{name} {list(given[name].shape)} for {list(expected[name].shape)}"
                    for name in sorted(expected.keys() & given.keys())
                    if given[name].shape != expected[name].shape
                ],
                "of other shape",
            ),
        )
        if names
    ]
    if faults:
        raise WeightsError(
            f"{path} does not fit {type(network).__name__}: {'; '.join(faults)}. "
            "It is a checkpoint of another model or is incomplete."
        )
    network.load_state_dict(given)


def _own_name(name: str) -> str:
    name = re.sub(r"\bweight_g$", "parametrizations.weight.original0", name)
    return re.sub(r"\bweight_v$", "parametrizations.weight.original1", name)


def some(names: Sequence[str]) -> str:
    """The first few names and how many more there are, for messages."""
    more = f" and {len(names) - N_EXAMPLES} more" if len(names) > N_EXAMPLES else ""
    return ", ".join(names[:N_EXAMPLES]) + more
