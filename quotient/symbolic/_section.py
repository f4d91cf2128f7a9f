"""Sections of the quotient: a point x = s(q) on the orbit with invariants q."""

from __future__ import annotations

from itertools import combinations, islice

import mpmath
import sympy as sp

from quotient.symbolic._sampling import DIGITS, Point, compile_exact, is_zero, size
from quotient.symbolic.action import Chart, Vector
from quotient.symbolic.errors import SymbolicError

_MAX_PLANES = 20
_MAX_OPS = 40
_MAX_UNKNOWNS = 2


def find_section(
    chart: Chart, functions: sp.MatrixBase, names: tuple[sp.Symbol, ...], samples: list[Point], given: Vector | None
) -> sp.ImmutableMatrix:
    """The given section, checked; or one in a coordinate plane.

    Raises:
        SymbolicError: when the given section does not lie on the orbits that it names, or none is found.
    """
    if given is not None:
        section = sp.ImmutableMatrix([sp.sympify(entry) for entry in given])
        if section.rows != len(chart.coordinates):
            raise SymbolicError(f"got a section of {section.rows} entries for {len(chart.coordinates)} coordinates")
        foreign = section.free_symbols - set(names)
        if foreign:
            raise SymbolicError(f"got a section with {', '.join(map(str, foreign))}, which names no invariant")
        if not _inverts(chart, functions, names, samples, section):
            raise SymbolicError(f"f(s(q)) = q fails at random q for the section {tuple(section.flat())}: correct it")
        return section
    for plane in islice(combinations(range(len(chart.coordinates)), functions.rows), _MAX_PLANES):
        for candidate in _in_plane(chart, functions, names, plane):
            if _inverts(chart, functions, names, samples, candidate):
                return candidate
    raise SymbolicError(
        f"no section for {', '.join(map(str, names))} was found in a coordinate plane: give section=, a point of M for "
        "every value of the invariants"
    )


def _inverts(
    chart: Chart, functions: sp.MatrixBase, names: tuple[sp.Symbol, ...], samples: list[Point], section: sp.MatrixBase
) -> bool:
    forward, back = compile_exact(chart.coordinates, functions), compile_exact(names, section)
    for sample in samples:
        try:
            there = forward(tuple(back(sample)))
        except ValueError:
            return False
        with mpmath.workdps(DIGITS):
            if not is_zero(there - mpmath.matrix(sample), size(there)):
                return False
    return True


def _in_plane(
    chart: Chart, functions: sp.MatrixBase, names: tuple[sp.Symbol, ...], plane: tuple[int, ...]
) -> list[sp.ImmutableMatrix]:
    """Points with coordinates zero outside the plane, where equations are small enough to be solved."""
    unknowns = [chart.coordinates[k] for k in plane]
    rest = {x: 0 for k, x in enumerate(chart.coordinates) if k not in plane}
    equations = [sp.simplify(f.subs(rest)) - name for f, name in zip(functions.flat(), names, strict=True)]
    solvable = len(plane) <= _MAX_UNKNOWNS and sum(e.count_ops() for e in equations) <= _MAX_OPS
    if not solvable or any(e.has(sp.nan, sp.zoo, sp.oo) for e in equations):
        return []
    try:
        solutions = sp.solve(equations, unknowns, dict=True)
    except NotImplementedError:
        return []
    return [
        sp.ImmutableMatrix([solution.get(x, 0) if x in unknowns else 0 for x in chart.coordinates])
        for solution in solutions
        if not any(value.has(*unknowns) or value.has(sp.Piecewise) for value in solution.values())
    ]
