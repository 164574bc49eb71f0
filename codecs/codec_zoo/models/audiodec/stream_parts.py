"""AudioDec's parts for streams: its networks for torch, its graphs for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.models.audiodec.streaming import streaming_copy
from codec_zoo.network_streams import StreamingGraphs, StreamingNetwork

if TYPE_CHECKING:
    from codec_zoo.models.audiodec.network import AudioDec


def streaming_network(network: AudioDec) -> StreamingNetwork:
    """The networks."""
    return StreamingNetwork(
        encoder=lambda: streaming_copy(network.encoder),
        quantize=network.quantizer.encode,
        dequantize=network.quantizer.decode,
        decoder=lambda: streaming_copy(network.decoder),
    )


def streaming_graphs(network: AudioDec, chunk_frames: int) -> StreamingGraphs:
    """The graphs for chunks of that many frames."""
    from codec_zoo.models.audiodec.export import decoder_graph, encoder_graph
    from codec_zoo.quantizer_graphs import (
        ResidualCodebooks,
        dequantizer_graph,
        quantizer_graph,
    )
    from codec_zoo.streaming_layers import array

    books = [ResidualCodebooks([array(book.embed).T for book in network.quantizer.codebooks()])]
    return StreamingGraphs(
        encoder=encoder_graph(network.encoder, chunk_frames),
        quantizer=quantizer_graph(books, chunk_frames),
        dequantizer=dequantizer_graph(books, chunk_frames),
        decoder=decoder_graph(network.decoder, chunk_frames),
    )
