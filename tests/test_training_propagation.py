"""Signal propagation and ablations."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.models.hilcodec.network import HilCodec
from reference_training.ablations import ABLATIONS, ablated, deepened
from reference_training.config import DataConfig, TrainingConfig
from reference_training.propagation import variance_profile

BLOCKS = 12
DEEP = HilCodecConfig(
    encoder_channels=24,
    decoder_channels=8,
    strides=(2, 4),
    encoder_blocks=BLOCKS,
    decoder_blocks=BLOCKS,
    spectrogram_means=(0.0,) * 3,
    spectrogram_stds=(1.0,) * 3,
    spectrogram_blocks=False,
)
PLAIN = dataclasses.replace(DEEP, variance_constrained=False, residual_scale=1.0)


SEEDS = range(4)


def variances(config: HilCodecConfig, prefix: str) -> np.ndarray:
    """Mean over networks, by block."""
    profiles = [variance_profile(config, seed=seed, seconds=0.1) for seed in SEEDS]
    return np.mean(
        [
            [layer.variance for layer in profile if layer.layer.startswith(prefix)]
            for profile in profiles
        ],
        axis=0,
    )


def residual_of_line(values: np.ndarray) -> float:
    """Share of the variation that a straight line over the block number leaves unexplained."""
    blocks = np.arange(len(values))
    line = np.polyval(np.polyfit(blocks, values, 1), blocks)
    return float(np.square(values - line).sum() / np.square(values - values.mean()).sum())


def test_variance_grows_linearly_in_our_blocks() -> None:
    measured = variances(DEEP, "encoder.blocks.0")
    assert residual_of_line(measured) < 0.05
    # Each branch adds its third, times up to 1.66 for an ELU initialised like a ReLU.
    assert 1 / 3 < (measured[-1] - measured[0]) / (BLOCKS - 1) < 0.8


def test_variance_grows_exponentially_in_plain_blocks() -> None:
    measured = variances(PLAIN, "encoder.blocks.0")
    assert residual_of_line(np.log(measured)) < 0.05
    assert residual_of_line(measured) > 0.3
    assert measured[-1] > 300 * measured[0]


def test_rate_changes_bring_the_variance_back() -> None:
    for level in (0, 1):
        (constrained,) = variances(DEEP, f"encoder.downsample.{level}.3")
        (plain,) = variances(PLAIN, f"encoder.downsample.{level}.3")
        assert 0.5 < constrained < 6
        assert plain > 100 * constrained


def test_upsampling_keeps_the_variance() -> None:
    profile = variance_profile(HilCodecConfig(), seconds=0.2)
    upsampled = [layer.variance for layer in profile if layer.layer in ("decoder.model.4",)]
    assert upsampled == [pytest.approx(1.0, abs=0.5)]


def test_profile_covers_encoder_and_decoder_in_order() -> None:
    names = [layer.layer for layer in variance_profile(DEEP, seconds=0.1)]
    assert names[0] == "encoder.conv_pre.1"
    assert names.index("encoder.blocks.1.0") < names.index("encoder.downsample.1.2")
    assert names[-1].startswith("decoder.model.")
    assert len(names) == len(set(names))


@pytest.fixture
def config() -> TrainingConfig:
    return TrainingConfig(data=DataConfig(Path(), (), Path()), output=Path("run"))


def test_every_row_of_table_one_changes_the_run_and_its_folder(config: TrainingConfig) -> None:
    assert len(ABLATIONS) == 5
    for name in ABLATIONS:
        changed = ablated(config, name)
        assert dataclasses.replace(changed, output=config.output) != config, name
        assert changed.output.name == f"run-{name}"
        HilCodec(changed.model)


def test_unknown_ablation_lists_the_known_ones(config: TrainingConfig) -> None:
    with pytest.raises(LookupError, match="unknown ablation 'no-elu'; known: no-l2-norm, "):
        ablated(config, "no-elu")


def test_depth_sweep_adds_blocks_to_every_level(config: TrainingConfig) -> None:
    model = dataclasses.replace(config.model, encoder_channels=2, decoder_channels=2)
    small = dataclasses.replace(config, model=model)
    runs = [deepened(small, extra) for extra in (-1, 1, 2)]
    counts = [sum(p.numel() for p in HilCodec(run.model).parameters()) for run in runs]
    assert counts == sorted(set(counts))
    assert [run.output.name for run in runs] == ["run-depth-1", "run-depth+1", "run-depth+2"]
    with pytest.raises(ValueError, match="-2 more blocks leave a level without any"):
        deepened(small, -2)
