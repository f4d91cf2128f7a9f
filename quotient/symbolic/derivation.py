"""Everything that follows from a group action, as formulas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import sympy as sp

from quotient.symbolic._checks import check_action
from quotient.symbolic._latex import derivation_latex, derivation_text
from quotient.symbolic._linear import adjugate, inverse, pseudo_determinant
from quotient.symbolic._sampling import evaluate_at_random, independent_columns, vanishes
from quotient.symbolic._simplify import tidy, tidy_matrix
from quotient.symbolic._torch import DerivationFunctions, compile_derivation
from quotient.symbolic.action import Chart, Image, SymbolicAction, Vector
from quotient.symbolic.process import ProcessGenerator, derive_process


@final
@dataclass(frozen=True)
class Derivation:
    """What the action of G on (M, g) implies, in coordinates and at generic points.

    With v_1, ..., v_k the first generators that span the rest, V their matrix and K = V^T g V,

        P_V = V K^-1 V^T g,   P = 1 - P_V
        H   = -1/2 P sum_ab (K^-1)_ab grad K_ab = -1/2 P grad log det K

    The v_a are Killing fields, so the middle expression is the trace of the second fundamental form of the orbit and
    equals -1/2 P A^+_ab grad A_ab with the Gram matrix A of all generators: the trace does not depend on the spanning
    set. It is right with stabilisers and for groups that are not unimodular, where -grad log vol is not.

    Formulas are derived when they are first asked for. Simplification has bounded effort: large expressions stay as
    they are.

    Attributes:
        chart: coordinates, all generators, metric.
        basis_indices: which generators form the vertical basis.
    """

    chart: Chart
    basis_indices: tuple[int, ...]

    @property
    def coordinates(self) -> tuple[sp.Symbol, ...]:
        """The n coordinates."""
        return self.chart.coordinates

    @property
    def generators(self) -> sp.ImmutableMatrix:
        """All generators, n x m."""
        return self.chart.generators

    @property
    def metric(self) -> sp.ImmutableMatrix:
        """The metric g, n x n."""
        return self.chart.metric

    @property
    def orbit_dimension(self) -> int:
        """Dimension k of the orbits of generic points."""
        return len(self.basis_indices)

    @property
    def stabilizer_dimension(self) -> int:
        """Dimension of the group minus that of its orbits."""
        return self.generators.cols - self.orbit_dimension

    @cached_property
    def vertical_basis(self) -> sp.ImmutableMatrix:
        """Independent generators, n x k; a basis of the vertical space at generic points."""
        return sp.ImmutableMatrix(self.generators[:, list(self.basis_indices)])

    @cached_property
    def gram(self) -> sp.ImmutableMatrix:
        """Gram matrix A_ab = <xi_a, xi_b> of all generators, m x m."""
        return tidy_matrix(self.generators.T * self.metric * self.generators)

    @cached_property
    def inverse_metric(self) -> sp.ImmutableMatrix:
        """g^-1, n x n."""
        return inverse(self.metric)

    @cached_property
    def _adjugate(self) -> tuple[sp.ImmutableMatrix, sp.Expr]:
        chosen = list(self.basis_indices)
        return adjugate(self.gram[chosen, chosen])

    @cached_property
    def orbit_volume(self) -> sp.Expr:
        """Volume of the orbit up to a constant factor; for groups that are not compact its density.

        sqrt(pdet A) times the volume density of the stabiliser in ``stabilizer_form``.
        """
        rank = self.orbit_dimension
        squared = self._adjugate[1] if self.stabilizer_dimension == 0 else pseudo_determinant(self.gram, rank)
        if self.stabilizer_dimension and self.chart.stabilizer_form is not None:
            null = self._stabilizer_basis()
            squared *= (null.T * self.chart.stabilizer_form * null).det() / (null.T * null).det()
        return tidy(sp.sqrt(sp.factor(tidy(squared))))

    def _stabilizer_basis(self) -> sp.Matrix:
        """Null space of the Gram matrix, m x (m - k)."""
        chosen = list(self.basis_indices)
        others = [a for a in range(self.generators.cols) if a not in chosen]
        adjoint, determinant = self._adjugate
        null = sp.zeros(self.generators.cols, len(others))
        null[chosen, :] = -(adjoint * self.gram[chosen, others]).applyfunc(lambda entry: tidy(entry / determinant))
        null[others, :] = sp.eye(len(others))
        return null

    @cached_property
    def log_orbit_volume(self) -> sp.Expr:
        """Logarithm of :attr:`orbit_volume`."""
        return sp.log(self.orbit_volume)

    @cached_property
    def volume_is_invariant(self) -> bool:
        """Whether the orbit volume is constant along orbits.

        Not so when the group is not unimodular, or when ``stabilizer_form`` is not Ad-invariant: then only the mean
        curvature means anything.
        """
        slopes = sp.Matrix([self.log_orbit_volume]).jacobian(self.coordinates) * self.generators
        return vanishes(self.coordinates, slopes)

    @cached_property
    def vertical_projector(self) -> sp.ImmutableMatrix:
        """P_V, n x n: the vertical part of v is P_V v."""
        adjoint, determinant = self._adjugate
        basis = self.vertical_basis
        numerators = basis * adjoint * basis.T * self.metric
        return sp.ImmutableMatrix(numerators.applyfunc(lambda entry: tidy(entry / determinant)))

    @cached_property
    def horizontal_projector(self) -> sp.ImmutableMatrix:
        """P = 1 - P_V, n x n."""
        return tidy_matrix(sp.eye(len(self.coordinates)) - self.vertical_projector)

    @cached_property
    def mean_curvature(self) -> sp.ImmutableMatrix:
        """H, n x 1: contravariant components of the mean curvature vector of the orbit."""
        adjoint, determinant = self._adjugate
        slope = sp.Matrix([sp.diff(determinant, x) for x in self.coordinates]) / determinant
        along = (self.vertical_basis.T * slope).applyfunc(tidy)
        vertical = self.vertical_basis * (adjoint * along) / determinant
        gradient = self.inverse_metric * slope
        return tidy_matrix(-(gradient - vertical) / 2)

    def generator(
        self,
        invariants: Mapping[sp.Symbol, sp.Expr] | Sequence[sp.Expr],
        *,
        section: Vector | None = None,
    ) -> ProcessGenerator:
        """Generators of the two processes on the quotient in the coordinates q_i = f_i(x).

        Args:
            invariants: names and expressions, ``{r: sqrt(x**2 + y**2)}``; or expressions alone, and the result is
                written in the coordinates of M.
            section: a point x = s(q) on every orbit, n expressions in the names. Without one, sections with
                constant coordinates are tried.

        Raises:
            SymbolicError: when a function is not invariant, no section is found, or the result is not a function of
                the invariants (too few of them, or a section that leaves the domain).
        """
        return derive_process(self, invariants, section)

    def torch(self) -> DerivationFunctions:
        """Functions of x ``[..., n]``, batched over the leading axes."""
        return compile_derivation(self)

    def latex(self) -> str:
        """All formulas as an `align*` environment."""
        return derivation_latex(self)

    def __str__(self) -> str:
        return derivation_text(self)


def derive(
    coordinates: SymbolicAction | Sequence[sp.Symbol] | sp.MatrixBase,
    parameters: Sequence[sp.Symbol] = (),
    image: Image | None = None,
    identity: Sequence[sp.Expr | int | float] | None = None,
    *,
    generators: sp.MatrixBase | None = None,
    metric: sp.MatrixBase | None = None,
    stabilizer_form: sp.MatrixBase | None = None,
) -> Derivation:
    """Derive vertical space, Gram matrix, orbit volume, mean curvature, projectors and generators from an action.

    Args:
        coordinates: a :class:`SymbolicAction`, or its coordinates with the other arguments described there.
        parameters: group parameters of ``image``.
        image: g x in parameters and coordinates.
        identity: values of the parameters at the identity; zeros by default.
        generators: vector fields as columns, instead of ``image``.
        metric: the identity by default.
        stabilizer_form: see :class:`SymbolicAction`.

    Raises:
        SymbolicError: when the description is incomplete or contradicts itself, the vector fields do not close under
            brackets, or the metric is not positive definite.
        ClaimError: when the action is not isometric.

    Example:
        >>> from sympy import Matrix, symbols
        >>> x, y = symbols("x y", real=True)
        >>> derive((x, y), generators=Matrix([-y, x])).mean_curvature.T
        Matrix([[-x/(x**2 + y**2), -y/(x**2 + y**2)]])
    """
    if isinstance(coordinates, SymbolicAction):
        action = coordinates
    else:
        action = SymbolicAction(
            coordinates, parameters, image, identity, generators, metric, stabilizer_form=stabilizer_form
        )
    chart = action.chart
    check_action(chart)
    ranks = [independent_columns(values[0]) for _, values in evaluate_at_random(chart.coordinates, [chart.generators])]
    return Derivation(chart=chart, basis_indices=max(ranks, key=len))
