"""What a user writes down: coordinates, a metric, and the action or its vector fields."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

import sympy as sp

from quotient.symbolic._sampling import vanishes
from quotient.symbolic._simplify import tidy_matrix
from quotient.symbolic.errors import SymbolicError

Vector: TypeAlias = Sequence[sp.Expr | int | float] | sp.MatrixBase
Image: TypeAlias = Vector | Callable[[tuple[sp.Symbol, ...], tuple[sp.Symbol, ...]], Vector]


@final
@dataclass(frozen=True, kw_only=True)
class Chart:
    """Checked input of a derivation.

    Attributes:
        coordinates: n real symbols.
        generators: n x m, the vector field xi_a in column a.
        metric: n x n.
        stabilizer_form: m x m, an inner product of the Lie algebra that is Ad-invariant on stabilisers, or None for
            the identity.
    """

    coordinates: tuple[sp.Symbol, ...]
    generators: sp.ImmutableMatrix
    metric: sp.ImmutableMatrix
    stabilizer_form: sp.ImmutableMatrix | None = None


@final
@dataclass(frozen=True)
class SymbolicAction:
    """A group action in coordinates, by its formula or by its vector fields.

    Either ``parameters`` and ``image`` are given, and the generators are d/d(parameter) of the image at the identity,
    or ``generators`` are.

    Args:
        coordinates: n real sympy symbols (a matrix of symbols is read row by row).
        parameters: group parameters near the identity.
        image: g x, n expressions in parameters and coordinates, or a function (parameters, coordinates) of them.
        identity: values of the parameters at the identity; zeros by default.
        generators: n x m matrix, one vector field a column.
        metric: n x n matrix; the identity by default.
        invariants: names and expressions of invariant functions, ``{r: sqrt(x**2 + y**2)}``.
        section: n expressions in the names of the invariants, one point on every orbit.
        stabilizer_form: m x m, see :class:`Chart`; only the orbit volume of actions with stabilisers depends on it.

    Raises:
        SymbolicError: when the description is incomplete or contradicts itself.

    Example:
        >>> from sympy import Matrix, cos, sin, sqrt, symbols
        >>> x, y, t = symbols("x y t", real=True)
        >>> r = symbols("r", positive=True)
        >>> rotation = Matrix([[cos(t), -sin(t)], [sin(t), cos(t)]])
        >>> SymbolicAction((x, y), (t,), rotation * Matrix([x, y]), invariants={r: sqrt(x**2 + y**2)}).chart.generators
        Matrix([
        [-y],
        [ x]])
    """

    coordinates: Sequence[sp.Symbol] | sp.MatrixBase
    parameters: Sequence[sp.Symbol] = ()
    image: Image | None = None
    identity: Sequence[sp.Expr | int | float] | None = None
    generators: sp.MatrixBase | None = None
    metric: sp.MatrixBase | None = None
    invariants: Mapping[sp.Symbol, sp.Expr] | None = None
    section: Vector | None = None
    stabilizer_form: sp.MatrixBase | None = None

    def __post_init__(self) -> None:
        symbols = tuple(self.coordinates)
        if not symbols or not all(isinstance(s, sp.Symbol) and s.is_real for s in symbols):
            raise SymbolicError(f"got coordinates {symbols}: they must be real symbols, symbols('x y', real=True)")
        if len(set(symbols)) < len(symbols):
            raise SymbolicError(f"got coordinates {symbols}: one of them occurs twice")
        if (self.image is None) == (self.generators is None):
            raise SymbolicError("give either the image with its parameters, or the generators")
        if self.image is not None and not self.parameters:
            raise SymbolicError("got an image without parameters: name the symbols of the group in parameters=")

    @property
    def chart(self) -> Chart:
        """The generators, and everything else in checked form.

        Raises:
            SymbolicError: when sizes do not fit, or the image at the identity is not x.
        """
        symbols = tuple(self.coordinates)
        n = len(symbols)
        fields = self._fields(symbols) if self.generators is None else sp.ImmutableMatrix(self.generators)
        _check_shape("generators", fields, (n, fields.cols))
        metric = sp.eye(n) if self.metric is None else self.metric
        _check_shape("metric", metric, (n, n))
        form = self.stabilizer_form
        if form is not None:
            _check_shape("stabilizer_form", form, (fields.cols, fields.cols))
        for name, matrix in (("generators", fields), ("metric", metric)):
            foreign = matrix.free_symbols - set(symbols)
            if foreign:
                raise SymbolicError(
                    f"got {name} with {', '.join(sorted(map(str, foreign)))}, no coordinates: give them values"
                )
        return Chart(
            coordinates=symbols,
            generators=fields,
            metric=sp.ImmutableMatrix(metric),
            stabilizer_form=None if form is None else sp.ImmutableMatrix(form),
        )

    def _fields(self, symbols: tuple[sp.Symbol, ...]) -> sp.ImmutableMatrix:
        parameters = tuple(self.parameters)
        image = self.image(parameters, symbols) if callable(self.image) else self.image
        if image is None or len(list(image)) != len(symbols):
            raise SymbolicError(
                f"got an image of {len(list(image or ()))} entries for {len(symbols)} coordinates: one for each"
            )
        column = sp.Matrix([sp.sympify(entry) for entry in image])
        values = [0] * len(parameters) if self.identity is None else list(self.identity)
        if len(values) != len(parameters):
            raise SymbolicError(f"got {len(values)} values of the identity for {len(parameters)} parameters")
        identity = dict(zip(parameters, map(sp.sympify, values), strict=True))
        if not vanishes(symbols, column.subs(identity) - sp.Matrix(symbols)):
            raise SymbolicError("the image at the identity is not x: check the values in identity=")
        return tidy_matrix(column.jacobian(parameters).subs(identity))


def _check_shape(name: str, matrix: sp.MatrixBase, shape: tuple[int, int]) -> None:
    if matrix.shape != shape:
        raise SymbolicError(f"got {name} of shape {matrix.shape}, expected {shape}")
