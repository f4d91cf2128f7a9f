"""Numbers in place of symbols, with forty digits: what is zero, and which fields are independent."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import mpmath
import sympy as sp

from quotient.symbolic.errors import SymbolicError

DIGITS = 40
_ZERO = mpmath.mpf(10) ** -25
_WINDOWS = ((0.15, 0.95), (1.1, 2.9), (-0.9, -0.1), (-2.9, 2.9), (3.0, 6.0))
_TRIES = 8

Number: TypeAlias = Any  # mpmath.mpf and mpmath.matrix are values, not types, to a type checker.
Numbers: TypeAlias = Any
Point: TypeAlias = tuple[Number, ...]


def compile_exact(symbols: Sequence[sp.Symbol], matrix: sp.MatrixBase) -> Callable[[Point], Numbers]:
    """The matrix as a function of numbers; ValueError where an entry is not a finite real number."""
    function = sp.lambdify(list(symbols), matrix.flat(), modules="mpmath", cse=True)
    rows, columns = matrix.shape

    def evaluate(point: Point) -> Numbers:
        result = mpmath.matrix(rows, columns)
        try:
            with mpmath.workdps(DIGITS):
                values = [mpmath.mpmathify(value) for value in function(*point)]
        except (ZeroDivisionError, TypeError) as error:
            raise ValueError("undefined there") from error
        for k, value in enumerate(values):
            if abs(mpmath.im(value)) > _ZERO * (1 + abs(value)) or not mpmath.isfinite(value):
                raise ValueError("not a finite real number")
            result[k // columns, k % columns] = mpmath.re(value)
        return result

    return evaluate


def _candidates(symbols: Sequence[sp.Symbol]) -> Iterator[Point]:
    rng = random.Random(0)
    for low, high in _WINDOWS:
        for _ in range(_TRIES):
            values = [mpmath.mpf(rng.uniform(low, high)) for _ in symbols]
            yield tuple(
                abs(v) if s.is_nonnegative else -abs(v) if s.is_nonpositive else v
                for v, s in zip(values, symbols, strict=True)
            )


def evaluate_at_random(
    symbols: Sequence[sp.Symbol], matrices: Sequence[sp.MatrixBase], *, count: int = 3
) -> list[tuple[Point, list[Numbers]]]:
    """Values of the matrices at `count` random points where all of them are real and finite.

    Raises:
        SymbolicError: when no such points are found between -6 and 6.
    """
    functions = [compile_exact(symbols, matrix) for matrix in matrices]
    found: list[tuple[Point, list[Numbers]]] = []
    for point in _candidates(symbols):
        try:
            found.append((point, [function(point) for function in functions]))
        except ValueError:
            continue
        if len(found) == count:
            return found
    raise SymbolicError(
        f"got expressions that are not finite real numbers at random values of {', '.join(map(str, symbols))} between "
        "-6 and 6: check them, and declare signs as in symbols('r', positive=True)"
    )


def size(matrix: Numbers) -> Number:
    """The largest absolute entry."""
    return max((abs(value) for value in matrix), default=mpmath.mpf(0))


def is_zero(matrix: Numbers, scale: Number = 1) -> bool:
    """Whether all entries are rounding noise beside 1 + scale."""
    return size(matrix) < _ZERO * (1 + scale)


def vanishes(symbols: Sequence[sp.Symbol], matrix: sp.MatrixBase) -> bool:
    """Whether the matrix of expressions is zero at random points, hence everywhere if it is analytic."""
    return all(is_zero(values[0]) for _, values in evaluate_at_random(symbols, [matrix]))


def independent_columns(matrix: Numbers) -> tuple[int, ...]:
    """Indices of the first columns that span the rest, by Gram-Schmidt."""
    chosen: list[int] = []
    frame: list[Numbers] = []
    with mpmath.workdps(DIGITS):
        for k in range(matrix.cols):
            column = matrix[:, k]
            length = mpmath.norm(column)
            for _ in range(2):
                for vector in frame:
                    column = column - vector * (vector.T * column)[0]
            rest = mpmath.norm(column)
            if rest > mpmath.mpf(10) ** -20 * (1 + length):
                chosen.append(k)
                frame.append(column / rest)
    return tuple(chosen)
