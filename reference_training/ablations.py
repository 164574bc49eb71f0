"""The rows of the paper's ablation tables and its depth sweep, as changes to a configuration."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reference_training.config import TrainingConfig


def _model(config: TrainingConfig, **changes: object) -> TrainingConfig:
    # Values of several types by name: replace cannot be typed for that.
    model = dataclasses.replace(config.hilcodec, **changes)  # type: ignore[arg-type]
    return dataclasses.replace(config, model=model)


def _plain_residual(config: TrainingConfig) -> TrainingConfig:
    return _model(config, variance_constrained=False, residual_scale=1.0)


def _no_normalisation(config: TrainingConfig) -> TrainingConfig:
    n_spectra = len(config.hilcodec.spectrogram_means)
    return _model(
        config,
        waveform_std=1.0,
        spectrogram_means=(0.0,) * n_spectra,
        spectrogram_stds=(1.0,) * n_spectra,
    )


ABLATIONS: dict[str, Callable[[TrainingConfig], TrainingConfig]] = {
    "no-l2-norm": lambda config: _model(config, l2_norm=False),
    "no-spectrogram-blocks": lambda config: _model(config, spectrogram_blocks=False),
    "plain-residual-blocks": _plain_residual,
    "no-normalisation": _no_normalisation,
    "no-zero-initialisation": lambda config: dataclasses.replace(config, zero_branches=False),
}
"""Rows of Table I by name: each takes one part out of the model."""


def ablated(config: TrainingConfig, name: str) -> TrainingConfig:
    """The run without the part that ``name`` says; it writes to an output folder of its own.

    Raises:
        LookupError: no row has that name; the message lists the known ones.
    """
    if name not in ABLATIONS:
        raise LookupError(f"unknown ablation {name!r}; known: {', '.join(ABLATIONS)}.")
    changed = ABLATIONS[name](config)
    return dataclasses.replace(
        changed, output=config.output.with_name(f"{config.output.name}-{name}")
    )


def deepened(config: TrainingConfig, blocks: int) -> TrainingConfig:
    """The run with ``blocks`` more residual blocks per level (Fig. 5), in a folder of its own.

    Raises:
        ValueError: fewer than one block per level would remain.
    """
    model = config.hilcodec
    if min(model.encoder_blocks, model.decoder_blocks) + blocks < 1:
        raise ValueError(
            f"{blocks} more blocks leave a level without any; the model has "
            f"{model.encoder_blocks} in the encoder and {model.decoder_blocks} in the decoder."
        )
    changed = _model(
        config,
        encoder_blocks=model.encoder_blocks + blocks,
        decoder_blocks=model.decoder_blocks + blocks,
    )
    return dataclasses.replace(
        changed, output=config.output.with_name(f"{config.output.name}-depth{blocks:+d}")
    )
