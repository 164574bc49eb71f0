"""AudioDec as streaming ONNX graphs: encoder, symmetric decoder and vocoders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from codec_zoo.models.audiodec.autoencoder import (
    HOP,
    LATENT_DIM,
    DecoderBlock,
    Encoder,
    EncoderBlock,
    ResidualUnit,
    SymmetricDecoder,
)
from codec_zoo.models.audiodec.convolution import CausalConv, CausalTransposedConv
from codec_zoo.models.audiodec.vocoder import (
    LAST_SLOPE,
    SLOPE,
    AveragedBlocks,
    GroupedBlock,
    ResidualPairs,
    Vocoder,
)
from codec_zoo.streaming_graph import ExportError, StreamGraph
from codec_zoo.streaming_layers import StreamLayers, array
from codec_zoo.streaming_state import folded_copy

if TYPE_CHECKING:
    from collections.abc import Iterable

    import onnx

    from codec_zoo.streaming_graph import Feature


def encoder_graph(encoder: Encoder, n_frames: int) -> onnx.ModelProto:
    """``audio [1, 1, n_frames * 300]`` to ``latents [1, 64, n_frames]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    graph = StreamGraph("AudioDec encoder")
    layers, n_samples = StreamLayers(graph), n_frames * HOP
    x = layers.begin("audio", 1, n_samples)
    x = _layers(layers, x, folded_copy(encoder).children())
    return graph.model(
        {"audio": ("float32", (1, 1, n_samples))},
        {"latents": (layers.end(x), "float32", (1, x.channels, n_frames))},
    )


def decoder_graph(decoder: nn.Module, n_frames: int) -> onnx.ModelProto:
    """``latents [1, 64, n_frames]`` to ``audio [1, 1, n_frames * 300]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    graph = StreamGraph("AudioDec decoder")
    layers = StreamLayers(graph)
    x = layers.begin("latents", LATENT_DIM, n_frames)
    match folded := folded_copy(decoder):
        case SymmetricDecoder():
            x = _layers(layers, x, folded.children())
        case Vocoder():
            x = _vocoder(layers, x, folded)
        case _:
            raise _unsupported(decoder)
    return graph.model(
        {"latents": ("float32", (1, LATENT_DIM, n_frames))},
        {"audio": (layers.end(x), "float32", (1, 1, n_frames * HOP))},
    )


def _layers(layers: StreamLayers, x: Feature, modules: Iterable[nn.Module]) -> Feature:
    for module in modules:
        x = _layer(layers, x, module)
    return x


def _layer(layers: StreamLayers, x: Feature, module: nn.Module) -> Feature:
    match module:
        case CausalConv():
            return layers.conv(x, module.conv, module.padding)
        case CausalTransposedConv():
            return layers.upsample(x, module.deconv, start="first")
        case ResidualUnit():
            inner = _layer(layers, layers.elu(x), module.conv1)
            return layers.add(x, layers.conv(layers.elu(inner), module.conv2, 0))
        case EncoderBlock():
            return _layer(layers, _layers(layers, x, module.res_units), module.conv)
        case DecoderBlock():
            return _layers(layers, _layer(layers, x, module.conv), module.res_units)
        case nn.Sequential():
            return _layers(layers, x, module)
    raise _unsupported(module)


def _vocoder(layers: StreamLayers, x: Feature, vocoder: Vocoder) -> Feature:
    gain = 1 / vocoder.scale
    x = layers.affine(x, array(gain), array(-vocoder.mean * gain))
    x = _layer(layers, x, vocoder.input_conv)
    for upsample, block in zip(vocoder.upsamples, vocoder.blocks, strict=True):
        x = _layer(layers, layers.leaky_relu(x, SLOPE), upsample)
        x = _stage(layers, x, block)
    return layers.tanh(_layer(layers, layers.leaky_relu(x, LAST_SLOPE), vocoder.output_conv))


def _stage(layers: StreamLayers, x: Feature, block: nn.Module) -> Feature:
    match block:
        case GroupedBlock():
            x = _pairs(layers, layers.copies(x, block.groups), block)
            return layers.conv(x, block.conv_out, 0)
        case AveragedBlocks():
            return layers.mean([_stage(layers, x, pairs) for pairs in block.blocks])
        case ResidualPairs():
            return _pairs(layers, x, block)
    raise _unsupported(block)


def _pairs(layers: StreamLayers, x: Feature, block: ResidualPairs) -> Feature:
    for dilated, plain in zip(block.convs1, block.convs2, strict=True):
        inner = _layer(layers, layers.leaky_relu(x, SLOPE), dilated)
        x = layers.add(x, _layer(layers, layers.leaky_relu(inner, SLOPE), plain))
    return x


def _unsupported(module: nn.Module) -> ExportError:
    return ExportError(
        f"the layer {type(module).__name__} has no streaming operator; "
        "AudioDec's own layers can be exported."
    )
