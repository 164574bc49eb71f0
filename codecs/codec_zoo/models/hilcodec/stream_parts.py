"""HILCodec's parts as functions of one chunk, run by ONNX Runtime or by torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from codec_zoo.models.hilcodec.streaming import streaming_copy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from codec_zoo.models.hilcodec.network import HilCodec
    from codec_zoo.streaming import PartName, StreamFunction


def onnx_parts(
    network: HilCodec, n_codebooks: int, chunk_frames: int, threads: int
) -> Mapping[PartName, StreamFunction]:
    """The fast graphs; see :class:`codec_zoo.streaming.PartwiseStreams`."""
    from codec_zoo.models.hilcodec.export import (
        decoder_graph,
        dequantizer_graph,
        encoder_graph,
        quantizer_graph,
    )
    from codec_zoo.models.hilcodec.fast_export import FastLayers
    from codec_zoo.streaming_session import StreamSession

    books = (network.quantizer, n_codebooks, chunk_frames)
    encoding = encoder_graph(network, FastLayers, chunk_frames)
    alone, encoder = (StreamSession(encoding, threads=threads) for _ in range(2))
    quantizer = StreamSession(quantizer_graph(*books), threads=threads)
    dequantizer = StreamSession(dequantizer_graph(*books), threads=threads)
    decoder = StreamSession(decoder_graph(network, FastLayers, chunk_frames), threads=threads)
    return {
        "encoder": alone.push,
        "encoder+quantizer": lambda audio: quantizer.push(encoder.push(audio)),
        "decoder": lambda codes: decoder.push(dequantizer.push(codes)),
    }


def torch_parts(
    network: HilCodec, n_codebooks: int, threads: int
) -> Mapping[PartName, StreamFunction]:
    """The networks themselves; see :class:`codec_zoo.streaming.PartwiseStreams`."""
    torch.set_num_threads(threads)
    quantizer = network.quantizer
    alone, encoder = (streaming_copy(network.encoder) for _ in range(2))
    decoder = streaming_copy(network.decoder)

    def encode(audio: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(alone(torch.from_numpy(audio)), np.float32)

    def code(audio: NDArray[np.float32]) -> NDArray[np.int64]:
        with torch.inference_mode():
            codes = quantizer.encode(encoder(torch.from_numpy(audio)), n_codebooks)
            return np.asarray(codes, np.int64)

    def decode(codes: NDArray[np.int64]) -> NDArray[np.float32]:
        with torch.inference_mode():
            return np.asarray(decoder(quantizer.decode(torch.from_numpy(codes))), np.float32)

    return {"encoder": encode, "encoder+quantizer": code, "decoder": decode}
