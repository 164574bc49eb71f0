"""Lyra v2: SoundStream (Zeghidour et al., arXiv:2107.03312) as Google released it for speech.

The official TFLite files run here; nothing of the network is defined anew, so there is no untrained
Lyra. 50 frames per second carry 16, 30 or 46 codes of 4 bits each: 3.2, 6 and 9.2 kbit/s. Encoder
and decoder are causal, and sample n goes in and comes out as sample n: correlation of decoded
speech with the original peaks at lag 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import RemoteFile, WeightsNotFoundError, WeightsSource

if TYPE_CHECKING:
    from codec_zoo.adapters.lyra_models import LyraModels
    from codec_zoo.bitstream import Bitstream
    from codec_zoo.samples import Samples
    from codec_zoo.streaming import CodeDecoder, CodeEncoder
    from codec_zoo.weights import WeightsFile

PAPER = (
    "Zeghidour, Luebs, Omran, Skoglund, Tagliasacchi: SoundStream: An End-to-End Neural Audio "
    "Codec, arXiv:2107.03312"
)
FRAME_SIZE = 320
CODEBOOK_SIZE = 16
PUBLISHED = "https://raw.githubusercontent.com/google/lyra/main/lyra/model_coeffs"
FILES = (
    (
        "soundstream_encoder.tflite",
        "237da0b16226fb0a68d49551c81bebf614e42142af72764448359f68581e88f1",
    ),
    ("quantizer.tflite", "841ee05989687d32d1f616a8ad1419fc7eda37599d3c05c7cf5a0d60ccf8ac5c"),
    ("lyragan.tflite", "50e7839cda4f30599a3a34cfaddcd9c98449b049eee884e1a74295780448ad06"),
)
CODEBOOKS_BY_BITRATE = {3_200: 16, 6_000: 30, 9_200: 46}


class LyraCodec:
    """Lyra v2 at its three bitrates."""

    def __init__(self, info: CodecInfo, models: LyraModels) -> None:
        """Describe the codec by ``info`` and run ``models``."""
        self.info = info
        self._models = models

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``, completed with zeros to whole frames.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit the codec.
        """
        import numpy as np

        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.bitstream import Bitstream, pack_codes

        self.info.check_bitrate(bitrate)
        check_samples(self.info, samples)
        n_samples = samples.shape[1]
        padded = np.pad(samples[0], (0, -n_samples % FRAME_SIZE))
        encode = self._models.encoder_stream(CODEBOOKS_BY_BITRATE[bitrate])
        codes = encode(padded.reshape(-1, FRAME_SIZE))
        payload, layout = pack_codes(codes, CODEBOOK_SIZE)
        return Bitstream(payload, n_samples, self.info.sample_rate, layout=layout)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)``; the float output of the network, which is not clipped.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
        """
        from codec_zoo.adapters.boundary import check_bitstream
        from codec_zoo.bitstream import BitstreamError

        check_bitstream(self.info, bitstream)
        n_frames = -(-bitstream.n_samples // FRAME_SIZE)
        layout = bitstream.layout
        if (
            layout is None
            or layout.n_codebooks not in CODEBOOKS_BY_BITRATE.values()
            or (layout.n_frames, layout.codebook_size) != (n_frames, CODEBOOK_SIZE)
            or len(bitstream.payload) != layout.n_bytes
        ):
            raise BitstreamError(
                f"the bitstream holds {layout} in {len(bitstream.payload)} bytes; 16, 30 or 46 x "
                f"{n_frames} codes out of {CODEBOOK_SIZE}, and nothing else, expected."
            )
        frames = self._models.decoder_stream()(bitstream.codes())
        return frames.reshape(1, -1)[:, : bitstream.n_samples].copy()

    def stream_encoder(self, bitrate: int) -> CodeEncoder:
        """A stream of audio: one packet per frame of 320 samples, equal to :meth:`encode`."""
        from codec_zoo.streaming import CodeEncoder

        self.info.check_bitrate(bitrate)
        encode = self._models.encoder_stream(CODEBOOKS_BY_BITRATE[bitrate])
        return CodeEncoder(self.info, lambda samples: encode(samples.reshape(-1, FRAME_SIZE)))

    def stream_decoder(self, bitrate: int) -> CodeDecoder:
        """A stream of packets, equal to :meth:`decode`; a lost one repeats the codes before it."""
        from codec_zoo.streaming import CodeDecoder

        self.info.check_bitrate(bitrate)
        decode = self._models.decoder_stream()
        n_codebooks = CODEBOOKS_BY_BITRATE[bitrate]
        return CodeDecoder(self.info, n_codebooks, lambda codes: decode(codes).reshape(1, -1))


def _build(weights: WeightsFile | None, device: str) -> LyraCodec:
    from codec_zoo.adapters.lyra_models import load_models

    if weights is None:
        raise WeightsNotFoundError(
            "lyra is its TFLite files; without them there is nothing to build. Run "
            "`bench weights fetch lyra` or `bench weights import lyra FOLDER`."
        )
    return LyraCodec(LYRA.info, load_models(weights.path))


LYRA = CodecEntry(
    info=CodecInfo(
        name="lyra",
        version="1",
        sample_rate=16_000,
        bitrates=tuple(CODEBOOKS_BY_BITRATE),
        default_bitrates=tuple(CODEBOOKS_BY_BITRATE),
        licence="Apache-2.0",
        paper=PAPER,
        frame_size=FRAME_SIZE,
        codebooks=Codebooks(max(CODEBOOKS_BY_BITRATE.values()), CODEBOOK_SIZE),
        streamable=True,
        trained_by="Google",
    ),
    build=_build,
    weights=WeightsSource(
        name="lyra",
        licence="Apache-2.0",
        size=3_600_000,
        files=tuple(RemoteFile(f"{PUBLISHED}/{n}", n, digest) for n, digest in FILES),
        accepts="a folder with soundstream_encoder.tflite, quantizer.tflite and lyragan.tflite "
        "(lyra/model_coeffs of github.com/google/lyra)",
    ),
    requires="ai-edge-litert",
)
