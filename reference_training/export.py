"""From a checkpoint of a run to the file that is shipped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from codec_zoo.models.hilcodec.convolution import fold_weight_norm
from reference_training.checkpoint import CheckpointError, TrainingState
from reference_training.generators import codec_of, described_generator

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from reference_training.config import GeneratorConfig

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Provenance:
    """What is said of the weights, beside their values.

    Attributes:
        licence: under which they are passed on.
        data: what they were trained on, with the licences of the audio.
        evaluation: scores by category and bitrate, as :mod:`reference_training.evaluation` gives.
    """

    licence: str
    data: str
    evaluation: Mapping[str, object]


def export_tensors(state: TrainingState) -> tuple[dict[str, Tensor], GeneratorConfig]:
    """Half-precision tensors of the averaged weights, weight normalisation folded.

    The running averages of the codebooks stay out: only training needs them.

    Raises:
        CheckpointError: the codebooks are not fitted yet.
    """
    if not state.has_codebooks:
        raise CheckpointError(
            f"the run is at step {state.step} and has no codebooks yet; train on before exporting."
        )
    network = described_generator(state.model_config)
    network.load_state_dict(state.model | state.average)
    fold_weight_norm(network)
    tensors = {
        name: tensor.to(torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if ".ema_" not in name
    }
    overflowed = [name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()]
    if overflowed:
        raise CheckpointError(f"{', '.join(overflowed[:3])} do not fit into half precision.")
    return tensors, network.config


def export(state: TrainingState, target: Path, provenance: Provenance) -> None:
    """Write ``target``, a safetensors file that describes itself and loads as its codec.

    Raises:
        CheckpointError: the run has no codebooks yet, or its weights overflow.
    """
    tensors, config = export_tensors(state)
    metadata = {
        "schema_version": str(SCHEMA_VERSION),
        "codec": codec_of(state.model_config),
        "config": config.to_json(),
        "licence": provenance.licence,
        "training_data": provenance.data,
        "training_steps": str(state.step),
        "training_cpu_seconds": str(round(state.seconds)),
        "evaluation": json.dumps(provenance.evaluation, sort_keys=True),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f"{target.name}.new")
    save_file(tensors, scratch, metadata)
    scratch.chmod(0o644)  # safetensors writes files that only their owner can read
    scratch.replace(target)
