"""Streaming ONNX graphs: operators written one by one, with states that go in and come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from codec_zoo.interface import CodecError

if TYPE_CHECKING:
    from numpy.typing import NDArray

OPSET = 17
IR_VERSION = 8  # of that operator set
STATE_IN, STATE_OUT = "state_in_", "state_out_"
ELEMENT_TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class ExportError(CodecError):
    """A network holds a layer that cannot be written as a streaming operator."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A tensor of a graph; how its axes lie is the business of who writes it."""

    name: str
    channels: int
    length: int

    @property
    def size(self) -> tuple[int, int]:
        """Channels and length."""
        return self.channels, self.length


@dataclass
class StreamGraph:
    """A graph under construction.

    Attributes:
        name: what it computes, for people.
    """

    name: str
    _nodes: list[onnx.NodeProto] = field(default_factory=list)
    _constants: dict[str, onnx.TensorProto] = field(default_factory=dict)
    _states: list[tuple[str, str, tuple[int, ...]]] = field(default_factory=list)
    _shared: dict[tuple[str, tuple[int, ...], bytes], str] = field(default_factory=dict)
    _started: str = ""

    def apply(self, operator: str, *inputs: str, **attributes: Any) -> str:  # ONNX's own
        """Add a node; returns the name of its one output."""
        (output,) = self.apply_many(operator, *inputs, n_outputs=1, **attributes)
        return output

    def apply_many(
        self,
        operator: str,
        *inputs: str,
        n_outputs: int,
        **attributes: Any,  # ONNX's own
    ) -> list[str]:
        """Add a node; returns the names of its first ``n_outputs`` outputs."""
        number = len(self._nodes)
        outputs = [f"{operator.lower()}_{number}_{index}" for index in range(n_outputs)]
        self._nodes.append(helper.make_node(operator, inputs, outputs, **attributes))
        return outputs

    def constant(self, values: NDArray[Any]) -> str:  # floats or integers
        """The name of a constant; equal ones are stored once."""
        values = np.ascontiguousarray(values)
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._shared:
            name = f"constant_{len(self._constants)}"
            self._constants[name] = numpy_helper.from_array(values, name)
            self._shared[key] = name
        return self._shared[key]

    def integers(self, *values: int) -> str:
        """The name of a constant vector, as shapes and positions are given."""
        return self.constant(np.array(values, np.int64))

    def scalar(self, value: float) -> str:
        """The name of a constant number."""
        return self.constant(np.array(value, np.float32))

    def slice(self, x: str, start: int, stop: int, axis: int) -> str:
        """Part of ``x`` along one axis."""
        bounds = [self.integers(bound) for bound in (start, stop, axis)]
        return self.apply("Slice", x, *bounds)

    def state(self, shape: tuple[int, ...]) -> str:
        """A float32 tensor that each run takes from the one before it, zeros at first."""
        name = f"{STATE_IN}{len(self._states)}"
        self._states.append((name, "", shape))
        return name

    def keep(self, state: str, value: str) -> None:
        """What ``state`` is to be in the next run."""
        index = int(state.removeprefix(STATE_IN))
        self._states[index] = (state, value, self._states[index][2])

    @property
    def first_run(self) -> str:
        """A number that is 1 in the first run and 0 in all later ones."""
        if not self._started:
            self._started = self.state((1,))
            self.keep(self._started, self.apply("Max", self._started, self.scalar(1.0)))
        return self.apply("Sub", self.scalar(1.0), self._started)

    def continued(
        self, x: str, length: int, shape: tuple[int, ...], axis: int, *, from_first: bool = False
    ) -> str:
        """``x`` behind the last ``length`` positions of what came before it, along ``axis``.

        Args:
            x: a tensor.
            length: positions to remember.
            shape: shape of ``x``.
            axis: the time axis.
            from_first: whether copies of the first position come before it, and not zeros.
        """
        remembered = list(shape)
        remembered[axis] = length
        state = self.state(tuple(remembered))
        past = state
        if from_first:
            copies = self.apply("Mul", self.first_run, self.slice(x, 0, 1, axis))
            past = self.apply("Add", state, copies)
        extended = self.apply("Concat", past, x, axis=axis)
        total = shape[axis] + length
        self.keep(state, self.slice(extended, total - length, total, axis))
        return extended

    def model(
        self,
        inputs: Mapping[str, tuple[str, tuple[int, ...]]],
        outputs: Mapping[str, tuple[str, str, tuple[int, ...]]],
    ) -> onnx.ModelProto:
        """The finished model.

        Args:
            inputs: name to element type and shape.
            outputs: name to tensor, element type and shape.
        """
        renamed = [
            helper.make_node("Identity", [tensor], [name])
            for name, (tensor, _, _) in outputs.items()
        ]
        kept = [
            helper.make_node("Identity", [value], [name.replace(STATE_IN, STATE_OUT)])
            for name, value, _ in self._states
        ]
        states = [("float32", name, shape) for name, _, shape in self._states]
        graph = helper.make_graph(
            [*self._nodes, *renamed, *kept],
            self.name,
            [_value(name, *kind) for name, kind in inputs.items()]
            + [_value(name, element, shape) for element, name, shape in states],
            [_value(name, element, shape) for name, (_, element, shape) in outputs.items()]
            + [
                _value(name.replace(STATE_IN, STATE_OUT), element, shape)
                for element, name, shape in states
            ],
            list(self._constants.values()),
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, producer_name="codecbench")
        model.ir_version = IR_VERSION
        return model


def _value(name: str, element: str, shape: Sequence[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, ELEMENT_TYPES[element], shape)
