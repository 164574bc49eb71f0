"""PCM, the control: uniform quantisation and nothing else, so what is lost is known exactly.

The bitrate is that of all channels together, as for every codec here: 384 kbit/s is 8 bits per
sample of one channel and 4 bits of each of two. The payload is one byte that says how many bits a
sample has, then the samples in time order, channels interleaved, in two's complement with the most
significant bit first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import CodecEntry, CodecInfo

if TYPE_CHECKING:
    from codec_zoo.bitstream import Bitstream
    from codec_zoo.samples import Samples
    from codec_zoo.weights import WeightsFile

MAX_BITS = 24  # float32 carries no more


class PcmCodec:
    """Uniform mid-tread quantisation at a fixed number of bits per sample."""

    def __init__(self, info: CodecInfo) -> None:
        """Describe the codec by ``info``."""
        self.info = info

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Quantise audio of shape ``(channels, samples)``; ``bitrate`` in bit/s, all channels.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit, or leaves [-1, 1).
        """
        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.adapters.sixteen_bit import check_full_scale
        from codec_zoo.bitstream import Bitstream

        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        check_full_scale(samples, self.info.name)
        channels, n_samples = samples.shape
        bits = bitrate // (self.info.sample_rate * channels)
        return Bitstream(
            payload=bytes([bits]) + _quantise(samples, bits),
            n_samples=n_samples,
            sample_rate=self.info.sample_rate,
            channels=channels,
        )

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio of shape ``(channels, n_samples)``.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
        """
        from codec_zoo.adapters.boundary import check_bitstream
        from codec_zoo.bitstream import BitstreamError

        check_bitstream(self.info, bitstream)
        if not bitstream.payload or not 1 <= bitstream.payload[0] <= MAX_BITS:
            raise BitstreamError(
                f"a PCM payload starts with 1 to {MAX_BITS} bits per sample; "
                f"this one starts with {bitstream.payload[:1].hex() or 'nothing'}."
            )
        bits = bitstream.payload[0]
        n_levels = bitstream.channels * bitstream.n_samples
        expected = 1 + -(-n_levels * bits // 8)
        if len(bitstream.payload) != expected:
            raise BitstreamError(
                f"{n_levels} samples of {bits} bits need {expected} bytes; "
                f"the payload has {len(bitstream.payload)}."
            )
        return _dequantise(bitstream.payload[1:], bits, bitstream.channels, bitstream.n_samples)


def _quantise(samples: Samples, bits: int) -> bytes:
    import numpy as np

    steps = 1 << (bits - 1)
    # Two's complement has no level at +1: the top one also takes the half step below it.
    levels = np.minimum(np.rint(samples.T.astype(np.float64) * steps), steps - 1)
    words = levels.astype(">i4").reshape(-1, 1).view(np.uint8)  # four bytes a sample
    return np.packbits(np.unpackbits(words, axis=1)[:, 32 - bits :]).tobytes()


def _dequantise(packed: bytes, bits: int, channels: int, n_samples: int) -> Samples:
    import numpy as np

    count = channels * n_samples
    aligned = np.zeros((count, 32), dtype=np.uint8)
    aligned[:, :bits] = np.unpackbits(
        np.frombuffer(packed, dtype=np.uint8), count=count * bits
    ).reshape(count, bits)
    # With its sign at the top of the word a sample is its value times 2**31.
    words = np.packbits(aligned, axis=1).view(">i4").reshape(n_samples, channels)
    return np.ascontiguousarray((words.T / 2.0**31).astype(np.float32))


def _build(weights: WeightsFile | None, device: str) -> PcmCodec:
    return PcmCodec(PCM.info)


PCM = CodecEntry(
    info=CodecInfo(
        name="pcm",
        version="1",
        sample_rate=48_000,
        bitrates=(384_000, 576_000, 768_000, 1_152_000),
        default_bitrates=(384_000, 768_000),
        licence="Apache-2.0",
        channels=(1, 2),
    ),
    build=_build,
    options={"quantiser": "uniform, mid-tread, no dither"},
)
