"""Mimi at 24 kHz (Defossez et al.: Moshi, arXiv:2410.00037), run by transformers.

12.5 frames per second, each of up to 32 codes of 11 bits, so 137.5 bit/s per codebook. Offered are
the even numbers of codebooks, whose bitrates are whole numbers; 8 of them, 1.1 kbit/s, are what
Moshi uses. The first codebook holds the semantic code, the others quantise the latent beside it
residually: the codes with K codebooks are the first K rows of those with more.

Encoder and decoder are causal and return sample n for sample n. Streams equal coding all at once.
The library itself streams the encoder, but its decoder forgets the past of its convolutions; here
both are made of its layers with states of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.interface import Codebooks, CodecEntry, CodecInfo
from codec_zoo.weights import WeightsSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn
    from transformers import MimiModel

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.network_streams import StreamingNetwork
    from codec_zoo.samples import Samples
    from codec_zoo.streaming import (
        Backend,
        CodeDecoder,
        CodeEncoder,
        PartName,
        StreamFunction,
    )
    from codec_zoo.weights import WeightsFile

BITRATE_PER_PAIR = 275  # bit/s of two codebooks: 12.5 frames per second of 2 x 11 bits
MUST_AGREE = (
    "sampling_rate",
    "audio_channels",
    "upsampling_ratios",
    "frame_rate",
    "num_quantizers",
    "num_semantic_quantizers",
    "codebook_size",
)


class MimiCodec:
    """Mimi, all at once or frame by frame."""

    stream_backends: tuple[Backend, ...] = ("onnx", "torch")

    def __init__(self, info: CodecInfo, model: MimiModel, device: str) -> None:
        """Describe the codec by ``info`` and run ``model``, which is on ``device``."""
        self.info = info
        self._model = model
        self._device = device

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``; 11 bits per frame and codebook.

        Raises:
            UnsupportedBitrateError: ``bitrate`` is not offered.
            CodecError: the audio does not fit the codec.
        """
        from codec_zoo.adapters.boundary import check_samples
        from codec_zoo.adapters.codebook_frames import coded
        from codec_zoo.inference import exact_inference, to_tensor

        n_codebooks = self._codebooks(bitrate)
        check_samples(self.info, samples)
        with exact_inference():
            waveform = to_tensor(samples, self._device)  # [1, 1, samples]
            encoded = self._model.encode(waveform, num_quantizers=n_codebooks, return_dict=True)
        return coded(self.info, samples, encoded.audio_codes)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)``.

        Raises:
            BitstreamError: the payload is damaged or not this codec's.
        """
        from codec_zoo.adapters.codebook_frames import frames_of, received
        from codec_zoo.inference import exact_inference, to_samples

        n_frames = frames_of(bitstream.n_samples, self.info.frame_size)
        codes, _ = received(self.info, bitstream, n_frames, self._device)
        with exact_inference():
            decoded = self._model.decode(codes, return_dict=True)
            return to_samples(decoded.audio_values, bitstream.n_samples)

    def stream_encoder(self, bitrate: int) -> CodeEncoder:
        """A stream of audio: one packet per frame of 1920 samples, equal to :meth:`encode`."""
        from codec_zoo.network_streams import code_encoder

        return code_encoder(self.info, self._streaming(bitrate), self._device)

    def stream_decoder(self, bitrate: int) -> CodeDecoder:
        """A stream of packets, equal to :meth:`decode`; a lost one repeats the codes before it."""
        from codec_zoo.network_streams import code_decoder

        network = self._streaming(bitrate)
        return code_decoder(self.info, self._codebooks(bitrate), network, self._device)

    def stream_parts(
        self, bitrate: int, *, chunk_frames: int, backend: Backend, threads: int
    ) -> Mapping[PartName, StreamFunction]:
        """Encoder, encoder with quantizer, and decoder as functions of one chunk."""
        from codec_zoo.models.seanet.stream_parts import mimi_graphs
        from codec_zoo.network_streams import onnx_parts, torch_parts
        from codec_zoo.streaming import check_backend

        check_backend(self, backend)
        if backend == "torch":
            return torch_parts(self._streaming(bitrate), threads)
        return onnx_parts(mimi_graphs(self._model, self._codebooks(bitrate), chunk_frames), threads)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder and decoder, each with its transformer and its change of frame rate."""
        parts = dict(self._model.named_children())
        return {name: parts[name] for name in ("encoder", "quantizer", "decoder")}

    def _streaming(self, bitrate: int) -> StreamingNetwork:
        from codec_zoo.models.seanet.stream_parts import mimi_network

        return mimi_network(self._model, self._codebooks(bitrate))

    def _codebooks(self, bitrate: int) -> int:
        self.info.check_bitrate(bitrate)
        return 2 * (bitrate // BITRATE_PER_PAIR)


def _build(weights: WeightsFile | None, device: str) -> MimiCodec:
    from transformers import MimiConfig, MimiModel

    from codec_zoo.pretrained import build_model

    model = build_model(MimiModel, MimiConfig(), weights, device, must_agree=MUST_AGREE)
    return MimiCodec(MIMI.info, model, device)


MIMI = CodecEntry(
    info=CodecInfo(
        name="mimi",
        version="1",
        sample_rate=24_000,
        bitrates=tuple(range(BITRATE_PER_PAIR, 16 * BITRATE_PER_PAIR + 1, BITRATE_PER_PAIR)),
        default_bitrates=(1_100, 2_200, 4_400),
        licence="MIT; run by transformers, Apache-2.0",
        paper="Defossez et al.: Moshi: a speech-text foundation model for real-time dialogue, "
        "arXiv:2410.00037",
        frame_size=1_920,
        codebooks=Codebooks(32, 2_048),
        streamable=True,
        trained_by="Kyutai",
    ),
    requires="codecbench[neural]",
    build=_build,
    weights=WeightsSource(
        name="mimi",
        licence="CC-BY-4.0",
        size=385_000_000,
        hub="kyutai/mimi",
        accepts="a folder of kyutai/mimi (config.json, model.safetensors)",
    ),
)
