"""Determinants and adjugates without division, on sympy's sparse polynomials."""

from __future__ import annotations

import sympy as sp
from sympy.polys.matrices import DomainMatrix

from quotient.symbolic._simplify import tidy


def adjugate(matrix: sp.MatrixBase) -> tuple[sp.ImmutableMatrix, sp.Expr]:
    """Adjugate and determinant: inverse = adjugate / determinant. Cost O(n^4) products."""
    if matrix.rows == 0:
        return sp.ImmutableMatrix(0, 0, []), sp.S.One
    adjoint, determinant = _domain_matrix(matrix).adj_det()
    return sp.ImmutableMatrix(adjoint.to_Matrix()), tidy(as_expression(determinant, adjoint))


def as_expression(element: object, like: DomainMatrix) -> sp.Expr:
    """An element of the domain of a matrix as an expression."""
    return like.domain.to_sympy(element)


def pseudo_determinant(matrix: sp.MatrixBase, rank: int) -> sp.Expr:
    """Product of the nonzero eigenvalues of a symmetric matrix of this rank: a sum of principal minors."""
    if rank == 0:
        return sp.S.One
    domain_matrix = _domain_matrix(matrix)
    coefficient = domain_matrix.charpoly()[rank]
    return tidy((-1) ** rank * as_expression(coefficient, domain_matrix))


def inverse(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
    """The inverse, entry by entry in a short form."""
    if matrix.is_diagonal():
        return sp.ImmutableMatrix(sp.diag(*(1 / matrix[i, i] for i in range(matrix.rows))))
    adjoint, determinant = adjugate(matrix)
    return sp.ImmutableMatrix(adjoint.applyfunc(lambda entry: tidy(entry / determinant)))


def _domain_matrix(matrix: sp.MatrixBase) -> DomainMatrix:
    return DomainMatrix.from_Matrix(sp.Matrix(matrix))
