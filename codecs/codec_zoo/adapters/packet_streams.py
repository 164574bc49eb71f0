"""Streams of FFmpeg's codecs whose decoder conceals what was lost: Opus.

A decoder removes the codec's delay from the first audio it gives, and the encoder completes the
stream by as many packets of silence as bring out the last sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from av.error import FFmpegError

from codec_zoo.adapters.boundary import check_samples
from codec_zoo.interface import CodecError
from codec_zoo.streaming import check_whole_frames

if TYPE_CHECKING:
    from codec_zoo.adapters.packet_codec import PacketCodec
    from codec_zoo.bitstream import Bitstream
    from codec_zoo.samples import Samples


class PacketStreamEncoder:
    """One stream of audio into an encoder that keeps its state."""

    def __init__(self, codec: PacketCodec, bitrate: int) -> None:
        """Code at ``bitrate`` bit/s; the first audio decides on the number of channels."""
        codec.info.check_bitrate(bitrate)
        self._codec = codec
        self._bitrate = bitrate
        self._n_channels = 0
        self._n_samples = 0

    def push(self, samples: Samples) -> list[bytes]:
        """One packet for each frame of ``(channels, n * frame_size)``."""
        info = self._codec.info
        check_samples(info, samples)
        check_whole_frames(info, samples.shape[1])
        if self._n_channels == 0:
            self._n_channels = samples.shape[0]
            self._encoder = self._codec.open_encoder(self._n_channels, self._bitrate)
        if samples.shape[0] != self._n_channels:
            raise CodecError(
                f"a stream of {info.name} with {self._n_channels} channels was given "
                f"{samples.shape[0]}; begin another stream."
            )
        return self._encode(samples)

    def flush(self) -> list[bytes]:
        """Packets of silence that bring out what the delay still holds."""
        if self._n_channels == 0:
            return []
        size = self._codec.format.frame_size
        n_frames = -(-self._codec.format.delay // size)
        return self._encode(np.zeros((self._n_channels, n_frames * size), np.float32))

    def _encode(self, samples: Samples) -> list[bytes]:
        packets: list[bytes] = []
        try:
            for frame in self._codec.frames(samples, self._n_samples):
                packets += map(bytes, self._encoder.encode(frame))
        except FFmpegError as error:
            raise CodecError(f"{self._codec.info.name} failed to code a frame: {error}.") from error
        self._n_samples += samples.shape[1]
        return [self._codec.format.store(packet) for packet in packets]


class PacketStreamDecoder:
    """One stream of packets into a decoder that keeps its state and conceals losses itself."""

    def __init__(self, codec: PacketCodec, n_channels: int) -> None:
        """Give audio of that many channels."""
        self._codec = codec
        self._n_channels = n_channels
        self._decoder = codec.open_decoder(n_channels)
        self._n_packets = 0
        self._last: bytes | None = None

    def push(self, packet: bytes | None) -> Samples:
        """Audio of one packet, less the delay at first; a lost one is extrapolated."""
        n_samples = self._codec.format.frame_size
        if packet is None and self._last is None:
            audio = np.zeros((self._n_channels, n_samples), np.float32)
        else:
            audio = self._codec.decode_packet(
                self._decoder, self._received(packet), self._n_packets, self._n_channels
            )
        skipped = self._codec.format.delay - self._n_packets * n_samples
        self._n_packets += 1
        return audio[:, max(skipped, 0) :]

    def flush(self) -> Samples:
        """Nothing: no frame is held back."""
        return np.zeros((self._n_channels, 0), np.float32)

    def _received(self, packet: bytes | None) -> bytes:
        if packet is not None:
            self._last = packet
            return packet
        conceal = self._codec.format.conceal
        if conceal is None or self._last is None:
            raise TypeError(f"{self._codec.info.name} does not conceal lost packets.")
        return conceal(self._last)


class StreamingPacketCodec:
    """A codec of FFmpeg's libraries, all at once or packet by packet."""

    def __init__(self, codec: PacketCodec) -> None:
        """Run ``codec``."""
        self.info = codec.info
        self._codec = codec

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(channels, samples)``; see :meth:`PacketCodec.encode`."""
        return self._codec.encode(samples, bitrate)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(channels, n_samples)``; see :meth:`PacketCodec.decode`."""
        return self._codec.decode(bitstream)

    def stream_encoder(self, bitrate: int) -> PacketStreamEncoder:
        """A stream of audio: one packet per frame, and the last ones at the end."""
        return PacketStreamEncoder(self._codec, bitrate)

    def stream_decoder(self, bitrate: int, *, channels: int = 1) -> PacketStreamDecoder:
        """A stream of packets; a lost one is concealed by the codec's own decoder."""
        self.info.check_bitrate(bitrate)
        return PacketStreamDecoder(self._codec, channels)
