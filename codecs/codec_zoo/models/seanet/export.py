"""EnCodec and Mimi as streaming ONNX graphs: encoders and decoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn
from transformers.models.encodec.modeling_encodec import (
    EncodecConv1d,
    EncodecConvTranspose1d,
    EncodecLSTM,
    EncodecResnetBlock,
)
from transformers.models.mimi.modeling_mimi import (
    MimiConv1d,
    MimiConvTranspose1d,
    MimiResnetBlock,
    MimiTransformerModel,
)

from codec_zoo.models.seanet.streaming import n_past, start_of
from codec_zoo.models.seanet.transformer_export import write_transformer
from codec_zoo.streaming_graph import ExportError, StreamGraph
from codec_zoo.streaming_layers import StreamLayers
from codec_zoo.streaming_state import folded_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx
    from transformers.models.encodec.modeling_encodec import EncodecDecoder, EncodecEncoder
    from transformers.models.mimi.modeling_mimi import MimiDecoderModel, MimiEncoderModel

    from codec_zoo.streaming_graph import Feature


def encodec_encoder_graph(encoder: EncodecEncoder, n_frames: int, hop: int) -> onnx.ModelProto:
    """``audio [1, 1, n_frames * hop]`` to ``latents [1, D, n_frames]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    return _encoder_graph("EnCodec encoder", folded_copy(encoder).layers, n_frames, hop)


def encodec_decoder_graph(
    decoder: EncodecDecoder, n_frames: int, latent_dim: int
) -> onnx.ModelProto:
    """``latents [1, D, n_frames]`` to ``audio [1, 1, n_frames * hop]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    return _decoder_graph("EnCodec decoder", folded_copy(decoder).layers, latent_dim, n_frames)


def mimi_encoder_graph(encoder: MimiEncoderModel, n_frames: int, hop: int) -> onnx.ModelProto:
    """``audio [1, 1, n_frames * hop]`` to ``latents [1, D, n_frames]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    layers = _present(
        *encoder.encoder_seanet.layers, encoder.encoder_transformer, encoder.downsample
    )
    return _encoder_graph("Mimi encoder", layers, n_frames, hop)


def mimi_decoder_graph(decoder: MimiDecoderModel, n_frames: int) -> onnx.ModelProto:
    """``latents [1, D, n_frames]`` to ``audio [1, 1, n_frames * hop]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    layers = _present(decoder.upsample, decoder.decoder_transformer, *decoder.decoder_seanet.layers)
    return _decoder_graph("Mimi decoder", layers, decoder.config.hidden_size, n_frames)


def _present(*modules: nn.Module | None) -> list[nn.Module]:
    return [module for module in modules if module is not None]


def _encoder_graph(
    name: str, modules: Iterable[nn.Module], n_frames: int, hop: int
) -> onnx.ModelProto:
    graph = StreamGraph(name)
    layers, n_samples = StreamLayers(graph), n_frames * hop
    x = _layers(layers, layers.begin("audio", 1, n_samples), modules)
    return graph.model(
        {"audio": ("float32", (1, 1, n_samples))},
        {"latents": (layers.end(x), "float32", (1, x.channels, x.length))},
    )


def _decoder_graph(
    name: str, modules: Iterable[nn.Module], latent_dim: int, n_frames: int
) -> onnx.ModelProto:
    graph = StreamGraph(name)
    layers = StreamLayers(graph)
    x = _layers(layers, layers.begin("latents", latent_dim, n_frames), modules)
    return graph.model(
        {"latents": ("float32", (1, latent_dim, n_frames))},
        {"audio": (layers.end(x), "float32", (1, 1, x.length))},
    )


def _layers(layers: StreamLayers, x: Feature, modules: Iterable[nn.Module]) -> Feature:
    for module in modules:
        x = _layer(layers, x, module)
    return x


def _layer(layers: StreamLayers, x: Feature, module: nn.Module) -> Feature:
    match module:
        case EncodecConv1d() | MimiConv1d():
            return layers.conv(x, module.conv, n_past(module), start=start_of(module))
        case EncodecConvTranspose1d() | MimiConvTranspose1d():
            return layers.upsample(x, module.conv)
        case EncodecResnetBlock() | MimiResnetBlock():
            return layers.add(_layer(layers, x, module.shortcut), _layers(layers, x, module.block))
        case EncodecLSTM():
            return layers.add(x, layers.lstm(x, module.lstm))
        case MimiTransformerModel():
            return write_transformer(layers, x, module)
        case nn.ELU():
            return layers.elu(x)
        case nn.Identity():
            return x
    raise ExportError(
        f"the layer {type(module).__name__} has no streaming operator; "
        "the layers of EnCodec and Mimi can be exported."
    )
