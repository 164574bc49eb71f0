"""EVS, the speech codec of mobile telephony, by the programs that 3GPP publishes.

Their licence does not allow shipping them: they are found in the folder that ``CODECBENCH_EVS``
names, or on the search path. They take 8, 16, 32 and 48 kHz, so audio at 24 kHz goes to 32 kHz and
back, as in the evaluation of HILCodec (Ahn et al., 2024). At 5.9, 7.2 and 8 kbit/s the encoder
limits the audio to wideband (8 kHz) whatever the input's rate (3GPP TS 26.441, table 1).

Discontinuous transmission is off, with one exception: 5.9 kbit/s is the average of a
source-controlled variable rate, which the encoder codes only with discontinuous transmission on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.adapters.evs_programs import DECODER, ENCODER, VARIABLE_BITRATE, find_evs_program
from codec_zoo.interface import CodecEntry, CodecInfo

if TYPE_CHECKING:
    from codec_zoo.interface import Codec
    from codec_zoo.weights import WeightsFile


def _check() -> None:
    for name in (ENCODER, DECODER):
        find_evs_program(name)


def _build(weights: WeightsFile | None, device: str) -> Codec:
    from codec_zoo.adapters.evs_codec import EvsCodec

    return EvsCodec(EVS.info)


EVS = CodecEntry(
    info=CodecInfo(
        name="evs",
        version="1",
        sample_rate=32_000,
        bitrates=(
            VARIABLE_BITRATE,
            7_200,
            8_000,
            9_600,
            13_200,
            16_400,
            24_400,
            32_000,
            48_000,
            64_000,
            96_000,
            128_000,
        ),
        default_bitrates=(VARIABLE_BITRATE, 9_600, 16_400),
        licence="3GPP, not redistributable",
        paper="3GPP TS 26.445",
        frame_size=640,
    ),
    build=_build,
    check=_check,
    options={"dtx": "at 5.9 kbit/s only", "delay compensation": "on"},
)
