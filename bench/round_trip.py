"""Audio through a codec and back: by its bytes, packet by packet with losses, or by features."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from bench.conditions import LOSS_SEED, Condition
from bench.packet_loss import losses_of_item
from bench.run_folder import write_bytes
from codec_zoo.bitstream import Bitstream, BitstreamError, from_bytes, to_bytes
from codec_zoo.interface import Codec, CodecError, CodecInfo, StreamingCodec, Vocoder
from codec_zoo.samples import Samples

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """What came back, at the codec's rate.

    Attributes:
        samples: as many as went in, aligned as far as the codec says.
        payload_bytes: bytes that carry the codes; none where no bits are sent.
        lost_percent: packets that were lost.
        encode_seconds: CPU time.
        decode_seconds: CPU time.
    """

    samples: Samples
    payload_bytes: int | None
    lost_percent: float | None
    encode_seconds: float
    decode_seconds: float


def through_bytes(codec: Codec, samples: Samples, condition: Condition, path: Path) -> RoundTrip:
    """Encode, keep the bytes in the file ``path``, and decode from what it holds.

    Raises:
        CodecError: the codec failed, or what it gave is not audio of the same shape.
        BitstreamError: the bytes cannot be decoded.
    """
    info, bitrate = codec.info, condition.bitrate
    assert bitrate is not None, "a codec is planned with a nominal bitrate"
    # Always a copy: some encoders write into their input, which may be the reference itself.
    padded = np.pad(samples, ((0, 0), (0, info.lookahead)))
    # On a copy, so that nothing but bytes passes from what encodes to what decodes.
    encoder = copy.copy(codec)
    bitstream, encode_seconds = _timed("encoder", lambda: encoder.encode(padded, bitrate))
    write_bytes(path, _file_content(bitstream, info))
    stored = from_bytes(path.read_bytes(), info.name)
    decoded, decode_seconds = _timed("decoder", lambda: codec.decode(stored))
    decoded = _checked(decoded, padded.shape, info)[:, info.lookahead :]
    return RoundTrip(decoded, len(bitstream.payload), 0.0, encode_seconds, decode_seconds)


def through_losses(
    codec: Codec, samples: Samples, condition: Condition, path: Path, item_sha256: str
) -> RoundTrip:
    """Stream packet by packet, lose some, and take what the decoder makes of the rest.

    The payload is that of coding the whole item, which goes to the file ``path`` as ever: packets
    are padded to whole bytes, and their rate is another one.

    Raises:
        CodecError: the codec keeps no state between packets, or failed.
        BitstreamError: a packet cannot be decoded.
    """
    info, bitrate = codec.info, condition.bitrate
    assert bitrate is not None, "a codec is planned with a nominal bitrate"
    if not isinstance(codec, StreamingCodec):
        raise CodecError(f"{info.name} says that it streams and does not.")
    whole = codec.encode(np.pad(samples, ((0, 0), (0, info.lookahead))), bitrate)
    write_bytes(path, _file_content(whole, info))
    stop = info.lookahead + samples.shape[1]
    rest = -stop % info.frame_size
    padded = np.pad(samples, ((0, 0), (0, info.lookahead + rest)))
    encoder = codec.stream_encoder(bitrate)
    packets, encode_seconds = _timed("encoder", lambda: encoder.push(padded) + encoder.flush())
    lost = losses_of_item(
        item_sha256,
        len(packets),
        percent=condition.loss,
        model=condition.loss_model,
        seed=int(condition.options[LOSS_SEED]),
    )
    # Only a codec of several channel counts has to be told which.
    channels = {"channels": samples.shape[0]} if len(info.channels) > 1 else {}
    decoder = codec.stream_decoder(bitrate, **channels)

    def decode() -> Samples:
        pieces = [decoder.push(None if gone else p) for p, gone in zip(packets, lost, strict=True)]
        return np.concatenate([*pieces, decoder.flush()], axis=1)

    decoded, decode_seconds = _timed("decoder", decode)
    if decoded.shape[1] < stop:
        raise CodecError(f"{info.name} streamed {decoded.shape[1]} samples; {stop} expected.")
    decoded = _checked(decoded[:, info.lookahead : stop], samples.shape, info)
    percent = 100 * float(lost.mean())
    return RoundTrip(decoded, len(whole.payload), percent, encode_seconds, decode_seconds)


def through_features(vocoder: Vocoder, samples: Samples) -> RoundTrip:
    """Take features and make audio of them.

    Raises:
        CodecError: the vocoder failed, or what it gave is not audio of the same shape.
    """
    info = vocoder.info
    padded = np.pad(samples, ((0, 0), (0, info.lookahead)))
    front_end = copy.copy(vocoder)
    features, encode_seconds = _timed("front end", lambda: front_end.features(padded))
    decoded, decode_seconds = _timed(
        "vocoder", lambda: vocoder.synthesise(features, padded.shape[1])
    )
    decoded = _checked(decoded, padded.shape, info)[:, info.lookahead :]
    return RoundTrip(decoded, None, None, encode_seconds, decode_seconds)


def _checked(decoded: Samples, shape: tuple[int, ...], info: CodecInfo) -> Samples:
    if not isinstance(decoded, np.ndarray) or decoded.dtype != np.float32:
        kind = getattr(decoded, "dtype", type(decoded).__name__)
        raise CodecError(f"{info.name} decoded {kind}; an array of float32 expected.")
    if decoded.shape != shape:
        raise CodecError(
            f"{info.name} decoded {decoded.shape} (channels, samples); {shape} expected."
        )
    if not np.isfinite(decoded).all():
        raise CodecError(f"{info.name} decoded NaN or infinite samples.")
    return decoded


def _file_content(bitstream: Bitstream, info: CodecInfo) -> bytes:
    try:
        return to_bytes(bitstream, info.name, info.version)
    except (AttributeError, TypeError, ValueError) as error:
        raise CodecError(f"{info.name} encoded to no proper Bitstream: {error}.") from error


def _timed(part: str, call: Callable[[], Result]) -> tuple[Result, float]:
    """Result and CPU seconds of a codec's call, whatever it raises turned into a CodecError."""
    start = time.process_time()
    try:
        result = call()
    except (CodecError, BitstreamError):
        raise
    except Exception as error:  # a codec's libraries raise anything
        raise CodecError(f"the {part} raised {type(error).__name__}: {error}") from error
    return result, time.process_time() - start
