"""The packets of Opus, MP3, AAC and AMR as FFmpeg's encoders make them, and how each is checked.

A format says how FFmpeg is asked for the codec, by how much its output lags, and what a packet must
look like. Everything a decoder needs besides the packets follows from the sample rate and the
channel count, so the payload is the packets and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# RFC 6716, 3.1, table 2: the configuration numbers whose frames last 20 ms.
OPUS_20_MS = frozenset({1, 5, 9, 13, 15, 19, 23, 27, 31})

# ISO/IEC 11172-3, 2.4.2.3: bitrate_index 1 to 14 of Layer III, in bit/s.
MP3_BITRATES = tuple(
    1000 * kbps for kbps in (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
)
MP3_48_KHZ = 1  # sampling_frequency

# 3GPP TS 26.101, table 2 and annex A: bytes of a speech frame of modes 0 to 7, header not counted.
AMR_FRAME_BYTES = (12, 13, 15, 17, 19, 20, 26, 31)
AMR_GOOD_FRAME = 0x04  # RFC 4867, 5.3: the quality bit of a storage-format frame header


@dataclass(frozen=True, slots=True)
class PacketFormat:
    """How one codec is run through FFmpeg's libraries.

    Attributes:
        encoder: FFmpeg's name of the encoder.
        decoder: FFmpeg's name of the decoder.
        sample_format: what the encoder takes: ``flt`` and ``s16`` interleaved, ``fltp`` planar.
        frame_size: samples per channel that one packet decodes to.
        delay: samples by which the decoder's output lags the encoder's input.
        store: payload bytes of an encoder's packet.
        restore: what the decoder takes, from the payload bytes of one packet and the channel
            count; raises a ``BitstreamError`` for bytes that are no packet.
        configuration: what the decoder is told before the first packet, from the channel count.
        conceal: what the decoder takes for a lost packet, from the last one that came; none where
            the decoder has no concealment of its own.
        encoder_options: FFmpeg's options of the encoder.
        decoder_options: FFmpeg's options of the decoder.
    """

    encoder: str
    decoder: str
    sample_format: Literal["flt", "fltp", "s16"]
    frame_size: int
    delay: int
    store: Callable[[bytes], bytes]
    restore: Callable[[bytes, int], bytes]
    configuration: Callable[[int], bytes] | None = None
    conceal: Callable[[bytes], bytes] | None = None
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    decoder_options: Mapping[str, str] = field(default_factory=dict)


def _whole(packet: bytes) -> bytes:
    return packet


def _unchecked(packet: bytes, channels: int) -> bytes:
    return packet


def _opus_packet(packet: bytes, channels: int) -> bytes:
    from codec_zoo.bitstream import BitstreamError

    configuration, frame_count_code = packet[0] >> 3, packet[0] & 3
    if configuration not in OPUS_20_MS or frame_count_code != 0:
        raise BitstreamError(
            f"an Opus packet starts with 0x{packet[0]:02x}; one frame of 20 ms expected."
        )
    return packet


def _opus_gap(packet: bytes) -> bytes:
    """Only the first byte of a packet, which announces a frame of length 0.

    RFC 6716, 3.2.1: such a frame was dropped on the way, and the decoder conceals it.
    """
    return packet[:1]


def _mp3_frame(frame: bytes, channels: int) -> bytes:
    from codec_zoo.bitstream import BitstreamError

    problem = BitstreamError(
        f"{len(frame)} bytes starting with {frame[:4].hex()} are no MPEG-1 Layer III frame "
        f"of {channels} channels at 48 kHz."
    )
    # Sync word, version 1, Layer III; the protection bit may be either.
    if len(frame) < 4 or frame[0] != 0xFF or frame[1] & 0xFE != 0xFA:
        raise problem
    index, sampling, padding = frame[2] >> 4, frame[2] >> 2 & 3, frame[2] >> 1 & 1
    if not 1 <= index <= len(MP3_BITRATES) or sampling != MP3_48_KHZ:
        raise problem
    is_mono = frame[3] >> 6 == 3
    n_bytes = 144 * MP3_BITRATES[index - 1] // 48_000 + padding  # ISO/IEC 11172-3, 2.4.3.1
    if len(frame) != n_bytes or is_mono != (channels == 1):
        raise problem
    return frame


def _aac_configuration(channels: int) -> bytes:
    """AudioSpecificConfig of AAC-LC at 48 kHz (ISO/IEC 14496-3, 1.6.2.1), two bytes."""
    low_complexity, frequency_index = 2, 3
    return (low_complexity << 11 | frequency_index << 7 | channels << 3).to_bytes(2, "big")


def _amr_frame(packet: bytes) -> bytes:
    return packet[1:]


def _amr_packet(frame: bytes, channels: int) -> bytes:
    """A frame with the header that its size implies: the eight modes differ in size."""
    from codec_zoo.bitstream import BitstreamError

    if len(frame) not in AMR_FRAME_BYTES:
        raise BitstreamError(
            f"an AMR frame of {len(frame)} bytes; "
            f"{', '.join(map(str, AMR_FRAME_BYTES))} expected, one size per mode."
        )
    return bytes([AMR_FRAME_BYTES.index(len(frame)) << 3 | AMR_GOOD_FRAME]) + frame


OPUS = PacketFormat(
    encoder="libopus",
    decoder="libopus",
    sample_format="flt",
    frame_size=960,
    delay=312,  # RFC 7845, 4.2, pre-skip: libopus asks for 6.5 ms in its audio application
    store=_whole,
    restore=_opus_packet,
    conceal=_opus_gap,
    encoder_options={
        "application": "audio",
        "vbr": "on",
        "frame_duration": "20",
        "compression_level": "10",
    },
    decoder_options={"request_sample_fmt": "flt"},
)
MP3 = PacketFormat(
    encoder="libmp3lame",
    decoder="mp3float",
    sample_format="fltp",
    frame_size=1152,
    delay=576 + 529,  # LAME's encoder delay, and one of hybrid synthesis: 528 and 1
    store=_whole,
    restore=_mp3_frame,
)
AAC = PacketFormat(
    encoder="aac",
    decoder="aac",
    sample_format="fltp",
    frame_size=1024,
    delay=1024,  # one frame of MDCT overlap
    store=_whole,
    restore=_unchecked,
    configuration=_aac_configuration,
    encoder_options={"profile": "aac_low"},
)
AMR_NB = PacketFormat(
    encoder="libopencore_amrnb",
    decoder="libopencore_amrnb",
    sample_format="s16",
    frame_size=160,
    delay=40,  # 3GPP TS 26.090, 4.3: 5 ms of look-ahead
    store=_amr_frame,
    restore=_amr_packet,
    encoder_options={"dtx": "0"},
)
