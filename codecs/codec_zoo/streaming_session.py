"""Streaming ONNX graphs run by ONNX Runtime, their states kept in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

ELEMENT_TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


class StreamSession:
    """A graph of :class:`codec_zoo.streaming_graph.StreamGraph` and the states of one stream.

    States lie in two sets of buffers that take turns as input and output, so that nothing is
    copied between runs.
    """

    def __init__(self, model: onnx.ModelProto, *, threads: int = 1) -> None:
        """Begin a stream with all states zero, computed by ``threads`` threads."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self._options = onnxruntime.RunOptions()
        first_input, *states_in = self._session.get_inputs()
        first_output, *states_out = self._session.get_outputs()
        self.input_shape: tuple[int, ...] = tuple(first_input.shape)
        self._input = _zeros(first_input)
        self._output = _zeros(first_output)
        sets = [[_zeros(state) for state in states_in] for _ in range(2)]
        self._bindings = []
        for source, target in ((sets[0], sets[1]), (sets[1], sets[0])):
            binding = self._session.io_binding()
            binding.bind_ortvalue_input(first_input.name, self._input)
            binding.bind_ortvalue_output(first_output.name, self._output)
            for state, value in zip(states_in, source, strict=True):
                binding.bind_ortvalue_input(state.name, value)
            for state, value in zip(states_out, target, strict=True):
                binding.bind_ortvalue_output(state.name, value)
            self._bindings.append(binding)

    def push(self, x: NDArray[Any]) -> NDArray[Any]:  # float32 or int64, as the graph says
        """The output for the next input of shape ``input_shape``.

        Raises:
            ValueError: the input has another shape.
        """
        if x.shape != self.input_shape:
            raise ValueError(
                f"an input of shape {x.shape} was pushed; {self.input_shape} expected."
            )
        self._input.update_inplace(np.ascontiguousarray(x))
        self._session.run_with_iobinding(self._bindings[0], self._options)
        self._bindings.reverse()
        output: NDArray[Any] = self._output.numpy().copy()  # the buffer is written again
        return output


def _zeros(described: Any) -> Any:  # the runtime is not annotated
    import onnxruntime

    zeros = np.zeros(described.shape, ELEMENT_TYPES[described.type])
    return onnxruntime.OrtValue.ortvalue_from_numpy(zeros)
