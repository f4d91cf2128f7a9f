"""Computation of the generators on the quotient."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import mpmath
import sympy as sp

from quotient.symbolic._sampling import (
    DIGITS,
    Numbers,
    Point,
    compile_exact,
    evaluate_at_random,
    independent_columns,
    is_zero,
    size,
)
from quotient.symbolic._section import find_section
from quotient.symbolic._simplify import open_roots, tidy, tidy_matrix
from quotient.symbolic._stages import StagedInverse
from quotient.symbolic._volume import orbit_volume
from quotient.symbolic.action import Chart, Vector
from quotient.symbolic.errors import SymbolicError
from quotient.symbolic.process import ProcessGenerator

Basis: TypeAlias = tuple[int, ...]


@final
@dataclass(frozen=True)
class _Ingredients:
    """Expressions in the coordinates of M that all results are made of: k functions f, n coordinates, m generators.

    Attributes:
        gram: m x m.
        gram_slopes: its n derivatives.
        fields: generators, n x m.
        inverse_metric: n x n.
        gradients: column i is grad f_i, n x k.
        differentials: k x n.
        laplacians: Lap_M f_i, k x 1.
    """

    gram: sp.ImmutableMatrix
    gram_slopes: tuple[sp.ImmutableMatrix, ...]
    fields: sp.ImmutableMatrix
    inverse_metric: sp.ImmutableMatrix
    differentials: sp.ImmutableMatrix
    gradients: sp.ImmutableMatrix
    laplacians: sp.ImmutableMatrix

    def for_check(self) -> list[sp.MatrixBase]:
        """Gram matrix, differentials, gradients, Laplacians, slopes of the Gram matrix."""
        return [self.gram, self.differentials, self.gradients, self.laplacians, *self.gram_slopes]


def _ingredients(chart: Chart, gram: sp.MatrixBase, inverse: sp.MatrixBase, functions: sp.MatrixBase) -> _Ingredients:
    x = chart.coordinates
    differentials = functions.jacobian(x)
    density = [sp.diff(sp.log(tidy(chart.metric.det())), symbol) / 2 for symbol in x]
    pairs = [(i, j) for i in range(len(x)) for j in range(len(x)) if inverse[i, j] != 0]

    def laplacian(f: sp.Expr) -> sp.Expr:
        return sp.Add(
            *(inverse[i, j] * sp.diff(f, x[i], x[j]) for i, j in pairs),
            *((inverse[i, j].diff(x[i]) + inverse[i, j] * density[i]) * sp.diff(f, x[j]) for i, j in pairs),
        )

    return _Ingredients(
        gram=sp.ImmutableMatrix(gram),
        gram_slopes=tuple(sp.ImmutableMatrix(gram.diff(symbol)) for symbol in x),
        fields=chart.generators,
        inverse_metric=sp.ImmutableMatrix(inverse),
        differentials=sp.ImmutableMatrix(differentials),
        gradients=sp.ImmutableMatrix(inverse * differentials.T),
        laplacians=sp.ImmutableMatrix([laplacian(f) for f in functions.flat()]),
    )


@final
@dataclass(frozen=True)
class _Coefficients:
    """a, b, <H, grad f>, and H itself, at the section."""

    diffusion: sp.ImmutableMatrix
    drift: sp.ImmutableMatrix
    curvature: sp.ImmutableMatrix
    vector: sp.ImmutableMatrix


def derive_process(
    chart: Chart,
    gram: sp.MatrixBase,
    inverse_metric: sp.MatrixBase,
    invariants: Mapping[sp.Symbol, sp.Expr] | Sequence[sp.Expr],
    section: Vector | None,
    *,
    with_volume: bool,
) -> ProcessGenerator:
    """See :meth:`Derivation.generator`."""
    named = isinstance(invariants, Mapping)
    functions = sp.ImmutableMatrix([sp.sympify(f) for f in (invariants.values() if named else invariants)])
    names = tuple(invariants) if named else chart.coordinates
    _check_names(chart, functions, names if named else ())
    ingredients = _ingredients(chart, gram, inverse_metric, functions)
    points = evaluate_at_random(
        chart.coordinates, [functions, functions.jacobian(chart.coordinates) * chart.generators]
    )
    for _, (_, change) in points:
        moved = [i for i in range(functions.rows) if not is_zero(change[i, :])]
        if moved:
            raise SymbolicError(f"{functions[moved[0]]} is not invariant: it changes along the orbits")
    if named:
        samples = [tuple(values[0]) for _, values in points]
        starts = [point for point, _ in points]
        place = find_section(chart, functions, names, samples, section)
    else:
        samples = starts = [point for point, _ in points]
        place = sp.ImmutableMatrix(chart.coordinates)
    sample = {name: sp.Float(str(value), DIGITS) for name, value in zip(names, samples[0], strict=True)}
    at_section = dict(zip(chart.coordinates, place.flat(), strict=True)) if named else {}

    def pull(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
        def entry(expression: sp.Expr) -> sp.Expr:
            return tidy(open_roots(expression.subs(at_section, simultaneous=True), sample) if named else expression)

        return sp.ImmutableMatrix(matrix.applyfunc(entry))

    pulled = pull(ingredients.gram)
    basis = independent_columns(compile_exact(names, pulled)(samples[0]))
    generic = independent_columns(compile_exact(chart.coordinates, ingredients.gram)(starts[0]))
    if len(basis) < len(generic):
        raise SymbolicError(
            f"the section {tuple(place.flat())} lies in singular orbits, of dimension {len(basis)}: move it"
        )
    found = _coefficients(ingredients, pull, pulled, basis)
    if named:
        _check_descends(chart, ingredients, generic, found, names, starts, samples)
    volume = orbit_volume(pulled, basis, chart.stabilizer_form) if with_volume else None
    return ProcessGenerator(
        names=names,
        invariants=tuple(functions.flat()),
        diffusion=found.diffusion,
        drift=found.drift,
        curvature=found.curvature,
        section=place,
        gram=pulled,
        mean_curvature=found.vector,
        orbit_volume=None if volume is None else tidy(open_roots(volume, sample)),
        named=named,
    )


def _check_names(chart: Chart, functions: sp.MatrixBase, names: tuple[sp.Symbol, ...]) -> None:
    if functions.rows == 0:
        raise SymbolicError("got no invariants: there is no process to write down")
    foreign = functions.free_symbols - set(chart.coordinates)
    if foreign:
        raise SymbolicError(f"got invariants with {', '.join(map(str, foreign))}, which are no coordinates")
    clash = set(names) & set(chart.coordinates)
    if clash:
        raise SymbolicError(f"{', '.join(map(str, clash))} names an invariant and a coordinate: rename one of them")


def _coefficients(
    parts: _Ingredients, pull: Callable[[sp.MatrixBase], sp.ImmutableMatrix], gram: sp.MatrixBase, basis: Basis
) -> _Coefficients:
    """<H, grad f> = -1/2 tr(K^-1 dK(grad f)), with grad f horizontal."""
    chosen = list(basis)
    differentials, gradients = pull(parts.differentials), pull(parts.gradients)
    inverse = StagedInverse(gram[chosen, chosen]).matrix() if chosen else gram[chosen, chosen]
    log_slopes = [_contract(inverse, pull(slope[chosen, chosen])) for slope in parts.gram_slopes]
    slope = sp.Matrix(log_slopes)
    fields, raised = pull(parts.fields[:, chosen]), pull(parts.inverse_metric) * slope
    vertical = fields * (inverse * (fields.T * slope).applyfunc(tidy))
    return _Coefficients(
        diffusion=tidy_matrix(differentials * gradients),
        drift=tidy_matrix(pull(parts.laplacians) / 2),
        curvature=tidy_matrix(gradients.T * slope / -2),
        vector=tidy_matrix((vertical - raised) / 2),
    )


def _check_descends(
    chart: Chart,
    parts: _Ingredients,
    basis: Basis,
    found: _Coefficients,
    names: tuple[sp.Symbol, ...],
    starts: list[Point],
    samples: list[Point],
) -> None:
    """The formulas in invariants against the ones on M, at the random points themselves and not on the section."""
    on_base = [compile_exact(names, matrix) for matrix in (found.diffusion, found.drift, found.curvature)]
    on_total = [compile_exact(chart.coordinates, matrix) for matrix in parts.for_check()]
    for start, sample in zip(starts, samples, strict=True):
        gram, differentials, gradients, laplacians, *slopes = (function(start) for function in on_total)
        with mpmath.workdps(DIGITS):
            inverse = _minor(gram, basis) ** -1 if basis else gram
            log_slopes = mpmath.matrix([_trace(inverse * _minor(slope, basis)) for slope in slopes])
            truth = [differentials * gradients, laplacians / 2, gradients.T * log_slopes / -2]
            for name, function, value in zip(("diffusion", "drift", "curvature"), on_base, truth, strict=True):
                defect = function(sample) - value
                if not is_zero(defect, size(value)):
                    raise SymbolicError(
                        f"the {name} on M is not the one found on the section (difference "
                        f"{mpmath.nstr(size(defect), 4)}): it is no function of {', '.join(map(str, names))}; add "
                        "invariants, or give section= another branch"
                    )


def _contract(first: sp.MatrixBase, second: sp.MatrixBase) -> sp.Expr:
    """Trace of the product of two symmetric matrices."""
    return tidy(sp.Add(*(first[i, j] * entry for (i, j), entry in second.todok().items())))


def _minor(matrix: Numbers, chosen: Basis) -> Numbers:
    return mpmath.matrix([[matrix[a, b] for b in chosen] for a in chosen])


def _trace(matrix: Numbers) -> Numbers:
    return mpmath.fsum(matrix[k, k] for k in range(matrix.rows))
