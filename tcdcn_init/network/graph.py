"""ONNX graphs written as arithmetic: values with operators, and other models spliced in between."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Graph", "Value"]

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

    def at(self, *index: int) -> Value:
        """One number, or one part along the first axes, without these axes."""
        value = self
        for number in index:
            value = self.graph.node("Gather", value, self.graph.constant(number, np.int64), like=self.dtype)
        return value

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


class Graph:
    """Nodes and constants under construction.

    Parameters
    ----------
    prefix : str
        Of all names in it; graphs within one another need different ones.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0
        self._known: dict[tuple[Any, ...], Value] = {}

    @staticmethod
    def code(dtype: type) -> int:
        """ONNX's number of a type."""
        from onnx import helper

        return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def name(self) -> str:
        """One not used before."""
        self._count += 1
        return f"{self.prefix}{self._count}"

    def input(self, name: str, dtype: type) -> Value:
        """A value that comes from elsewhere."""
        return Value(self, name, dtype)

    def constant(self, value: Operand, dtype: type) -> Value:
        """Numbers that are known; the same ones are kept once."""
        if isinstance(value, Value):
            return value
        from onnx import numpy_helper

        array: NDArray[Any] = np.asarray(value, dtype=dtype)
        key = (array.dtype, array.shape, array.tobytes())
        if key not in self._known:
            name = self.name()
            self.constants.append(numpy_helper.from_array(array, name))
            self._known[key] = Value(self, name, dtype)
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
        from onnx import helper

        start = self.constant(first, np.float32)
        inputs = [start, *(self.constant(value, start.dtype) for value in others)]
        output = self.name()
        self.nodes.append(helper.make_node(operator, [value.name for value in inputs], [output], **attributes))
        return Value(self, output, like or start.dtype)

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
            self.nodes.append(node)
        self.constants.extend(graph.initializer)
        return [Value(self, f"{prefix}{name}", np.float32) for name in outputs]

    def made(self, title: str, inputs: Sequence[Any], outputs: Sequence[Any]) -> Any:
        """The graph, as an onnx.GraphProto.

        Parameters
        ----------
        title : str
        inputs, outputs : sequence of onnx.ValueInfoProto
        """
        from onnx import helper

        return helper.make_graph(self.nodes, title, list(inputs), list(outputs), self.constants)
