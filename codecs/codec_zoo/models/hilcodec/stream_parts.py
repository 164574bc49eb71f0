"""HILCodec's parts for streams: its networks for torch, its fast graphs for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.models.hilcodec.streaming import streaming_copy
from codec_zoo.network_streams import StreamingGraphs, StreamingNetwork

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.network import HilCodec
    from codec_zoo.models.hilcodec.quantizer import ResidualQuantizer
    from codec_zoo.quantizer_graphs import ResidualCodebooks


def streaming_network(network: HilCodec, n_codebooks: int) -> StreamingNetwork:
    """The networks with that many codebooks."""
    return StreamingNetwork(
        encoder=lambda: streaming_copy(network.encoder),
        quantize=lambda latents: network.quantizer.encode(latents, n_codebooks),
        dequantize=network.quantizer.decode,
        decoder=lambda: streaming_copy(network.decoder),
    )


def streaming_graphs(network: HilCodec, n_codebooks: int, chunk_frames: int) -> StreamingGraphs:
    """The graphs for chunks of that many frames."""
    from codec_zoo.models.hilcodec.export import decoder_graph, encoder_graph
    from codec_zoo.models.hilcodec.fast_export import FastLayers
    from codec_zoo.quantizer_graphs import dequantizer_graph, quantizer_graph

    books = [residual_codebooks(network.quantizer, n_codebooks)]
    return StreamingGraphs(
        encoder=encoder_graph(network, FastLayers, chunk_frames),
        quantizer=quantizer_graph(books, chunk_frames),
        dequantizer=dequantizer_graph(books, chunk_frames),
        decoder=decoder_graph(network, FastLayers, chunk_frames),
    )


def residual_codebooks(quantizer: ResidualQuantizer, n_codebooks: int) -> ResidualCodebooks:
    """The first codebooks of a quantizer."""
    from codec_zoo.quantizer_graphs import ResidualCodebooks
    from codec_zoo.streaming_layers import array

    return ResidualCodebooks([array(book.embed) for book in quantizer.codebooks()[:n_codebooks]])
