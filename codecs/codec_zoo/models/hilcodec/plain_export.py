"""The straightforward way to write HILCodec's layers, for comparison with the fast one.

Features are ``[1, C, T]``. Each layer is the operator of its name, kernels folded; what a
convolution remembers is put in front of its input by Concat and cut off by Slice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_zoo.models.hilcodec.blocks import MIN_POWER
from codec_zoo.models.hilcodec.spectral_kernels import fourier_kernels
from codec_zoo.streaming_graph import Feature
from codec_zoo.streaming_layers import array

if TYPE_CHECKING:
    from codec_zoo.models.hilcodec.blocks import SpectrogramBlock
    from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
    from codec_zoo.streaming_graph import StreamGraph

TIME = 2


class PlainLayers:
    """One operator per layer."""

    def __init__(self, graph: StreamGraph) -> None:
        """Write into ``graph``."""
        self._graph = graph
        self._audio = ("", 0, 0)

    def begin(self, name: str, channels: int, length: int) -> Feature:
        """The input itself."""
        return Feature(name, channels, length)

    def end(self, x: Feature) -> str:
        """The feature itself."""
        return x.name

    def remember_audio(self, name: str, n_samples: int, n_past: int) -> None:
        """Keep the samples that the longest window reaches back to."""
        extended = self._graph.continued(name, n_past, (1, 1, n_samples), TIME)
        self._audio = (extended, n_past, n_samples)

    def elu(self, x: Feature) -> Feature:
        """One Elu."""
        return Feature(self._graph.apply("Elu", x.name), *x.size)

    def tanh(self, x: Feature) -> Feature:
        """One Tanh."""
        return Feature(self._graph.apply("Tanh", x.name), *x.size)

    def scale(self, x: Feature, factor: float) -> Feature:
        """One Mul, unless by 1."""
        if factor == 1.0:
            return x
        return Feature(self._graph.apply("Mul", x.name, self._graph.scalar(factor)), *x.size)

    def add(self, x: Feature, y: Feature) -> Feature:
        """One Add."""
        return Feature(self._graph.apply("Add", x.name, y.name), *x.size)

    def conv(self, x: Feature, layer: CausalConv, gain: float = 1.0) -> Feature:
        """Concat, Slice and Conv; and Mul for a gain."""
        graph, kernel, bias = self._graph, array(layer.weights()), layer.weights.bias
        extended, size = x.name, kernel.shape[2]
        if size > layer.stride:
            shape = (1, x.channels, x.length)
            extended = graph.continued(x.name, size - layer.stride, shape, TIME)
        constants = [graph.constant(kernel)]
        if bias is not None:
            constants.append(graph.constant(array(bias)))
        name = graph.apply(
            "Conv",
            extended,
            *constants,
            strides=[layer.stride],
            group=x.channels // kernel.shape[1],
            kernel_shape=[size],
        )
        return self.scale(Feature(name, kernel.shape[0], x.length // layer.stride), gain)

    def upsample(self, x: Feature, layer: CausalTransposedConv) -> Feature:
        """Concat, ConvTranspose and Slice."""
        graph, kernel, stride = self._graph, array(layer.weights()), layer.stride
        extended = graph.continued(x.name, 1, (1, x.channels, x.length), TIME)
        full = graph.apply(
            "ConvTranspose",
            extended,
            graph.constant(kernel),
            strides=[stride],
            group=x.channels,
            kernel_shape=[kernel.shape[2]],
        )
        length = x.length * stride
        return Feature(graph.slice(full, stride, stride + length, TIME), x.channels, length)

    def spectrogram(self, block: SpectrogramBlock) -> Feature:
        """Conv with the Fourier kernels, then the logarithm step by step."""
        graph, spectrum = self._graph, block.spec
        audio, n_past, n_samples = self._audio
        n_bins, length = spectrum.fft_size // 2 + 1, n_samples // spectrum.hop
        start = n_past - (spectrum.fft_size - 1)
        window = graph.slice(audio, start, n_past + n_samples, TIME)
        parts = graph.apply(
            "Conv",
            window,
            graph.constant(fourier_kernels(spectrum)[:, None]),
            strides=[spectrum.hop],
            kernel_shape=[spectrum.fft_size],
        )
        squares = graph.apply("Mul", parts, parts)
        power = graph.apply(
            "Add", graph.slice(squares, 0, n_bins, 1), graph.slice(squares, n_bins, 2 * n_bins, 1)
        )
        log = graph.apply("Log", graph.apply("Clip", power, graph.scalar(MIN_POWER)))
        level = graph.apply("Mul", log, graph.scalar(0.5))
        centred = graph.apply("Sub", level, graph.scalar(spectrum.mean))
        x = Feature(graph.apply("Div", centred, graph.scalar(spectrum.std)), n_bins, length)
        return self.conv(x, block.layer, block.scale_param.item() * block.residual_scale)

    def normalise(self, x: Feature, length: float, floor: float) -> Feature:
        """ReduceL2, a floor, Div and Mul."""
        graph = self._graph
        norm = graph.apply("ReduceL2", x.name, axes=[1])
        floored = graph.apply("Max", norm, graph.scalar(floor))
        return self.scale(Feature(graph.apply("Div", x.name, floored), *x.size), length)
