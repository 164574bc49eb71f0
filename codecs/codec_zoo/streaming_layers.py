"""Layers of torch written as streaming ONNX operators, in a layout that runs fast on one core.

Features are ``[T, C]``, channels last. Then convolutions are products of windows with a constant
matrix, which the runtime packs once; upsampling by kernels of two strides is a product of each
frame and the one before it; and ELU is max(x, exp(min(x, 0)) - 1), because Exp is vectorised and
Elu is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from codec_zoo.streaming_graph import ExportError, Feature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor, nn

    from codec_zoo.streaming_graph import StreamGraph
    from codec_zoo.streaming_state import Start

TIME, CHANNELS = 0, 1
ONNX_GATES = (0, 3, 1, 2)  # input, output, forget, cell; torch has input, forget, cell, output


class StreamLayers:
    """Writes the layers of a network into a graph. Lengths are those of one push."""

    def __init__(self, graph: StreamGraph) -> None:
        """Write into ``graph``."""
        self.graph = graph

    def begin(self, name: str, channels: int, length: int) -> Feature:
        """The graph's input ``[1, C, T]`` as a feature."""
        last = self.graph.apply("Transpose", name, perm=[0, 2, 1])
        return self._shaped(last, channels, length)

    def end(self, x: Feature) -> str:
        """A feature as the graph's output ``[1, C, T]``."""
        graph = self.graph
        batch = graph.apply("Reshape", x.name, graph.integers(1, x.length, x.channels))
        return graph.apply("Transpose", batch, perm=[0, 2, 1])

    def elu(self, x: Feature) -> Feature:
        """Exponential linear units."""
        graph = self.graph
        grown = graph.apply("Exp", graph.apply("Clip", x.name, "", graph.scalar(0.0)))
        below = graph.apply("Sub", grown, graph.scalar(1.0))
        return Feature(graph.apply("Max", x.name, below), *x.size)

    def leaky_relu(self, x: Feature, slope: float) -> Feature:
        """Leaky rectified linear units, of a slope below 1."""
        below = self.graph.apply("Mul", x.name, self.graph.scalar(slope))
        return Feature(self.graph.apply("Max", x.name, below), *x.size)

    def tanh(self, x: Feature) -> Feature:
        """Hyperbolic tangent."""
        return Feature(self.graph.apply("Tanh", x.name), *x.size)

    def add(self, x: Feature, y: Feature) -> Feature:
        """Sum of two features of one size."""
        return Feature(self.graph.apply("Add", x.name, y.name), *x.size)

    def mean(self, features: Sequence[Feature]) -> Feature:
        """Mean of features of one size."""
        name = self.graph.apply("Mean", *(x.name for x in features))
        return Feature(name, *features[0].size)

    def copies(self, x: Feature, count: int) -> Feature:
        """``count`` copies of the channels side by side."""
        name = self.graph.apply("Concat", *[x.name] * count, axis=CHANNELS)
        return Feature(name, count * x.channels, x.length)

    def affine(self, x: Feature, gain: NDArray[np.float32], shift: NDArray[np.float32]) -> Feature:
        """A gain and a shift per channel."""
        graph = self.graph
        scaled = graph.apply("Mul", x.name, graph.constant(gain))
        return Feature(graph.apply("Add", scaled, graph.constant(shift)), *x.size)

    def product(
        self, x: Feature, matrix: NDArray[np.float32], bias: NDArray[np.float32] | None = None
    ) -> Feature:
        """``[T, C]`` times ``[C, C']``."""
        name = self.graph.apply("MatMul", x.name, self.graph.constant(matrix))
        if bias is not None:
            name = self.graph.apply("Add", name, self.graph.constant(bias))
        return Feature(name, matrix.shape[1], x.length)

    def conv(self, x: Feature, conv: nn.Conv1d, n_past: int, *, start: Start = "zeros") -> Feature:
        """A causal convolution that sees ``n_past`` samples before the current ones."""
        kernel, bias = array(conv.weight), optional_array(conv.bias)
        size, stride, dilation = conv.kernel_size[0], conv.stride[0], conv.dilation[0]
        length = x.length // stride
        extended = self._continued(x, n_past, start)
        if conv.groups > 1:
            return self._grouped(extended, conv, length)
        if size > 1:
            extended = self._windows(extended, size, stride, dilation, length)
        matrix = kernel.transpose(2, 1, 0).reshape(-1, kernel.shape[0])  # [k C, C']
        return self.product(extended, matrix, bias)

    def upsample(self, x: Feature, conv: nn.ConvTranspose1d, *, start: Start = "zeros") -> Feature:
        """A causal upsampling with a kernel of two strides, dense or depthwise.

        Raises:
            ExportError: the kernel has another length, or the channels go in other groups.
        """
        kernel, stride = array(conv.weight), conv.stride[0]  # [C, C' / groups, 2 strides]
        if kernel.shape[2] != 2 * stride or conv.groups not in (1, x.channels):
            raise ExportError(
                f"a ConvTranspose1d with kernel {kernel.shape[2]}, stride {stride} and "
                f"{conv.groups} groups has no streaming operator; a kernel of two strides, dense "
                "or depthwise, expected."
            )
        extended = self._continued(x, 1, start)
        if conv.groups == 1:
            name = self._dense_frames(extended, kernel, x.length)
        else:
            name = self._depthwise_frames(extended, x, kernel[:, 0])
        channels = conv.out_channels
        upsampled = self._shaped(name, channels, x.length * stride)
        if conv.bias is None:
            return upsampled
        biased = self.graph.apply("Add", upsampled.name, self.graph.constant(array(conv.bias)))
        return Feature(biased, *upsampled.size)

    def lstm(self, x: Feature, lstm: nn.LSTM) -> Feature:
        """A stack of LSTM layers."""
        graph, hidden = self.graph, lstm.hidden_size
        steps = graph.apply("Reshape", x.name, graph.integers(x.length, 1, x.channels))
        for layer in range(lstm.num_layers):
            of_input, of_state, *biases = (
                _onnx_gates(array(getattr(lstm, f"{name}_l{layer}")))
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            )
            states = [graph.state((1, 1, hidden)) for _ in range(2)]
            output, *kept = graph.apply_many(
                "LSTM",
                steps,
                graph.constant(of_input[None]),
                graph.constant(of_state[None]),
                graph.constant(np.concatenate(biases)[None]),
                "",
                *states,
                n_outputs=3,
                hidden_size=hidden,
            )
            for state, value in zip(states, kept, strict=True):
                graph.keep(state, value)
            steps = graph.apply("Reshape", output, graph.integers(x.length, 1, hidden))
        return self._shaped(steps, hidden, x.length)

    def _continued(self, x: Feature, n_past: int, start: Start) -> Feature:
        if n_past == 0:
            return x
        name = self.graph.continued(
            x.name, n_past, (x.length, x.channels), TIME, from_first=start == "first"
        )
        return Feature(name, x.channels, x.length + n_past)

    def _windows(self, x: Feature, size: int, stride: int, dilation: int, length: int) -> Feature:
        """``[length, size * C]``: what the kernel sees for each output."""
        name = x.name
        if length > 1 or dilation > 1 or x.length > size:
            starts = stride * np.arange(length)[:, None]
            rows = (starts + dilation * np.arange(size)).astype(np.int64)
            name = self.graph.apply("Gather", name, self.graph.constant(rows), axis=TIME)
        return self._shaped(name, size * x.channels, length)

    def _grouped(self, extended: Feature, conv: nn.Conv1d, length: int) -> Feature:
        """A Conv over two dimensions, for which the runtime has kernels that work on groups."""
        graph, bias = self.graph, optional_array(conv.bias)
        constants = [graph.constant(array(conv.weight)[:, :, None])]
        if bias is not None:
            constants.append(graph.constant(bias))
        shape = graph.integers(1, 1, extended.length, extended.channels)
        image = graph.apply("Reshape", extended.name, shape)
        name = graph.apply(
            "Conv",
            graph.apply("Transpose", image, perm=[0, 3, 1, 2]),
            *constants,
            group=conv.groups,
            kernel_shape=[1, conv.kernel_size[0]],
            strides=[1, conv.stride[0]],
            dilations=[1, conv.dilation[0]],
        )
        name = graph.apply("Transpose", name, perm=[0, 2, 3, 1])
        return self._shaped(name, conv.out_channels, length)

    def _dense_frames(self, extended: Feature, kernel: NDArray[np.float32], length: int) -> str:
        """``[T, stride * C']``."""
        pairs = self._windows(extended, 2, 1, 1, length)  # the frame before, and this one
        now, before = np.split(kernel.transpose(0, 2, 1), 2, axis=1)  # [C, stride, C']
        matrix = np.stack([before, now]).reshape(2 * kernel.shape[0], -1)
        return self.product(pairs, matrix).name

    def _depthwise_frames(self, extended: Feature, x: Feature, kernel: NDArray[np.float32]) -> str:
        """``[T, stride, C]``."""
        graph = self.graph
        now, before = np.split(kernel.T, 2)  # [stride, C]
        column = graph.integers(x.length, 1, x.channels)
        frames = (x.name, graph.slice(extended.name, 0, x.length, TIME))
        terms = [
            graph.apply("Mul", graph.apply("Reshape", frame, column), graph.constant(taps))
            for frame, taps in zip(frames, (now, before), strict=True)
        ]
        return graph.apply("Add", *terms)

    def _shaped(self, name: str, channels: int, length: int) -> Feature:
        shaped = self.graph.apply("Reshape", name, self.graph.integers(length, channels))
        return Feature(shaped, channels, length)


def array(tensor: Tensor) -> NDArray[np.float32]:
    """A copy of a parameter or buffer."""
    copied: NDArray[np.float32] = tensor.detach().cpu().numpy().astype(np.float32)
    return copied


def optional_array(tensor: Tensor | None) -> NDArray[np.float32] | None:
    """The same for what a layer may lack, such as its bias."""
    return None if tensor is None else array(tensor)


def _onnx_gates(parameter: NDArray[np.float32]) -> NDArray[np.float32]:
    gates = np.split(parameter, 4)
    return np.concatenate([gates[index] for index in ONNX_GATES])
