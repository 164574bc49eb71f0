"""Streams of codecs whose packets are the codebook indices of one frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np

from codec_zoo.adapters.boundary import check_samples
from codec_zoo.bitstream import BitstreamError, CodeLayout, pack_codes, unpack_codes
from codec_zoo.interface import CodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.interface import CodecInfo, StreamingCodec
    from codec_zoo.samples import Samples


Backend = Literal["onnx", "torch", "native"]
PartName = Literal["encoder", "encoder+quantizer", "decoder"]
StreamFunction: TypeAlias = "Callable[[Any], Any]"  # audio, latents, codes or packets


@runtime_checkable
class PartwiseStreams(Protocol):
    """A streaming codec whose parts can be run, and timed, one by one.

    Attributes:
        stream_backends: what can run its parts, the fastest first. ``native``, the codec's own
            program, stands for codecs without such parts.
    """

    info: CodecInfo
    stream_backends: tuple[Backend, ...]

    def stream_parts(
        self, bitrate: int, *, chunk_frames: int, backend: Backend, threads: int
    ) -> Mapping[PartName, StreamFunction]:
        """Functions of one chunk, each with the state of a fresh stream.

        ``encoder`` takes audio ``[1, C, samples]`` to latents, ``encoder+quantizer`` takes it to
        codes ``[1, K, chunk_frames]``, and ``decoder`` takes codes to audio.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: ``backend`` is none of ``stream_backends``.
        """
        ...


class CodeEncoder:
    """Packets of codebook indices, each packed into whole bytes of its own."""

    def __init__(self, info: CodecInfo, encode: Callable[[Samples], NDArray[np.int64]]) -> None:
        """Code with ``encode``, which returns ``[K, T]`` and remembers what came before."""
        self._info = info
        self._encode = encode

    def push(self, samples: Samples) -> list[bytes]:
        """One packet for each frame of ``(channels, n * frame_size)``."""
        check_samples(self._info, samples)
        check_whole_frames(self._info, samples.shape[1])
        books = self._info.codebooks
        if books is None:
            raise TypeError(f"{self._info.name} does not describe its codebooks.")
        codes = self._encode(samples)
        return [pack_codes(codes[:, [t]], books.size)[0] for t in range(codes.shape[1])]

    def flush(self) -> list[bytes]:
        """Nothing: no frame is held back."""
        return []


class CodeDecoder:
    """Audio of such packets. The codes of a lost one are taken from the packet before it."""

    def __init__(
        self,
        info: CodecInfo,
        n_codebooks: int,
        decode: Callable[[NDArray[np.int64]], Samples],
    ) -> None:
        """Decode with ``decode``, which takes ``[K, 1]`` and remembers what came before."""
        if info.codebooks is None:
            raise TypeError(f"{info.name} does not describe its codebooks.")
        self._info = info
        self._layout = CodeLayout(n_codebooks, 1, info.codebooks.size)
        self._decode = decode
        self._last: NDArray[np.int64] | None = None

    def push(self, packet: bytes | None) -> Samples:
        """Audio of one frame, ``(channels, frame_size)``; silence until a packet has come."""
        if packet is not None:
            if len(packet) != self._layout.n_bytes:
                raise BitstreamError(
                    f"a packet of {self._info.name} has {len(packet)} bytes; "
                    f"{self._layout.n_bytes} expected."
                )
            self._last = unpack_codes(packet, self._layout)
        if self._last is None:
            return np.zeros((self._info.channels[0], self._info.frame_size), np.float32)
        return self._decode(self._last)

    def flush(self) -> Samples:
        """Nothing: no frame is held back."""
        return np.zeros((self._info.channels[0], 0), np.float32)


def check_backend(codec: PartwiseStreams, backend: Backend) -> None:
    """Accept a backend that can run the codec's streams.

    Raises:
        CodecError: it cannot.
    """
    if backend not in codec.stream_backends:
        raise CodecError(
            f"{codec.info.name} does not stream by {backend}; "
            f"choose {' or '.join(codec.stream_backends)}."
        )


def check_whole_frames(info: CodecInfo, n_samples: int) -> None:
    """Accept a number of samples that is one or more whole frames.

    Raises:
        CodecError: it is not.
    """
    if n_samples < 1 or n_samples % info.frame_size:
        raise CodecError(
            f"{info.name} was given {n_samples} samples; a multiple of its frame of "
            f"{info.frame_size} samples expected."
        )


def stream_roundtrip(
    codec: StreamingCodec, samples: Samples, bitrate: int, *, chunk_frames: int = 1
) -> Samples:
    """Audio as a receiver hears it, pushed piece by piece through a fresh stream.

    Args:
        codec: what codes it.
        samples: audio ``(channels, n * frame_size)``.
        bitrate: bit/s.
        chunk_frames: frames per push; the last push may have fewer.
    """
    size = chunk_frames * codec.info.frame_size
    check_whole_frames(codec.info, samples.shape[1])
    encoder, decoder = codec.stream_encoder(bitrate), codec.stream_decoder(bitrate)
    packets: list[bytes] = []
    for start in range(0, samples.shape[1], size):
        packets += encoder.push(samples[:, start : start + size])
    packets += encoder.flush()
    received = [decoder.push(packet) for packet in packets]
    return np.concatenate([*received, decoder.flush()], axis=1)
