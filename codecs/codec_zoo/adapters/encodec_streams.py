"""EnCodec at 24 kHz frame by frame.

Streams start from zeros. The published offline path mirrors the first samples of every layer
instead, for which a stream would have to wait: the decoder's first layer alone looks six frames
ahead. What follows differs for as long as the LSTM remembers the start; with random weights it is
the same to 1e-5 from frame 20 on, 0.27 s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.adapters.encodec import EncodecCodec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import nn
    from transformers import EncodecModel

    from codec_zoo.bitstream import Bitstream
    from codec_zoo.interface import CodecInfo
    from codec_zoo.network_streams import StreamingNetwork
    from codec_zoo.samples import Samples
    from codec_zoo.streaming import (
        Backend,
        CodeDecoder,
        CodeEncoder,
        PartName,
        StreamFunction,
    )


class StreamingEncodec:
    """The causal EnCodec model, all at once or frame by frame."""

    stream_backends: tuple[Backend, ...] = ("onnx", "torch")

    def __init__(self, info: CodecInfo, model: EncodecModel, device: str) -> None:
        """Describe the codec by ``info`` and run ``model``, which is on ``device``."""
        self.info = info
        self._model = model
        self._device = device
        self._whole = EncodecCodec(info, model, device)

    def encode(self, samples: Samples, bitrate: int) -> Bitstream:
        """Code audio ``(1, samples)``; see :meth:`EncodecCodec.encode`."""
        return self._whole.encode(samples, bitrate)

    def decode(self, bitstream: Bitstream) -> Samples:
        """Audio ``(1, n_samples)``; see :meth:`EncodecCodec.decode`."""
        return self._whole.decode(bitstream)

    def modules(self) -> Mapping[str, nn.Module]:
        """Encoder, quantizer and decoder."""
        return self._whole.modules()

    def stream_encoder(self, bitrate: int) -> CodeEncoder:
        """A stream of audio: one packet per frame of 320 samples."""
        from codec_zoo.network_streams import code_encoder

        return code_encoder(self.info, self._streaming(bitrate), self._device)

    def stream_decoder(self, bitrate: int) -> CodeDecoder:
        """A stream of packets; a lost one repeats the codes before it."""
        from codec_zoo.network_streams import code_decoder

        network = self._streaming(bitrate)
        return code_decoder(self.info, self._codebooks(bitrate), network, self._device)

    def stream_parts(
        self, bitrate: int, *, chunk_frames: int, backend: Backend, threads: int
    ) -> Mapping[PartName, StreamFunction]:
        """Encoder, encoder with quantizer, and decoder as functions of one chunk."""
        from codec_zoo.models.seanet.stream_parts import encodec_graphs
        from codec_zoo.network_streams import onnx_parts, torch_parts
        from codec_zoo.streaming import check_backend

        check_backend(self, backend)
        if backend == "torch":
            return torch_parts(self._streaming(bitrate), threads)
        graphs = encodec_graphs(self._model, self._codebooks(bitrate), chunk_frames)
        return onnx_parts(graphs, threads)

    def _streaming(self, bitrate: int) -> StreamingNetwork:
        from codec_zoo.models.seanet.stream_parts import encodec_network

        return encodec_network(self._model, self._codebooks(bitrate))

    def _codebooks(self, bitrate: int) -> int:
        from codec_zoo.adapters.network_codec import codebooks_of

        self.info.check_bitrate(bitrate)
        return codebooks_of(self.info, bitrate)
