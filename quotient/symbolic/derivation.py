"""Everything that follows from a group action, as formulas."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportReturnType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import sympy as sp

from quotient.symbolic._checks import check_action
from quotient.symbolic._linear import inverse
from quotient.symbolic._printing import Row, align, lines
from quotient.symbolic._projection import derive_process
from quotient.symbolic._sampling import evaluate_at_random, independent_columns, vanishes
from quotient.symbolic._simplify import tidy, tidy_matrix
from quotient.symbolic._stages import StagedInverse
from quotient.symbolic._torch import DerivationFunctions, compile_tensor
from quotient.symbolic._volume import orbit_volume
from quotient.symbolic.action import Chart, Image, SymbolicAction, Vector
from quotient.symbolic.process import ProcessGenerator

_NOT_INVARIANT = ("\\sqrt{\\operatorname{pdet} A}", "sqrt(pdet), not invariant")


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
    def _inverse_gram(self) -> StagedInverse:
        chosen = list(self.basis_indices)
        return StagedInverse(self.gram[chosen, chosen])

    @cached_property
    def orbit_volume(self) -> sp.Expr:
        """Volume of the orbit up to a constant factor; for groups that are not compact its density.

        sqrt(pdet A) times the volume density of the stabiliser in ``stabilizer_form``.
        """
        return orbit_volume(self.gram, self.basis_indices, self.chart.stabilizer_form)

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
        inner = self._inverse_gram.conjugate(self.vertical_basis)
        return inner if self.metric == sp.eye(self.metric.rows) else tidy_matrix(inner * self.metric)

    @cached_property
    def horizontal_projector(self) -> sp.ImmutableMatrix:
        """P = 1 - P_V, n x n."""
        vertical = self.vertical_projector
        return sp.ImmutableMatrix(
            vertical.rows, vertical.cols, lambda i, j: tidy(1 - vertical[i, i]) if i == j else -vertical[i, j]
        )

    @cached_property
    def mean_curvature(self) -> sp.ImmutableMatrix:
        """H, n x 1: contravariant components of the mean curvature vector of the orbit."""
        determinant = self._inverse_gram.determinant
        slope = sp.Matrix([sp.diff(determinant, x) for x in self.coordinates]) / determinant
        gradient = self.inverse_metric * slope
        if not vanishes(self.coordinates, self.vertical_basis.T * slope):
            gradient -= self.vertical_projector * gradient
        return tidy_matrix(-gradient / 2)

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
        return derive_process(
            self.chart, self.gram, self.inverse_metric, invariants, section, with_volume=self.volume_is_invariant
        )

    def torch(self) -> DerivationFunctions:
        """Functions of x ``[..., n]``, batched over the leading axes; each formula is derived at its first call."""
        x, n, m = self.coordinates, len(self.coordinates), self.generators.cols
        return DerivationFunctions(
            generators=compile_tensor(x, lambda: self.generators.T.flat(), (m, n)),
            gram=compile_tensor(x, lambda: self.gram.flat(), (m, m)),
            log_orbit_volume=compile_tensor(x, lambda: [self.log_orbit_volume], ()),
            mean_curvature=compile_tensor(x, lambda: self.mean_curvature.flat(), (n,)),
            vertical_projector=compile_tensor(x, lambda: self.vertical_projector.flat(), (n, n)),
            horizontal_projector=compile_tensor(x, lambda: self.horizontal_projector.flat(), (n, n)),
        )

    def _rows(self) -> list[Row]:
        volume = ("\\operatorname{vol}", "orbit volume") if self.volume_is_invariant else _NOT_INVARIANT
        return [
            ("x", "coordinates", sp.Matrix(self.coordinates)),
            ("g", "metric", self.metric),
            ("\\xi", "generators", self.generators),
            ("V", "vertical basis", self.vertical_basis),
            ("A", "Gram matrix", self.gram),
            (*volume, self.orbit_volume),
            ("H", "mean curvature", self.mean_curvature),
            ("P_V", "vertical projector", self.vertical_projector),
            ("P", "horizontal projector", self.horizontal_projector),
        ]

    def latex(self) -> str:
        """All formulas as an `align*` environment."""
        return align(self._rows())

    def __str__(self) -> str:
        return lines(self._rows())


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
