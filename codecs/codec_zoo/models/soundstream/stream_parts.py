"""SoundStream's parts for streams: its networks for torch, its graphs for ONNX Runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from codec_zoo.models.soundstream.layers import CausalConv, CausalTransposedConv, ResidualUnit
from codec_zoo.network_streams import StreamingGraphs, StreamingNetwork
from codec_zoo.quantizer_graphs import ResidualCodebooks, dequantizer_graph, quantizer_graph
from codec_zoo.streaming_graph import ExportError, StreamGraph
from codec_zoo.streaming_layers import StreamLayers, array
from codec_zoo.streaming_state import (
    ContinuedConv,
    ContinuedTransposedConv,
    folded_copy,
    replace_layers,
)

if TYPE_CHECKING:
    import onnx

    from codec_zoo.models.soundstream.network import SoundStream
    from codec_zoo.streaming_graph import Feature


def streaming_copy(network: nn.Sequential) -> nn.Sequential:
    """A copy of an encoder or decoder that takes its input piece by piece, in whole frames."""
    copied = folded_copy(network)
    replace_layers(copied, _continued)
    return copied


def streaming_network(network: SoundStream, n_codebooks: int) -> StreamingNetwork:
    """The networks, with that many codebooks."""
    return StreamingNetwork(
        encoder=lambda: streaming_copy(network.encoder),
        quantize=lambda latents: network.quantizer.encode(latents, n_codebooks),
        dequantize=network.quantizer.decode,
        decoder=lambda: streaming_copy(network.decoder),
    )


def streaming_graphs(network: SoundStream, n_codebooks: int, chunk_frames: int) -> StreamingGraphs:
    """The graphs for chunks of that many frames, with that many codebooks."""
    config = network.config
    books = network.quantizer.codebooks()[:n_codebooks]
    codebooks = [ResidualCodebooks([array(book.embed) for book in books])]
    n_samples = chunk_frames * config.hop
    latents = (config.latent_dim, chunk_frames)
    return StreamingGraphs(
        encoder=_graph(network.encoder, "audio", (1, n_samples), "latents", latents),
        quantizer=quantizer_graph(codebooks, chunk_frames),
        dequantizer=dequantizer_graph(codebooks, chunk_frames),
        decoder=_graph(network.decoder, "latents", latents, "audio", (1, n_samples)),
    )


def _graph(
    network: nn.Sequential,
    source: str,
    source_shape: tuple[int, int],
    result: str,
    result_shape: tuple[int, int],
) -> onnx.ModelProto:
    graph = StreamGraph(f"SoundStream {source} to {result}")
    layers = StreamLayers(graph)
    x = _layers(layers, layers.begin(source, *source_shape), network)
    return graph.model(
        {source: ("float32", (1, *source_shape))},
        {result: (layers.end(x), "float32", (1, *result_shape))},
    )


def _layers(layers: StreamLayers, x: Feature, network: nn.Sequential) -> Feature:
    for module in network:
        match module:
            case CausalConv():
                x = layers.conv(x, module.conv, module.padding)
            case CausalTransposedConv():
                x = layers.upsample(x, module.conv, start="zeros")
            case ResidualUnit():
                x = layers.add(x, _layers(layers, x, module.block))
            case nn.ELU():
                x = layers.elu(x)
            case _:
                raise ExportError(
                    f"the layer {type(module).__name__} has no streaming operator; "
                    "SoundStream's own layers can be exported."
                )
    return x


def _continued(layer: nn.Module) -> nn.Module | None:
    match layer:
        case CausalConv():
            return ContinuedConv(layer.conv, layer.padding)
        case CausalTransposedConv():
            return ContinuedTransposedConv(layer.conv)
    return None
