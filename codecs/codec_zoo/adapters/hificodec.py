"""HiFi-Codec (Yang et al.: arXiv:2305.02765), run from our own definition of its network.

Each of the three models has one bitrate: four codes of 10 bits per frame. The network is not
causal; its strided convolutions and their counterparts have the same centre, so sample n goes in
and comes out as sample n. The encoder normalises over all time: cutting off the end of a recording
changes its beginning, and long audio has to be encoded at once (1.5 GB a minute at 24 kHz). The
decoder runs in windows.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import RemoteFile, WeightsSource

if TYPE_CHECKING:
    from codec_zoo.adapters.network_codec import NetworkCodec
    from codec_zoo.weights import WeightsFile

PAPER = (
    "Yang, Liu, Huang, Tian, Weng, Zou: HiFi-Codec: Group-residual Vector quantization for High "
    "Fidelity Audio Codec, arXiv:2305.02765"
)
CODES_PER_FRAME = 4
CODEBOOK_SIZE = 1024
BITS_PER_CODE = 10
HUB = "https://huggingface.co/Dongchao/AcademiCodec/resolve/main"


def _build(
    info: CodecInfo,
    strides: tuple[int, ...],
    weights: WeightsFile | None,
    device: str,
) -> NetworkCodec:
    from codec_zoo.adapters.network_codec import NetworkCodec
    from codec_zoo.checkpoints import load_parts
    from codec_zoo.loading import load_weights, untrained
    from codec_zoo.models.hificodec.config import HifiCodecConfig
    from codec_zoo.models.hificodec.network import HifiCodec, state_of_parts

    config = HifiCodecConfig(strides=strides)
    network = untrained(lambda: HifiCodec(config))
    if weights is not None:
        load_weights(network, state_of_parts(load_parts(weights.path)), weights.path)
    return NetworkCodec(info, network.to(device).eval(), device)


def _entry(name: str, sample_rate: int, strides: tuple[int, ...], *, model: str) -> CodecEntry:
    frame_size = math.prod(strides)
    bitrate = CODES_PER_FRAME * BITS_PER_CODE * sample_rate // frame_size
    info = CodecInfo(
        name=name,
        version="1",
        sample_rate=sample_rate,
        bitrates=(bitrate,),
        default_bitrates=(bitrate,),
        licence="Apache-2.0",
        paper=PAPER,
        frame_size=frame_size,
        codebooks=Codebooks(CODES_PER_FRAME, CODEBOOK_SIZE),
        trained_by="Yang et al.",
    )
    return CodecEntry(
        info=info,
        build=lambda weights, device: _build(info, strides, weights, device),
        weights=WeightsSource(
            name=name,
            licence="not stated by the authors",
            size=255_000_000,
            files=(RemoteFile(f"{HUB}/{model}", f"{model}.pth"),),
            accepts=f"the official {model} checkpoint (a torch file with the keys encoder, "
            "generator and quantizer)",
        ),
        requires="codecbench[neural]",
    )


HIFICODEC = _entry("hificodec", 24_000, (8, 5, 4, 2), model="HiFi-Codec-24k-320d")
HIFICODEC_240 = _entry("hificodec-240", 24_000, (8, 5, 3, 2), model="HiFi-Codec-24k-240d")
HIFICODEC_16KHZ = _entry("hificodec-16khz", 16_000, (8, 5, 4, 2), model="HiFi-Codec-16k-320d")
