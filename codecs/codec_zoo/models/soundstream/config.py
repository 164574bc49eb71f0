"""Sizes of a SoundStream network."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any

NAME = "soundstream"


@dataclass(frozen=True, slots=True)
class SoundStreamConfig:
    """What has to be known to build a SoundStream; defaults: the one of the paper at 24 kHz.

    The paper leaves the size of the latents open; here it is 256.

    Attributes:
        encoder_channels: channels of the encoder at the input rate; doubled by each block.
        decoder_channels: channels of the decoder at the output rate.
        strides: downsampling factors in the encoder's order; the decoder goes backwards.
        latent_dim: channels of the latents, which is the length of a codeword.
        n_codebooks: stages of the residual quantizer; 24 make 18 kbit/s.
        codebook_size: codewords per stage.
        sample_rate: rate of the audio in Hz.
    """

    encoder_channels: int = 32
    decoder_channels: int = 32
    strides: tuple[int, ...] = (2, 4, 5, 8)
    latent_dim: int = 256
    n_codebooks: int = 24
    codebook_size: int = 1024
    sample_rate: int = 24_000

    @property
    def hop(self) -> int:
        """Samples per latent frame."""
        return math.prod(self.strides)

    def to_json(self) -> str:
        """The configuration and the name of the network as one JSON object."""
        return json.dumps({"name": NAME, **dataclasses.asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> SoundStreamConfig:
        """The configuration that :meth:`to_json` wrote.

        Raises:
            ValueError: the text is no such object or has fields that are not known.
        """
        values: Any = json.loads(text)  # any JSON
        known = {field.name for field in dataclasses.fields(cls)}
        if (
            not isinstance(values, dict)
            or values.pop("name", None) != NAME
            or values.keys() - known
        ):
            raise ValueError(f"{text[:60]!r} is no SoundStream configuration.")
        fields: dict[str, Any] = {  # checked against no types: only our own exports come here
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
        }
        return cls(**fields)
