"""ONNX graphs written as arithmetic: values with operators, loops and branches, other models spliced in between."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Graph", "Step", "Value"]

Operand: TypeAlias = "Value | ArrayLike"


class Value:
    """A tensor of a graph; arithmetic with it adds nodes to the graph.

    Parameters
    ----------
    graph : Graph
    name : str
    dtype : type
        NumPy's; what constants beside it become.
    """

    def __init__(self, graph: Graph, name: str, dtype: type) -> None:
        self.graph, self.name, self.dtype = graph, name, dtype

    def __add__(self, other: Operand) -> Value:
        return self.graph.node("Add", self, other)

    def __sub__(self, other: Operand) -> Value:
        return self.graph.node("Sub", self, other)

    def __rsub__(self, other: Operand) -> Value:
        return self.graph.node("Sub", self.graph.constant(other, self.dtype), self)

    def __mul__(self, other: Operand) -> Value:
        return self.graph.node("Mul", self, other)

    def __truediv__(self, other: Operand) -> Value:
        return self.graph.node("Div", self, other)

    def __neg__(self) -> Value:
        return self.graph.node("Neg", self)

    def __matmul__(self, other: Operand) -> Value:
        return self.graph.node("MatMul", self, other)

    def at(self, index: int | Sequence[int] | Value) -> Value:
        """A part along the first axis, without that axis; of several numbers, several of them."""
        return self.graph.node("Gather", self, self.graph.constant(index, np.int64), like=self.dtype)

    def cast(self, dtype: type) -> Value:
        """As another type of numbers."""
        if dtype is self.dtype:
            return self
        return self.graph.node("Cast", self, like=dtype, to=self.graph.code(dtype))

    def apply(self, operator: str, *others: Operand, **attributes: Any) -> Value:
        """One node of this and further inputs, with a result of the same type."""
        return self.graph.node(operator, self, *others, **attributes)

    def over(self, operator: str, *axes: int, keep: bool = False) -> Value:
        """A sum or mean over axes; over all without any."""
        given = [self.graph.constant(axes, np.int64)] if axes else []
        return self.apply(operator, *given, keepdims=int(keep))

    def compare(self, operator: str, other: Operand) -> Value:
        """Truth values."""
        return self.graph.node(operator, self, other, like=np.bool_)

    def choose(self, yes: Value, no: Value) -> Value:
        """One value where this one of truth is true, otherwise the other."""
        return self.graph.node("Where", self, yes, no, like=yes.dtype)

    def floor(self) -> Value:
        """Largest whole number not above."""
        return self.apply("Floor")

    def shaped(self, *shape: int) -> Value:
        """Of another shape."""
        return self.graph.node("Reshape", self, self.graph.constant(shape, np.int64), like=self.dtype)


class Step(NamedTuple):
    """What one turn of a loop ends with (`Graph.loop`).

    Attributes
    ----------
    state : sequence of Value
        What the next turn begins with.
    going : Value, optional
        Whether there is a next one; without it, always.
    gathered : sequence of Value
        What is kept of every turn.
    """

    state: Sequence[Value] = ()
    going: Value | None = None
    gathered: Sequence[Value] = ()


class _Part:
    """Nodes and constants of the whole, or of what is within a loop or a branch."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []


class Graph:
    """Nodes and constants under construction; those of a loop's or a branch's body see all that came before."""

    def __init__(self) -> None:
        self._parts = [_Part()]
        self._known: dict[tuple[Any, ...], Value] = {}
        self._count = 0

    @staticmethod
    def code(dtype: type) -> int:
        """ONNX's number of a type."""
        from onnx import helper

        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def name(self) -> str:
        """One not used before."""
        self._count += 1
        return str(self._count)

    def input(self, name: str, dtype: type) -> Value:
        """A value that comes from elsewhere."""
        return Value(self, name, dtype)

    def constant(self, value: Operand, dtype: type) -> Value:
        """Numbers that are known; the same ones are kept once, outside of all loops."""
        if isinstance(value, Value):
            return value
        from onnx import numpy_helper

        array: NDArray[Any] = np.asarray(value, dtype=dtype)
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = Value(self, self.name(), dtype)
            self._parts[0].constants.append(numpy_helper.from_array(array, self._known[key].name))
        return self._known[key]

    def node(
        self, operator: str, first: Operand, *others: Operand, like: type | None = None, **attributes: Any
    ) -> Value:
        """Add a node with one output.

        Parameters
        ----------
        operator : str
            ONNX's.
        first, others : Value or array_like
            Its inputs; constants take the type of the first.
        like : type, optional
            Type of the output; omitted, that of the first input.
        **attributes
            The operator's.
        """
        start = self.constant(first, np.float32)
        inputs = [start, *(self.constant(value, start.dtype) for value in others)]
        return self._nodes(operator, [value.name for value in inputs], [like or start.dtype], **attributes)[0]

    def stack(self, *values: Value) -> Value:
        """Numbers as one vector."""
        return self.node("Concat", *(value.shaped(1) for value in values), axis=0)

    def splice(self, model: Any, inputs: Mapping[str, Value], outputs: Sequence[str]) -> list[Value]:
        """A whole model's nodes, its inputs being values of this graph.

        Parameters
        ----------
        model : onnx.ModelProto
        inputs : mapping of str to Value
        outputs : sequence of str
            Its outputs of float32 that are asked for.
        """
        from onnx import compose

        prefix = f"{self.name()}/"
        graph = compose.add_prefix(model, prefix).graph
        given = {f"{prefix}{name}": value.name for name, value in inputs.items()}
        for node in graph.node:
            node.input[:] = [given.get(name, name) for name in node.input]
        self._parts[-1].nodes.extend(graph.node)
        self._parts[-1].constants.extend(graph.initializer)
        return [Value(self, f"{prefix}{name}", np.float32) for name in outputs]

    def branch(
        self, condition: Value, yes: Callable[[], Sequence[Value]], no: Callable[[], Sequence[Value]]
    ) -> list[Value]:
        """One of two sums, of which only the one asked for is done.

        Parameters
        ----------
        condition : Value
            Of truth.
        yes, no : callable
            Each adds its nodes, and returns as many values of the same types as the other.
        """
        graphs = []
        for made in (yes, no):
            with self._inside() as part:
                outputs = [value.apply("Identity") for value in made()]
            graphs.append(self._made(part, [], outputs))
        types = [value.dtype for value in outputs]
        return self._nodes("If", [condition.name], types, then_branch=graphs[0], else_branch=graphs[1])

    def loop(self, most: Value, start: Sequence[Value], step: Callable[..., Step]) -> list[Value]:
        """The same sum again and again.

        Parameters
        ----------
        most : Value
            Turns, at most: at least one.
        start : sequence of Value
            What the first turn begins with.
        step : callable
            The turn's number, and what it begins with, to what it ends with; called once, it adds a turn's nodes.

        Returns
        -------
        list of Value
            The last turn's state, then what was gathered, with one more axis in front.
        """
        number, before = self.input(self.name(), np.int64), self.input(self.name(), np.bool_)
        state = [self.input(self.name(), value.dtype) for value in start]
        with self._inside() as part:
            end = step(number, *state)
            going = before if end.going is None else end.going
            outputs = [value.apply("Identity") for value in (going, *end.state, *end.gathered)]
        body = self._made(part, [number, before, *state], outputs)
        types = [value.dtype for value in outputs[1:]]
        return self._nodes("Loop", [most.name, "", *(value.name for value in start)], types, body=body)

    def made(self, title: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The graph, as an onnx.GraphProto.

        Parameters
        ----------
        title : str
        inputs, outputs : sequence of onnx.ValueInfoProto
        """
        from onnx import helper

        part = self._parts[0]
        return helper.make_graph(part.nodes, title, list(inputs), list(outputs), part.constants)

    def name_as(self, value: Value, name: str) -> None:
        """Give a value another name: an output's."""
        from onnx import helper

        self._parts[-1].nodes.append(helper.make_node("Identity", [value.name], [name]))

    @contextlib.contextmanager
    def _inside(self) -> Iterator[_Part]:
        """What is added meanwhile belongs to another part, which sees this one's values by their names."""
        self._parts.append(_Part())
        try:
            yield self._parts[-1]
        finally:
            self._parts.pop()

    def _nodes(self, operator: str, inputs: Sequence[str], types: Sequence[type], **attributes: Any) -> list[Value]:
        from onnx import helper

        results = [Value(self, self.name(), dtype) for dtype in types]
        names = [value.name for value in results]
        # Nodes have names: older onnxruntime makes names from them, which must differ.
        self._parts[-1].nodes.append(helper.make_node(operator, list(inputs), names, f"node {names[0]}", **attributes))
        return results

    def _made(self, part: _Part, inputs: Sequence[Value], outputs: Sequence[Value]) -> Any:
        """A part as an onnx.GraphProto."""
        from onnx import helper

        # Shapes are left open, but for the number and the condition that every loop's body begins with.
        known = [
            helper.make_tensor_value_info(value.name, self.code(value.dtype), [] if place < 2 else None)
            for place, value in enumerate(inputs)
        ]
        open_ = [helper.make_tensor_value_info(value.name, self.code(value.dtype), None) for value in outputs]
        return helper.make_graph(part.nodes, "part", known, open_, part.constants)
