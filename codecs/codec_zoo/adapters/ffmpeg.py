"""Opus, MP3, AAC and AMR-NB through FFmpeg's libraries, which the wheel of PyAV brings along.

All of them run aligned and to length, so their lookahead is 0 here: see
:mod:`codec_zoo.adapters.packet_formats` for the delay that is removed. The version of PyAV is among
the options because its wheel decides which encoders run. Opus also streams, see
:mod:`codec_zoo.adapters.packet_streams`.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

from codec_zoo.adapters import packet_formats
from codec_zoo.interface import BitrateRange, CodecEntry, CodecInfo

if TYPE_CHECKING:
    from codec_zoo.adapters.packet_formats import PacketFormat
    from codec_zoo.interface import Codec
    from codec_zoo.weights import WeightsFile


def _entry(info: CodecInfo, packet_format: PacketFormat) -> CodecEntry:
    def build(weights: WeightsFile | None, device: str) -> Codec:
        from codec_zoo.adapters.packet_codec import PacketCodec
        from codec_zoo.adapters.packet_streams import StreamingPacketCodec

        codec = PacketCodec(info, packet_format)
        return StreamingPacketCodec(codec) if info.streamable else codec

    options = {
        "encoder": packet_format.encoder,
        "decoder": packet_format.decoder,
        "av": version("av"),
        **packet_format.encoder_options,
    }
    return CodecEntry(info=info, build=build, options=options)


OPUS = _entry(
    CodecInfo(
        name="opus",
        version="1",
        sample_rate=48_000,
        bitrates=BitrateRange(6_000, 256_000),
        default_bitrates=(6_000, 12_000, 24_000),
        licence="BSD-3-Clause",
        paper="Valin, Vos and Terriberry (2012), RFC 6716",
        channels=(1, 2),
        frame_size=packet_formats.OPUS.frame_size,
        streamable=True,
    ),
    packet_formats.OPUS,
)
MP3 = _entry(
    CodecInfo(
        name="mp3",
        version="1",
        sample_rate=48_000,
        bitrates=packet_formats.MP3_BITRATES,
        default_bitrates=(32_000, 64_000),
        licence="LGPL-2.0-or-later",
        paper="ISO/IEC 11172-3 (1993), Layer III",
        channels=(1, 2),
        frame_size=packet_formats.MP3.frame_size,
    ),
    packet_formats.MP3,
)
AAC = _entry(
    CodecInfo(
        name="aac",
        version="1",
        sample_rate=48_000,
        # Below and above, FFmpeg's encoder misses the rate of one channel by more than a tenth.
        bitrates=BitrateRange(32_000, 128_000, 1_000),
        default_bitrates=(32_000, 64_000),
        licence="LGPL-2.1-or-later",
        paper="ISO/IEC 14496-3 (2009), AAC-LC",
        channels=(1, 2),
        frame_size=packet_formats.AAC.frame_size,
    ),
    packet_formats.AAC,
)
AMR_NB = _entry(
    CodecInfo(
        name="amr-nb",
        version="1",
        sample_rate=8_000,
        bitrates=(4_750, 5_150, 5_900, 6_700, 7_400, 7_950, 10_200, 12_200),
        default_bitrates=(12_200,),
        licence="Apache-2.0",
        paper="3GPP TS 26.090",
        frame_size=packet_formats.AMR_NB.frame_size,
    ),
    packet_formats.AMR_NB,
)
