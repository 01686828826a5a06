"""Graphs of ONNX operators, written as formulas."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from calo4pqvae._core.optional import require

__all__ = ["Graph", "Value", "lanes"]

onnx: Any = require("onnx", "onnx")


class Value:
    """A tensor of a graph; numbers and arrays beside it become constants."""

    __array_ufunc__ = None  # arrays to the left leave the operation to this class

    def __init__(self, graph: "Graph", name: str) -> None:
        self.graph, self.name = graph, name

    def seen_in(self, graph: "Graph") -> "Value":
        """Give this tensor as a graph inside sees it."""
        return Value(graph, self.name)

    def op(self, kind: str, *others: Any, **attributes: Any) -> "Value":
        """Apply an operator to this tensor and others."""
        return self.graph.op(kind, self, *others, **attributes)

    def __add__(self, other: Any) -> "Value":
        return self.op("Add", other)

    def __radd__(self, other: Any) -> "Value":
        return self.op("Add", other)

    def __mul__(self, other: Any) -> "Value":
        return self.op("Mul", other)

    def __rmul__(self, other: Any) -> "Value":
        return self.op("Mul", other)

    def __sub__(self, other: Any) -> "Value":
        return self.op("Sub", other)

    def __rsub__(self, other: Any) -> "Value":
        return self.graph.op("Sub", other, self)

    def __truediv__(self, other: Any) -> "Value":
        return self.op("Div", other)

    def __rtruediv__(self, other: Any) -> "Value":
        return self.graph.op("Div", other, self)

    def __matmul__(self, other: Any) -> "Value":
        return self.op("MatMul", other)

    def __neg__(self) -> "Value":
        return self.op("Neg")

    def above(self, other: Any) -> "Value":
        """Give 1 where this is larger, otherwise 0."""
        return self.op("Greater", other).op("Cast", to=onnx.TensorProto.FLOAT)

    def where(self, condition: "Value", other: Any) -> "Value":
        """Take this where the condition (1 or 0) holds, the other elsewhere."""
        return self.graph.op("Where", condition.op("Greater", 0.5), self, other)

    def between(self, low: Any, high: Any) -> "Value":
        """Bound from both sides."""
        return self.op("Max", low).op("Min", high)

    def part(self, start: int, end: int, axis: int = 1) -> "Value":
        """Take a range along an axis."""
        bounds = ([start], [end], [axis])
        return self.op("Slice", *(np.array(x, dtype=np.int64) for x in bounds))

    def shaped(self, *shape: int) -> "Value":
        """Give another shape; 0 keeps an axis, -1 takes what is left."""
        return self.op("Reshape", np.array(shape, dtype=np.int64))

    def summed(self, *axes: int, keep: bool = False) -> "Value":
        """Sum over axes."""
        return self.op("ReduceSum", np.array(axes, dtype=np.int64), keepdims=int(keep))

    def whole(self) -> "Value":
        """Cut to integers, for use as indices."""
        return self.op("Cast", to=onnx.TensorProto.INT64)

    def picked(self, index: Any, axis: int = 0) -> "Value":
        """Take rows by number."""
        return self.op("Gather", index, axis=axis)


class Graph:
    """Operators in order; constants stand in the outermost graph.

    Arguments:
        outer: graph around this one, whose tensors it sees.
    """

    def __init__(self, outer: "Graph | None" = None) -> None:
        self.root: Graph = outer.root if outer else self
        self.nodes: list[Any] = []
        self.constants: dict[tuple[Any, ...], Any] = {}
        self.count = 0

    def name(self) -> str:
        """Give a name that no tensor has yet."""
        self.root.count += 1
        return f"v{self.root.count}"

    def input(self, name: str | None = None) -> Value:
        """Name a tensor that comes from outside."""
        return Value(self, name or self.name())

    def constant(self, value: Any) -> Value:
        """Name a constant; equal ones are one."""
        array = np.asarray(value)
        if array.dtype == np.float64 or (array.dtype.kind == "i" and array.ndim == 0):
            array = array.astype(np.float32)
        key = (array.dtype.str, array.shape, array.tobytes())
        constants = self.root.constants
        if key not in constants:
            kept = np.ascontiguousarray(array).reshape(array.shape)
            constants[key] = onnx.numpy_helper.from_array(kept, self.name())
        return Value(self, constants[key].name)

    def op(self, kind: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> Any:
        """Append an operator and give its outputs."""
        given = [x if isinstance(x, Value) else self.constant(x) for x in inputs]
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(
            onnx.helper.make_node(kind, [x.name for x in given], names, **attributes)
        )
        made = [Value(self, name) for name in names]
        return made if outputs > 1 else made[0]

    def joined(self, values: Sequence[Value], axis: int = 1) -> Value:
        """Put tensors side by side."""
        return self.op("Concat", *values, axis=axis)

    def scan(
        self,
        body: Callable[["Graph", list[Value], list[Value]], tuple[list[Value], list[Value]]],
        states: Sequence[Value],
        sequences: Sequence[Value],
    ) -> list[Value]:
        """Go through sequences along their first axis, carrying states.

        Arguments:
            body: makes new states and outputs of one step from states and elements.
            states: before the first step.
            sequences: what is gone through.

        Returns:
            the last states, then the outputs, stacked along a new first axis.
        """
        inner = Graph(self)
        old, elements = ([inner.input() for _ in part] for part in (states, sequences))
        new, made = body(inner, list(old), list(elements))
        # An output must be a tensor of the step itself, not one that merely passes.
        out = [value.graph.op("Identity", value) for value in (*new, *made)]
        kind = onnx.TensorProto.FLOAT
        info = [
            onnx.helper.make_tensor_value_info(v.name, kind, None) for v in (*old, *elements)
        ]
        ends = [onnx.helper.make_tensor_value_info(v.name, kind, None) for v in out]
        graph = onnx.helper.make_graph(inner.nodes, self.name(), info, ends)
        result = self.op(
            "Scan",
            *states,
            *sequences,
            outputs=len(out),
            body=graph,
            num_scan_inputs=len(elements),
        )
        return result if len(out) > 1 else [result]


def lanes(value: Value, steps: int, width: int) -> Value:
    """Turn (batch, steps * width) into (steps, batch, width), to be gone through."""
    return value.shaped(0, steps, width).op("Transpose", perm=[1, 0, 2])
