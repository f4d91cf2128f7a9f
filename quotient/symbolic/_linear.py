"""Determinants and adjugates without division, on sympy's sparse polynomials."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportReturnType=false, reportAssignmentType=false

from __future__ import annotations

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from quotient.symbolic._simplify import tidy


class _Opaque:
    """Roots and functions replaced by symbols, so that entries become polynomials or fractions."""

    def __init__(self) -> None:
        self._symbols: dict[sp.Expr, sp.Dummy] = {}

    def hide(self, expression: sp.Expr) -> sp.Expr:
        if expression.is_Symbol or expression.is_Rational:
            return expression
        if expression.is_Add or expression.is_Mul:
            return expression.func(*map(self.hide, expression.args))
        base, exponent = expression.as_base_exp()
        if exponent.is_Integer and exponent != 1:
            return self.hide(base) ** exponent
        if exponent.is_Rational and exponent != 1:
            return self._symbol(base ** sp.Rational(1, exponent.q)) ** exponent.p
        return self._symbol(expression)

    def _symbol(self, expression: sp.Expr) -> sp.Dummy:
        return self._symbols.setdefault(expression, sp.Dummy())

    def show(self, expression: sp.Expr) -> sp.Expr:
        return expression.xreplace({symbol: hidden for hidden, symbol in self._symbols.items()})

    def domain_matrix(self, matrix: sp.MatrixBase) -> DomainMatrix:
        return DomainMatrix.from_Matrix(sp.Matrix(matrix).applyfunc(self.hide))


def adjugate(matrix: sp.MatrixBase) -> tuple[sp.ImmutableMatrix, sp.Expr]:
    """Adjugate and determinant: inverse = adjugate / determinant. Cost O(n^4) products of entries."""
    if matrix.rows == 0:
        return sp.ImmutableMatrix(0, 0, []), sp.S.One
    opaque = _Opaque()
    adjoint, determinant = opaque.domain_matrix(matrix).adj_det()
    shown = adjoint.to_Matrix().applyfunc(opaque.show)
    return sp.ImmutableMatrix(shown), tidy(opaque.show(adjoint.domain.to_sympy(determinant)))


def pseudo_determinant(matrix: sp.MatrixBase, rank: int) -> sp.Expr:
    """Product of the nonzero eigenvalues of a symmetric matrix of this rank: a sum of principal minors."""
    if rank == 0:
        return sp.S.One
    opaque = _Opaque()
    hidden = opaque.domain_matrix(matrix)
    return tidy((-1) ** rank * opaque.show(hidden.domain.to_sympy(hidden.charpoly()[rank])))


def inverse(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
    """The inverse, entry by entry in a short form."""
    if matrix.is_diagonal():
        return sp.ImmutableMatrix(sp.diag(*(1 / matrix[i, i] for i in range(matrix.rows))))
    adjoint, determinant = adjugate(matrix)
    return sp.ImmutableMatrix(adjoint.applyfunc(lambda entry: tidy(entry / determinant)))
