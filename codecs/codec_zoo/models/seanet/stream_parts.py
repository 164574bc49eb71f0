"""The parts of EnCodec and Mimi for streams: networks for torch, graphs for ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

from codec_zoo.models.seanet.streaming import (
    MimiStreamDecoder,
    MimiStreamEncoder,
    streaming_copy,
)
from codec_zoo.network_streams import StreamingGraphs, StreamingNetwork

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import EncodecModel, MimiModel
    from transformers.models.mimi.modeling_mimi import (
        MimiDecoderModel,
        MimiEncoderModel,
        MimiEuclideanCodebook,
        MimiResidualVectorQuantizer,
    )

    from codec_zoo.quantizer_graphs import ResidualCodebooks


BITRATE_PER_CODEBOOK = 750  # bit/s of EnCodec at 24 kHz: 75 frames per second of 10 bits


def encodec_network(model: EncodecModel, n_codebooks: int) -> StreamingNetwork:
    """EnCodec with that many codebooks."""

    def quantize(latents: Tensor) -> Tensor:
        # The quantizer turns kbit/s into a number of codebooks; half of one is rounded down.
        bandwidth = (n_codebooks + 0.5) * BITRATE_PER_CODEBOOK / 1000
        codes: Tensor = model.quantizer.encode(latents, bandwidth).transpose(0, 1)
        return codes

    def dequantize(codes: Tensor) -> Tensor:
        latents: Tensor = model.quantizer.decode(codes.transpose(0, 1))
        return latents

    return StreamingNetwork(
        encoder=lambda: streaming_copy(model.encoder),
        quantize=quantize,
        dequantize=dequantize,
        decoder=lambda: streaming_copy(model.decoder),
    )


def encodec_graphs(model: EncodecModel, n_codebooks: int, chunk_frames: int) -> StreamingGraphs:
    """EnCodec's graphs for chunks of that many frames."""
    from codec_zoo.models.seanet.export import encodec_decoder_graph, encodec_encoder_graph
    from codec_zoo.quantizer_graphs import dequantizer_graph, quantizer_graph

    groups = [_codebooks(model.quantizer.layers[:n_codebooks])]
    return StreamingGraphs(
        encoder=encodec_encoder_graph(model.encoder, chunk_frames, model.config.hop_length),
        quantizer=quantizer_graph(groups, chunk_frames),
        dequantizer=dequantizer_graph(groups, chunk_frames),
        decoder=encodec_decoder_graph(model.decoder, chunk_frames, model.config.hidden_size),
    )


def mimi_network(model: MimiModel, n_codebooks: int) -> StreamingNetwork:
    """Mimi with that many codebooks."""

    def quantize(latents: Tensor) -> Tensor:
        codes: Tensor = model.quantizer.encode(latents, n_codebooks).transpose(0, 1)
        return codes

    return StreamingNetwork(
        encoder=lambda: MimiStreamEncoder(cast("MimiEncoderModel", model.encoder)),
        quantize=quantize,
        dequantize=model.quantizer.decode,
        decoder=lambda: MimiStreamDecoder(cast("MimiDecoderModel", model.decoder)),
    )


def mimi_graphs(model: MimiModel, n_codebooks: int, chunk_frames: int) -> StreamingGraphs:
    """Mimi's graphs for chunks of that many frames."""
    from codec_zoo.models.seanet.export import mimi_decoder_graph, mimi_encoder_graph
    from codec_zoo.quantizer_graphs import dequantizer_graph, quantizer_graph

    quantizer = model.quantizer
    n_semantic = quantizer.num_semantic_quantizers
    groups = [
        _projected(quantizer.semantic_residual_vector_quantizer, n_semantic),
        _projected(quantizer.acoustic_residual_vector_quantizer, n_codebooks - n_semantic),
    ]
    hop = model.config.frame_size
    return StreamingGraphs(
        encoder=mimi_encoder_graph(cast("MimiEncoderModel", model.encoder), chunk_frames, hop),
        quantizer=quantizer_graph(groups, chunk_frames),
        dequantizer=dequantizer_graph(groups, chunk_frames),
        decoder=mimi_decoder_graph(cast("MimiDecoderModel", model.decoder), chunk_frames),
    )


def _codebooks(layers: nn.ModuleList) -> ResidualCodebooks:
    from codec_zoo.quantizer_graphs import ResidualCodebooks
    from codec_zoo.streaming_layers import array

    books = [cast("MimiEuclideanCodebook", layer.codebook) for layer in layers]
    return ResidualCodebooks([array(book.embed) for book in books])


def _projected(quantizer: MimiResidualVectorQuantizer, n_codebooks: int) -> ResidualCodebooks:
    from codec_zoo.streaming_layers import array

    codebooks = _codebooks(quantizer.layers[:n_codebooks])
    if quantizer.input_proj is None or quantizer.output_proj is None:
        return codebooks
    return replace(
        codebooks,
        project_in=array(quantizer.input_proj.weight)[:, :, 0].T,
        project_out=array(quantizer.output_proj.weight)[:, :, 0].T,
    )
