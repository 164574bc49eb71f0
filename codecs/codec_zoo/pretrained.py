"""Models of the transformers library: from its folders, from official checkpoints, or untrained."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from codec_zoo.checkpoints import load_state_dict
from codec_zoo.loading import load_weights, some, untrained
from codec_zoo.weights import WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from torch import Tensor

    from codec_zoo.weights import WeightsFile

CODEBOOK_BUFFERS = (".embed", ".embed_avg", ".embed_sum")

Model = TypeVar("Model", bound=PreTrainedModel)
Config = PreTrainedConfig


def build_model(
    model_class: type[Model],
    config: Config,
    weights: WeightsFile | None,
    device: str,
    *,
    must_agree: Sequence[str],
    from_official: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] | None = None,
) -> Model:
    """A model in evaluation mode and float32.

    Args:
        model_class: class of the model.
        config: the published configuration.
        weights: a folder that ``save_pretrained`` wrote or the hub gave, an official checkpoint
            file, or none for an untrained model, which is the same every time.
        device: where it is to run, such as ``cpu`` or ``cuda``.
        must_agree: fields of a folder's configuration without which bitstreams would mean
            something else; the others, such as widths, may differ.
        from_official: turns an official state dictionary into the model's; none where only folders
            are taken.

    Raises:
        WeightsError: the weights are damaged, incomplete or of another model.
    """
    with _quiet():
        if weights is None:
            model = _untrained(model_class, config)
        elif weights.path.is_dir():
            _check_config(config, weights.path, must_agree)
            model = _from_folder(model_class, weights.path)
        elif from_official is not None:
            model = _untrained(model_class, config)
            load_weights(model, from_official(load_state_dict(weights.path)), weights.path)
        else:
            raise WeightsError(
                f"{weights.path} is a file; a folder with config.json and model.safetensors "
                "expected."
            )
    _prepare(model, device)
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    log: Any = transformers_logging  # its functions are not annotated
    verbosity, progress = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        if progress:
            log.enable_progress_bar()


def _prepare(model: nn.Module, device: str) -> None:
    model.to(device)
    model.eval()


def _untrained(model_class: type[Model], config: Config) -> Model:
    def build() -> Model:
        model = model_class(config)
        for name, buffer in model.named_buffers():
            # The library leaves codebooks at zero; then every code would be the same.
            if name.endswith(CODEBOOK_BUFFERS):
                nn.init.normal_(buffer)
        return model

    return untrained(build)


def _check_config(expected: Config, folder: Path, must_agree: Sequence[str]) -> None:
    path = folder / "config.json"
    try:
        described = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); get the folder again.") from error
    found_type = described.get("model_type") if isinstance(described, dict) else None
    if found_type != expected.model_type:
        raise WeightsError(
            f"{folder} holds a model of type {found_type!r}; {expected.model_type!r} expected."
        )
    try:
        found = type(expected).from_dict(described)
    except (StrictDataclassError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is no configuration of this model: {error}") from error
    differing = [
        name
        for name in must_agree
        if _plain(getattr(found, name)) != _plain(getattr(expected, name))
    ]
    if differing:
        raise WeightsError(
            f"{folder} holds another {expected.model_type} model: "
            f"{_listed(found, differing)}; {_listed(expected, differing)} expected."
        )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, (list, tuple)) else value


def _listed(config: Config, names: Sequence[str]) -> str:
    return ", ".join(f"{name} {getattr(config, name)}" for name in names)


def _from_folder(model_class: type[Model], folder: Path) -> Model:
    try:
        loaded: Any = model_class.from_pretrained(  # annotated without the loading report
            folder,
            local_files_only=True,
            use_safetensors=True,
            output_loading_info=True,
            dtype=torch.float32,
        )
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"the weights in {folder} cannot be read ({reason}); they are missing, cut off, "
            "damaged or of another size. Get the folder again."
        ) from error
    model: Model
    model, report = loaded
    # The library fills what is missing with random numbers and goes on.
    if missing := sorted(report["missing_keys"]):
        raise WeightsError(f"the weights in {folder} are incomplete: {some(missing)} missing.")
    return model
