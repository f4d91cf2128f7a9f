"""Mutation operators: a choice of cosmic-ray's, and those that slips in formulas ask for, on cosmic-ray's interface."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, final

from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator
from parso.tree import BaseNode, Leaf, NodeOrLeaf

Span = tuple[tuple[int, int], tuple[int, int]]


def _span(node: NodeOrLeaf) -> Span:
    return node.start_pos, node.end_pos


def _text(node: Any) -> str:
    return str(node.get_code()).strip()


def _children(node: NodeOrLeaf, *types: str) -> list[NodeOrLeaf]:
    return node.children if isinstance(node, BaseNode) and node.type in types else []


def _take(node: NodeOrLeaf, first: int, last: int) -> NodeOrLeaf:
    """Remove the children ``first .. last``; what is then first takes over the space before the node."""
    assert isinstance(node, BaseNode)
    prefix = node.get_first_leaf().prefix
    del node.children[first : last + 1]
    node.get_first_leaf().prefix = prefix
    return node


def _exchange(node: NodeOrLeaf, i: int, j: int) -> NodeOrLeaf:
    assert isinstance(node, BaseNode)
    a, b = node.children[i], node.children[j]
    first, second = a.get_first_leaf(), b.get_first_leaf()
    first.prefix, second.prefix = second.prefix, first.prefix
    node.children[i], node.children[j] = b, a
    return node


@final
class DropTerm(Operator):
    """``a + b`` becomes ``a``, and ``b``; ``a * b`` and ``a / b`` likewise: a term or a factor forgotten."""

    def mutation_positions(self, node: Any) -> Any:
        yield from [_span(node) for _ in self._cuts(node)]

    def mutate(self, node: Any, index: int) -> Any:
        return _take(node, *list(self._cuts(node))[index])

    def _cuts(self, node: NodeOrLeaf) -> Iterator[tuple[int, int]]:
        children = _children(node, "arith_expr", "term")
        for i in range(1, len(children), 2):
            operator = children[i]
            if isinstance(operator, Leaf) and operator.value in "+-*/":
                if i == 1 and operator.value in "+*":
                    yield 0, 1
                yield i, i + 1

    @classmethod
    def examples(cls) -> Any:
        return Example("x = a - b", "x = a"), Example("x = 0.5 * b", "x = b"), Example("x = a / b", "x = a")


@final
class SwapFactors(Operator):
    """``a @ b`` becomes ``b @ a``: the wrong side."""

    def mutation_positions(self, node: Any) -> Any:
        yield from [(node.children[i - 1].start_pos, node.children[i + 1].end_pos) for i in self._signs(node)]

    def mutate(self, node: Any, index: int) -> Any:
        i = list(self._signs(node))[index]
        return _exchange(node, i - 1, i + 1)

    def _signs(self, node: NodeOrLeaf) -> Iterator[int]:
        for i, child in enumerate(_children(node, "term")):
            if isinstance(child, Leaf) and child.value == "@":
                yield i

    @classmethod
    def examples(cls) -> Any:
        return (Example("x = a @ b.mT", "x = b.mT @ a"),)


@final
class SwapArguments(Operator):
    """``f(a, b)`` becomes ``f(b, a)``, for the first two positional arguments of a call.

    Calls of torch, sympy and the language itself are left out: most of them raise at once.
    """

    LEFT_OUT = frozenset({"torch", "sp", "math", "isinstance", "getattr", "range", "zip", "map", "cast"})

    def mutation_positions(self, node: Any) -> Any:
        if self._matches(node):
            yield node.children[0].start_pos, node.children[2].end_pos

    def mutate(self, node: Any, index: int) -> Any:
        return _exchange(node, 0, 2)

    def _matches(self, node: Any) -> bool:
        children = _children(node, "arglist")
        if len(children) < 3 or "argument" in (children[0].type, children[2].type):
            return False
        if _text(node.parent.parent.children[0]) in self.LEFT_OUT:
            return False
        return _text(children[0]) != _text(children[2])

    @classmethod
    def examples(cls) -> Any:
        return (Example("x = f(a, b, c)", "x = f(b, a, c)"),)


@final
class DropTranspose(Operator):
    """``a.mT``, ``a.mH`` and ``a.T`` become ``a``."""

    def mutation_positions(self, node: Any) -> Any:
        children = _children(node, "trailer")
        if len(children) == 2 and _text(children[1]) in ("mT", "mH", "T"):
            yield _span(node)

    def mutate(self, node: Any, index: int) -> Any:
        return None

    @classmethod
    def examples(cls) -> Any:
        return (Example("x = a @ b.mT", "x = a @ b"),)


@final
class DropCall(Operator):
    """``a.sqrt()`` becomes ``a``; so do roots, squares, logarithms, exponentials, conjugates and absolute values."""

    NAMES = frozenset({"sqrt", "rsqrt", "square", "exp", "log", "abs", "conj", "neg", "reciprocal", "acos", "atan"})

    def mutation_positions(self, node: Any) -> Any:
        yield from [(node.children[i].start_pos, node.children[i + 1].end_pos) for i in self._calls(node)]

    def mutate(self, node: Any, index: int) -> Any:
        i = list(self._calls(node))[index]
        return _take(node, i, i + 1)

    def _calls(self, node: NodeOrLeaf) -> Iterator[int]:
        children = _children(node, "atom_expr")
        for i in range(1, len(children) - 1):
            name = _text(children[i])
            if name.startswith(".") and name[1:] in self.NAMES and _text(children[i + 1]) == "()":
                yield i

    @classmethod
    def examples(cls) -> Any:
        return (Example("x = a.sqrt() + b", "x = a + b"),)


@final
class ReplaceAttribute(Operator):
    """``a.sin`` becomes ``a.cos``, ``schedule.alpha`` becomes ``schedule.beta``, and the like."""

    PAIRS = (
        ("sin", "cos"),
        ("sinh", "cosh"),
        ("exp", "log"),
        ("alpha", "beta"),
        ("d_alpha", "d_beta"),
        ("min", "max"),
        ("amin", "amax"),
        ("argmin", "argmax"),
        ("sum", "mean"),
        ("zeros", "ones"),
        ("any", "all"),
        ("real", "imag"),
        ("floor", "ceil"),
        ("minimum", "maximum"),
        ("vertical_projection", "horizontal_projection"),
        ("score", "velocity"),
    )
    OTHER = MappingProxyType({a: b for pair in PAIRS for a, b in (pair, pair[::-1])})

    def mutation_positions(self, node: Any) -> Any:
        children = _children(node, "trailer")
        if len(children) == 2 and _text(children[1]) in self.OTHER:
            yield _span(children[1])

    def mutate(self, node: Any, index: int) -> Any:
        node.children[1].value = self.OTHER[node.children[1].value]
        return node

    @classmethod
    def examples(cls) -> Any:
        return (Example("x = s.alpha(t)", "x = s.beta(t)"),)


# Replacements that a slip could make. What is left out of cosmic-ray's list mostly raises at once on tensors (shifts,
# bitwise operators on floats) and would flatter the rate.
_BINARY = {
    "Add": ("Sub", "Mul"),
    "Sub": ("Add", "Div"),
    "Mul": ("Div", "Add", "Pow"),
    "Div": ("Mul", "Sub"),
    "Pow": ("Mul", "Div"),
    "FloorDiv": ("Div", "Mul"),
    "Mod": ("FloorDiv", "Mul"),
    "BitAnd": ("BitOr", "BitXor"),
    "BitOr": ("BitAnd", "BitXor"),
}
_COMPARISON = {
    "Eq": ("NotEq", "LtE", "GtE"),
    "NotEq": ("Eq", "Lt", "Gt"),
    "Lt": ("LtE", "GtE", "NotEq"),
    "LtE": ("Lt", "Gt", "Eq"),
    "Gt": ("GtE", "LtE", "NotEq"),
    "GtE": ("Gt", "Lt", "Eq"),
    "Is": ("IsNot",),
    "IsNot": ("Is",),
}
_OTHERS = (
    "ReplaceUnaryOperator_Delete_USub",
    "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not",
    "AddNot",
    "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue",
    "ReplaceAndWithOr",
    "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue",
    "ReplaceContinueWithBreak",
    "NumberReplacer",
    "ZeroIterationForLoop",
)


def operators() -> dict[str, Operator]:
    """All operators by their names, in a fixed order."""
    names = [f"ReplaceBinaryOperator_{a}_{b}" for a, targets in _BINARY.items() for b in targets]
    names += [f"ReplaceComparisonOperator_{a}_{b}" for a, targets in _COMPARISON.items() for b in targets]
    theirs = {name: get_operator(f"core/{name}")() for name in (*names, *_OTHERS)}
    ours = (DropTerm, SwapFactors, SwapArguments, DropTranspose, DropCall, ReplaceAttribute)
    return {**theirs, **{cls.__name__: cls() for cls in ours}}
