"""Codecs of FFmpeg's libraries, run packet by packet through PyAV."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

import numpy as np
from av import AudioFrame, CodecContext, Packet
from av.audio.codeccontext import AudioCodecContext
from av.codec.codec import UnknownCodecError
from av.error import FFmpegError

from codec_zoo.adapters.boundary import check_bitstream, check_samples
from codec_zoo.adapters.sixteen_bit import from_int16, to_int16
from codec_zoo.bitstream import Bitstream, BitstreamError
from codec_zoo.interface import CodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codec_zoo.adapters.packet_formats import PacketFormat
    from codec_zoo.interface import CodecInfo
    from codec_zoo.samples import Samples


class PacketCodec:
    """One of FFmpeg's encoders with its decoder.

    The input is extended by silence until its last sample has left the decoder, and the delay is
    removed from the output. The payload is the packets that this takes, one after the other. Every
    call makes a fresh encoder or decoder, so calls do not disturb each other.

    Encoders that take floating point get audio beyond full scale as it is, and what they make of it
    is theirs: MP3 keeps it, Opus limits it at its speech bitrates, and so does AAC.
    """

    def __init__(self, info: CodecInfo, packet_format: PacketFormat) -> None:
        """Describe the codec by ``info``.

        Raises:
            CodecError: the installed PyAV lacks the encoder or the decoder.
        """
        self.info = info
        self.format = packet_format
        _context(packet_format.encoder, "w")
        _context(packet_format.decoder, "r")

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio of shape ``(channels, samples)`` at ``bitrate`` bit/s, all channels together.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit, or the encoder refuses it.
        """
        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        channels, n_samples = samples.shape
        try:
            packets = self._encode(samples, bitrate)
        except FFmpegError as error:
            raise CodecError(
                f"{self.info.name} failed to code {n_samples} samples of {channels} channels "
                f"at {bitrate / 1000:g} kbit/s: {error}."
            ) from error
        return Bitstream(
            payload=b"".join(packets),
            n_samples=n_samples,
            sample_rate=self.info.sample_rate,
            channels=channels,
            packet_sizes=tuple(map(len, packets)),
        )

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio of shape ``(channels, n_samples)``, aligned with what was coded.

        Opus and AMR carry no checksum: a packet of theirs whose bits were flipped decodes to other
        audio. What is checked is that the packets are there, are packets, and give frames.

        Raises:
            BitstreamError: packets are missing, damaged or not this codec's.
        """
        check_bitstream(self.info, bitstream)
        packets = bitstream.packets()
        expected = self._n_packets(bitstream.n_samples)
        if len(packets) != expected:
            raise BitstreamError(
                f"{bitstream.n_samples} samples take {expected} packets of {self.info.name}; "
                f"there are {len(packets)}."
            )
        frames = list(self._decode(packets, bitstream.channels))
        decoded = np.concatenate(frames, axis=1)
        start = self.format.delay
        return np.ascontiguousarray(decoded[:, start : start + bitstream.n_samples])

    def _n_packets(self, n_samples: int) -> int:
        return -(-(self.format.delay + n_samples) // self.format.frame_size)

    def _encode(self, samples: Samples, bitrate: int) -> list[bytes]:
        channels, n_samples = samples.shape
        n_packets = self._n_packets(n_samples)
        encoder = self.open_encoder(channels, bitrate)
        silence = n_packets * self.format.frame_size - n_samples
        padded = np.pad(samples, ((0, 0), (0, silence)))
        packets: list[bytes] = []
        for frame in self.frames(padded):
            packets += map(bytes, encoder.encode(frame))
        packets += map(bytes, encoder.encode(None))
        if len(packets) < n_packets:
            raise CodecError(
                f"{self.format.encoder} gave {len(packets)} packets; {n_packets} expected."
            )
        # What follows carries only silence after the end, which the decoder does not need.
        return [self.format.store(packet) for packet in packets[:n_packets]]

    def open_encoder(self, channels: int, bitrate: int) -> AudioCodecContext:
        """FFmpeg's encoder with the state of a fresh stream."""
        encoder = _context(self.format.encoder, "w")
        encoder.sample_rate = self.info.sample_rate
        encoder.layout = _layout(channels)
        encoder.format = self.format.sample_format
        encoder.bit_rate = bitrate
        encoder.time_base = Fraction(1, self.info.sample_rate)
        encoder.options = dict(self.format.encoder_options)
        encoder.open()
        return encoder

    def frames(self, padded: Samples, start: int = 0) -> Iterator[AudioFrame]:
        """Frames as the encoder takes them, of audio ``(channels, n * frame_size)``.

        Args:
            padded: the audio.
            start: its position in the stream, in samples.
        """
        is_16_bit = self.format.sample_format == "s16"
        levels = to_int16(padded, self.info.name) if is_16_bit else padded
        for first in range(0, padded.shape[1], self.format.frame_size):
            block = levels[:, first : first + self.format.frame_size]
            if self.format.sample_format != "fltp":
                block = block.T.reshape(1, -1)
            frame = AudioFrame.from_ndarray(
                block.copy(order="C"),
                format=self.format.sample_format,
                layout=_layout(padded.shape[0]),
            )
            frame.sample_rate = self.info.sample_rate
            frame.pts = start + first
            yield frame

    def _decode(self, packets: list[bytes], channels: int) -> Iterator[Samples]:
        decoder = self.open_decoder(channels)
        for number, stored in enumerate(packets):
            yield self.decode_packet(decoder, stored, number, channels)

    def open_decoder(self, channels: int) -> AudioCodecContext:
        """FFmpeg's decoder with the state of a fresh stream."""
        decoder = _context(self.format.decoder, "r")
        decoder.sample_rate = self.info.sample_rate
        decoder.layout = _layout(channels)
        decoder.options = dict(self.format.decoder_options)
        if self.format.configuration is not None:
            decoder.extradata = self.format.configuration(channels)
        decoder.open()
        return decoder

    def decode_packet(
        self, decoder: AudioCodecContext, stored: bytes, number: int, channels: int
    ) -> Samples:
        """Audio ``(channels, frame_size)`` of the packet of that number.

        Raises:
            BitstreamError: it is empty, damaged or not this codec's.
        """
        if not stored:
            raise BitstreamError(f"packet {number} of {self.info.name} is empty.")
        try:
            frames = decoder.decode(Packet(self.format.restore(stored, channels)))
        except FFmpegError as error:
            raise BitstreamError(
                f"packet {number} of {self.info.name} cannot be decoded: {error}."
            ) from error
        if len(frames) != 1:
            raise BitstreamError(
                f"packet {number} of {self.info.name} gave {len(frames)} frames; 1 expected."
            )
        return self._samples(frames[0], number, channels)

    def _samples(self, frame: AudioFrame, number: int, channels: int) -> Samples:
        given = (frame.layout.nb_channels, frame.samples, frame.sample_rate)
        expected = (channels, self.format.frame_size, self.info.sample_rate)
        if given != expected:
            raise BitstreamError(
                f"packet {number} of {self.info.name} has (channels, samples, rate) {given}; "
                f"{expected} expected."
            )
        array = frame.to_ndarray()
        if not frame.format.is_planar:
            array = array.reshape(-1, channels).T
        if array.dtype == np.int16:
            return from_int16(array.astype(np.int16, copy=False))
        return array.astype(np.float32, copy=False)


def _layout(channels: int) -> str:
    return "mono" if channels == 1 else "stereo"


def _context(name: str, mode: Literal["r", "w"]) -> AudioCodecContext:
    try:
        context = CodecContext.create(name, mode)
    except UnknownCodecError as error:
        part = "encoder" if mode == "w" else "decoder"
        raise CodecError(
            f"the installed PyAV has no {part} {name!r}; "
            "its wheel from the package index has: pip install --only-binary av av"
        ) from error
    if not isinstance(context, AudioCodecContext):
        raise CodecError(f"{name!r} of the installed PyAV is no audio codec.")
    return context
