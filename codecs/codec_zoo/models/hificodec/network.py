"""HiFi-Codec: encoder, group quantizer and decoder, and the names in its checkpoints.

The decoder is the HiFi-GAN generator, fed with latents instead of mel bands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from codec_zoo.models.hificodec.config import HifiCodecConfig
from codec_zoo.models.hificodec.encoder import Encoder
from codec_zoo.models.hificodec.quantizer import GroupQuantizer
from codec_zoo.models.hifigan.generator import Generator, GeneratorConfig
from codec_zoo.models.hifigan.residual import SLOPE
from codec_zoo.windows import run_in_windows

if TYPE_CHECKING:
    from collections.abc import Mapping

WINDOW = 512  # frames whose result is kept; about 7 s
MARGIN = 24  # frames on each side; the decoder's field reaches 17
PARTS = {"encoder": "encoder", "quantizer": "quantizer", "generator": "decoder"}


class HifiCodec(nn.Module):
    """Yang et al., "HiFi-Codec: Group-residual Vector quantization", arXiv:2305.02765."""

    def __init__(self, config: HifiCodecConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.quantizer = GroupQuantizer(config)
        self.decoder = Generator(
            GeneratorConfig(
                n_inputs=config.channels,
                channels=config.channels,
                strides=config.strides,
                kernel_sizes=config.kernel_sizes,
                residual_sizes=config.residual_sizes,
                dilations=config.dilations,
                last_slope=SLOPE,
            )
        )

    def encode(self, waveform: Tensor, n_codebooks: int) -> Tensor:
        """Codes ``[1, K, T]`` of a waveform ``[1, 1, T * hop]``, all ``n_codebooks`` of them."""
        if n_codebooks != self.config.n_codes:
            raise ValueError(f"{n_codebooks} codes per frame asked; {self.config.n_codes} exist.")
        return self.quantizer.encode(self.encoder(waveform))

    def decode(self, codes: Tensor) -> Tensor:
        """Waveform ``[1, 1, T * hop]`` of codes ``[1, K, T]``."""
        return run_in_windows(
            self.decoder,
            self.quantizer.decode(codes),
            codes.shape[2],
            hop_out=self.config.hop,
            size=WINDOW,
            margin=MARGIN,
        )


def state_of_parts(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The parts of an official checkpoint as one state dictionary under our names.

    A part that is not known keeps its name, so that comparing with the network reports it.
    """
    return {
        f"{PARTS.get(part, part)}.{name}": tensor
        for part, state in parts.items()
        for name, tensor in state.items()
    }
