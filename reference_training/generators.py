"""The networks that can be trained: HILCodec, and SoundStream with the same quantizer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

import torch

from codec_zoo.models.hilcodec.config import HilCodecConfig
from codec_zoo.models.hilcodec.initialisation import initialise as initialise_hilcodec
from codec_zoo.models.hilcodec.network import HilCodec
from codec_zoo.models.soundstream.config import SoundStreamConfig
from codec_zoo.models.soundstream.network import SoundStream
from codec_zoo.models.soundstream.network import initialise as initialise_soundstream

if TYPE_CHECKING:
    from reference_training.config import GeneratorConfig

Generator: TypeAlias = HilCodec | SoundStream


def untrained_generator(
    config: GeneratorConfig, seed: int, *, zero_branches: bool = True
) -> Generator:
    """A network with random weights.

    Args:
        config: its sizes.
        seed: of the weights.
        zero_branches: whether HILCodec's residual branches start closed.
    """
    generator = torch.Generator().manual_seed(seed)
    if isinstance(config, SoundStreamConfig):
        soundstream = SoundStream(config)
        initialise_soundstream(soundstream, generator)
        return soundstream
    hilcodec = HilCodec(config)
    initialise_hilcodec(hilcodec, generator, zero_branches=zero_branches)
    return hilcodec


def described_generator(model_config: str) -> Generator:
    """A network, its weights not set yet, of the configuration that a checkpoint holds as JSON.

    Raises:
        ValueError: it is no configuration of a known network.
    """
    if codec_of(model_config) == "soundstream":
        return SoundStream(SoundStreamConfig.from_json(model_config))
    return HilCodec(HilCodecConfig.from_json(model_config))


def codec_of(model_config: str) -> str:
    """Name of the codec that loads a network of this configuration (JSON)."""
    return str(json.loads(model_config).get("name", "hilcodec"))
