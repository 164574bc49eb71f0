"""HILCodec's layers in the operators that ONNX Runtime computes fastest on one core.

Features are ``[1, 1, T, C]``, channels last. Then

- pointwise convolutions are matrix products whose constant side is packed once;
- depthwise ones are 2-D convolutions between two transpositions, which the runtime turns into its
  blocked kernels and cheap copies of whole blocks of channels;
- upsampling is two products and a sum, for each kernel is two strides long;
- ELU is max(x, exp(min(x, 0)) - 1), because Exp is vectorised and Elu is not;
- constant gains and the standardisation of spectra are folded into kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.models.hilcodec.blocks import MIN_POWER
from codec_zoo.models.hilcodec.spectral_kernels import fourier_kernels
from codec_zoo.streaming_graph import ExportError, Feature
from codec_zoo.streaming_layers import array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from codec_zoo.models.hilcodec.blocks import LogSpectrogram, SpectrogramBlock
    from codec_zoo.models.hilcodec.convolution import CausalConv, CausalTransposedConv
    from codec_zoo.streaming_graph import StreamGraph

TIME, CHANNELS = 2, 3
MIN_FOLDED_HOP = 40  # samples; below, cutting out the windows costs more than it saves
TO_CHANNELS_FIRST, TO_CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


class FastLayers:
    """Operators chosen for speed; the values are those of :class:`PlainLayers` up to rounding."""

    def __init__(self, graph: StreamGraph) -> None:
        """Write into ``graph``."""
        self._graph = graph
        self._audio = ("", 0, 0)

    def begin(self, name: str, channels: int, length: int) -> Feature:
        """The input with its channels last."""
        last = self._graph.apply("Transpose", name, perm=[0, 2, 1])
        return self._shaped(last, channels, length)

    def end(self, x: Feature) -> str:
        """The feature with its channels in the middle."""
        flat = self._graph.apply("Reshape", x.name, self._graph.integers(1, x.length, x.channels))
        return self._graph.apply("Transpose", flat, perm=[0, 2, 1])

    def remember_audio(self, name: str, n_samples: int, n_past: int) -> None:
        """Keep the samples that the longest window reaches back to."""
        extended = self._graph.continued(name, n_past, (1, 1, n_samples), 2)
        self._audio = (extended, n_past, n_samples)

    def elu(self, x: Feature) -> Feature:
        """Clip, Exp, Sub and Max."""
        graph = self._graph
        grown = graph.apply("Exp", graph.apply("Clip", x.name, "", graph.scalar(0.0)))
        below = graph.apply("Sub", grown, graph.scalar(1.0))
        return Feature(graph.apply("Max", x.name, below), *x.size)

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
        """Pointwise, depthwise, from one channel or to one channel; whichever it is."""
        kernel = array(layer.weights()) * np.float32(gain)
        bias = None if layer.weights.bias is None else array(layer.weights.bias) * np.float32(gain)
        if kernel.shape[2] == 1 and layer.stride == 1:
            return self._product(x, kernel[:, :, 0].T, bias)
        past = kernel.shape[2] - layer.stride
        extended = self._graph.continued(x.name, past, (1, 1, x.length, x.channels), TIME)
        if kernel.shape[1] == 1 and kernel.shape[0] == x.channels > 1:
            return self._depthwise(extended, x, kernel, bias, layer.stride)
        if layer.stride == 1 and x.channels == 1:
            return self._from_one_channel(extended, x, kernel, bias)
        if layer.stride == 1 and kernel.shape[0] == 1:
            return self._to_one_channel(extended, x, kernel, bias)
        raise ExportError(
            f"a convolution with a kernel {list(kernel.shape)} and stride {layer.stride} has no "
            "fast streaming operator; pointwise, depthwise, from or to one channel expected."
        )

    def upsample(self, x: Feature, layer: CausalTransposedConv) -> Feature:
        """Each output is a sum of two products: of the frame it lies in, and of the one before."""
        graph, stride = self._graph, layer.stride
        taps = array(layer.weights())[:, 0].T  # [2 strides, C]
        extended = graph.continued(x.name, 1, (1, 1, x.length, x.channels), TIME)
        column = graph.integers(1, x.length, 1, x.channels)
        now = graph.apply("Reshape", x.name, column)
        before = graph.apply("Reshape", graph.slice(extended, 0, x.length, TIME), column)
        total = graph.apply(
            "Add",
            graph.apply("Mul", now, graph.constant(taps[:stride])),
            graph.apply("Mul", before, graph.constant(taps[stride:])),
        )  # [1, T, stride, C]
        return self._shaped(total, x.channels, x.length * stride)

    def spectrogram(self, block: SpectrogramBlock) -> Feature:
        """Powers by products or by Conv, Log, and a product that does the rest."""
        graph, spectrum = self._graph, block.spec
        n_bins, length = spectrum.fft_size // 2 + 1, self._audio[2] // spectrum.hop
        if spectrum.exact and spectrum.hop >= MIN_FOLDED_HOP:
            power = self._folded_power(spectrum, length)
        else:
            power = self._power(spectrum, length)
        log = graph.apply("Log", graph.apply("Max", power, graph.scalar(MIN_POWER)))
        gain = block.scale_param.item() * block.residual_scale / spectrum.std
        kernel = array(block.layer.weights())[:, :, 0].T * gain
        shift = -spectrum.mean * kernel.sum(axis=0)
        return self._product(Feature(log, n_bins, length), 0.5 * kernel, shift)

    def _power(self, spectrum: LogSpectrogram, length: int) -> str:
        """Powers ``[1, 1, T, F]`` by a convolution with all Fourier kernels."""
        graph = self._graph
        audio, n_past, n_samples = self._audio
        start, n_bins = n_past - (spectrum.fft_size - 1), spectrum.fft_size // 2 + 1
        parts = graph.apply(
            "Conv",
            graph.slice(audio, start, n_past + n_samples, 2),
            graph.constant(fourier_kernels(spectrum)[:, None]),
            strides=[spectrum.hop],
            kernel_shape=[spectrum.fft_size],
        )
        squares = graph.apply("Mul", parts, parts)
        real, imaginary = (graph.slice(squares, start, start + n_bins, 1) for start in (0, n_bins))
        power = graph.apply("Transpose", graph.apply("Add", real, imaginary), perm=[0, 2, 1])
        return self._shaped(power, n_bins, length).name

    def _folded_power(self, spectrum: LogSpectrogram, length: int) -> str:
        """The same with half of the products, which the published kernels do not allow.

        Cosines are even and sines odd about the middle of the window, whose first weight is zero:
        the samples n and N - n share a product each.
        """
        graph = self._graph
        audio, n_past, _ = self._audio
        half = spectrum.fft_size // 2
        first = n_past - (spectrum.fft_size - 1) + spectrum.hop * np.arange(length)[:, None]
        offsets = np.arange(1, half + 1)
        flat = graph.apply("Reshape", audio, graph.integers(-1))
        early, late = (
            graph.apply("Gather", flat, graph.constant(positions.astype(np.int64)))
            for positions in (first + offsets, first + spectrum.fft_size - offsets)
        )  # [T, N / 2]
        cosines, sines = np.split(fourier_kernels(spectrum)[:, 1 : half + 1], 2)  # [F, N / 2]
        cosines[:, -1] /= 2  # the middle sample is its own partner
        real = graph.apply("MatMul", graph.apply("Add", early, late), graph.constant(cosines.T))
        imaginary = graph.apply("MatMul", graph.apply("Sub", early, late), graph.constant(sines.T))
        power = graph.apply(
            "Add", graph.apply("Mul", real, real), graph.apply("Mul", imaginary, imaginary)
        )
        return self._shaped(power, half + 1, length).name

    def normalise(self, x: Feature, length: float, floor: float) -> Feature:
        """ReduceL2, a floor, Div and Mul."""
        graph = self._graph
        norm = graph.apply("ReduceL2", x.name, axes=[CHANNELS])
        floored = graph.apply("Max", norm, graph.scalar(floor))
        return self.scale(Feature(graph.apply("Div", x.name, floored), *x.size), length)

    def _product(
        self, x: Feature, matrix: NDArray[np.floating], bias: NDArray[np.floating] | None
    ) -> Feature:
        graph = self._graph
        name = graph.apply("MatMul", x.name, graph.constant(matrix.astype(np.float32)))
        if bias is not None:
            name = graph.apply("Add", name, graph.constant(bias.astype(np.float32)))
        return Feature(name, matrix.shape[1], x.length)

    def _depthwise(
        self,
        extended: str,
        x: Feature,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
        stride: int,
    ) -> Feature:
        graph = self._graph
        constants = [graph.constant(kernel[:, :, None])]
        if bias is not None:
            constants.append(graph.constant(bias))
        name = graph.apply(
            "Conv",
            graph.apply("Transpose", extended, perm=TO_CHANNELS_FIRST),
            *constants,
            group=x.channels,
            kernel_shape=[1, kernel.shape[2]],
            strides=[1, stride],
        )
        name = graph.apply("Transpose", name, perm=TO_CHANNELS_LAST)
        return Feature(name, x.channels, x.length // stride)

    def _from_one_channel(
        self,
        extended: str,
        x: Feature,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
    ) -> Feature:
        size = kernel.shape[2]
        shifted = [self._graph.slice(extended, tap, tap + x.length, TIME) for tap in range(size)]
        taps = Feature(self._graph.apply("Concat", *shifted, axis=CHANNELS), size, x.length)
        return self._product(taps, kernel[:, 0].T, bias)

    def _to_one_channel(
        self,
        extended: str,
        x: Feature,
        kernel: NDArray[np.float32],
        bias: NDArray[np.float32] | None,
    ) -> Feature:
        """Products of all taps at once, then the sum along the diagonals."""
        graph = self._graph
        products = graph.apply("MatMul", extended, graph.constant(kernel[0]))  # [1, 1, T', k]
        terms = [
            graph.slice(graph.slice(products, tap, tap + x.length, TIME), tap, tap + 1, CHANNELS)
            for tap in range(kernel.shape[2])
        ]
        if bias is not None:
            terms.append(graph.constant(bias))
        return Feature(graph.apply("Sum", *terms), 1, x.length)

    def _shaped(self, name: str, channels: int, length: int) -> Feature:
        shape = self._graph.integers(1, 1, length, channels)
        return Feature(self._graph.apply("Reshape", name, shape), channels, length)
