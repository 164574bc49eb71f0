"""HILCodec as streaming ONNX graphs: encoder and decoder.

The networks are walked once, layer by layer. How a layer is written in operators is the choice of a
:class:`LayerWriter`, of which there are two: a straightforward one and a fast one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

from torch import nn

from codec_zoo.models.hilcodec.blocks import ResidualBlock, Scale, SpectrogramBlock
from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
from codec_zoo.models.hilcodec.encoder import NORM_FLOOR
from codec_zoo.streaming_graph import ExportError, Feature, StreamGraph

if TYPE_CHECKING:
    import onnx

    from codec_zoo.models.hilcodec.network import HilCodec


class LayerWriter(Protocol):
    """Writes layers into a graph. Lengths are those of one push."""

    def begin(self, name: str, channels: int, length: int) -> Feature:
        """The graph's input ``[1, C, T]`` as a feature."""
        ...

    def end(self, x: Feature) -> str:
        """A feature as the graph's output ``[1, C, T]``."""
        ...

    def remember_audio(self, name: str, n_samples: int, n_past: int) -> None:
        """Keep the last ``n_past`` samples of the input ``[1, 1, n_samples]`` for spectra."""
        ...

    def elu(self, x: Feature) -> Feature:
        """Exponential linear units."""
        ...

    def tanh(self, x: Feature) -> Feature:
        """Hyperbolic tangent."""
        ...

    def scale(self, x: Feature, factor: float) -> Feature:
        """Multiplication by a constant."""
        ...

    def add(self, x: Feature, y: Feature) -> Feature:
        """Sum of two features of one size."""
        ...

    def conv(self, x: Feature, layer: CausalConv, gain: float = 1.0) -> Feature:
        """A causal convolution, its output multiplied by ``gain``."""
        ...

    def upsample(self, x: Feature, layer: CausalTransposedConv) -> Feature:
        """A causal depthwise upsampling."""
        ...

    def spectrogram(self, block: SpectrogramBlock) -> Feature:
        """The branch of a spectrogram block, from the remembered audio."""
        ...

    def normalise(self, x: Feature, length: float, floor: float) -> Feature:
        """Each frame brought to the given Euclidean length."""
        ...


def encoder_graph(network: HilCodec, writer: type[GraphWriter], n_frames: int) -> onnx.ModelProto:
    """``audio [1, 1, n_frames * hop]`` to ``latents [1, D, n_frames]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    encoder, hop = network.encoder, network.config.hop
    graph = StreamGraph("HILCodec encoder")
    layers = writer(graph)
    n_samples = n_frames * hop
    x = layers.begin("audio", 1, n_samples)
    if encoder.spec_post is not None:
        layers.remember_audio("audio", n_samples, encoder.spec_post.spec.fft_size - 1)
    x = _sequence(layers, x, encoder.conv_pre)
    for level, (blocks, downsample) in enumerate(
        zip(encoder.blocks, encoder.downsample, strict=True)
    ):
        if encoder.spec_post is not None:
            x = layers.add(x, layers.spectrogram(_spectrogram(encoder.spec_blocks[level])))
        x = _sequence(layers, x, [*_children(blocks), *_children(downsample)])
    if encoder.spec_post is not None:
        x = layers.add(x, layers.spectrogram(encoder.spec_post))
    x = _sequence(layers, x, encoder.conv_post)
    if encoder.l2_norm:
        x = layers.normalise(x, math.sqrt(x.channels), NORM_FLOOR)
    return graph.model(
        {"audio": ("float32", (1, 1, n_samples))},
        {"latents": (layers.end(x), "float32", (1, x.channels, n_frames))},
    )


def decoder_graph(network: HilCodec, writer: type[GraphWriter], n_frames: int) -> onnx.ModelProto:
    """``latents [1, D, n_frames]`` to ``audio [1, 1, n_frames * hop]``.

    Raises:
        ExportError: the network holds a layer without a streaming operator.
    """
    config = network.config
    graph = StreamGraph("HILCodec decoder")
    layers = writer(graph)
    x = layers.begin("latents", config.latent_dim, n_frames)
    x = _sequence(layers, x, network.decoder.model)
    return graph.model(
        {"latents": ("float32", (1, config.latent_dim, n_frames))},
        {"audio": (layers.end(x), "float32", (1, 1, n_frames * config.hop))},
    )


class GraphWriter(LayerWriter, Protocol):
    """A layer writer that is made for a graph."""

    def __init__(self, graph: StreamGraph) -> None:
        """Write into ``graph``."""
        ...


def _children(module: nn.Module) -> list[nn.Module]:
    return list(module.children())


def _spectrogram(block: nn.Module) -> SpectrogramBlock:
    if not isinstance(block, SpectrogramBlock):
        raise ExportError(f"a {type(block).__name__} stands where a spectrogram block belongs.")
    return block


def _sequence(writer: LayerWriter, x: Feature, layers: Iterable[nn.Module]) -> Feature:
    for layer in layers:
        x = _layer(writer, x, layer)
    return x


def _layer(writer: LayerWriter, x: Feature, layer: nn.Module) -> Feature:
    match layer:
        case CausalConv():
            return writer.conv(x, layer)
        case CausalTransposedConv():
            return writer.upsample(x, layer)
        case ResidualBlock():
            return _residual(writer, x, layer)
        case Scale():
            return writer.scale(x, layer.factor)
        case nn.ELU():
            return writer.elu(x)
        case nn.Tanh():
            return writer.tanh(x)
        case nn.Identity():
            return x
    raise ExportError(
        f"the layer {type(layer).__name__} has no streaming operator; "
        "HILCodec's own layers can be exported."
    )


def _residual(writer: LayerWriter, x: Feature, block: ResidualBlock) -> Feature:
    *first, last = _children(block.block)
    if not isinstance(last, CausalConv):
        raise ExportError(f"a residual block ends with {type(last).__name__}; CausalConv expected.")
    branch = _sequence(writer, writer.scale(x, block.pre_scale), first)
    gain = block.res_scale_param.item() * block.residual_scale
    return writer.add(x, writer.conv(branch, last, gain))
