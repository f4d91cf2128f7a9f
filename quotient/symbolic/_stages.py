"""Inverse of the Gram matrix in two stages: fields of constant length first (translations), then the rest.

The second stage is a Schur complement, the Gram matrix of the quotient by the first: small where the whole is large.
"""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import final

import sympy as sp

from quotient.symbolic._linear import adjugate, inverse
from quotient.symbolic._simplify import tidy, tidy_matrix


@final
@dataclass(frozen=True)
class StagedInverse:
    """K^-1 for a symmetric K.

    Attributes:
        gram: K, k x k.
    """

    gram: sp.ImmutableMatrix

    @cached_property
    def first(self) -> list[int]:
        """Indices whose block of K is made of numbers."""
        chosen: list[int] = []
        for a in range(self.gram.rows):
            if all(self.gram[a, b].is_number for b in [*chosen, a]):
                chosen.append(a)
        return chosen

    @cached_property
    def second(self) -> list[int]:
        """The other indices."""
        return [a for a in range(self.gram.rows) if a not in self.first]

    @cached_property
    def _first_inverse(self) -> sp.ImmutableMatrix:
        return inverse(self.gram[self.first, self.first])

    @cached_property
    def _slope(self) -> sp.ImmutableMatrix:
        """K_11^-1 K_12."""
        return tidy_matrix(self._first_inverse * self.gram[self.first, self.second])

    @cached_property
    def _complement(self) -> tuple[sp.ImmutableMatrix, sp.Expr]:
        inner = self.gram[self.second, self.second] - self.gram[self.second, self.first] * self._slope
        return adjugate(tidy_matrix(inner))

    @property
    def determinant(self) -> sp.Expr:
        """Determinant of K divided by that of its constant block."""
        return self._complement[1]

    @cached_property
    def constant(self) -> sp.Expr:
        """Determinant of the constant block."""
        return adjugate(self.gram[self.first, self.first])[1]

    def conjugate(self, fields: sp.MatrixBase) -> sp.ImmutableMatrix:
        """V K^-1 V^T for the n x k matrix V."""
        adjoint, determinant = self._complement
        base = fields[:, self.first]
        rest = tidy_matrix(fields[:, self.second] - base * self._slope)
        numerators = rest * adjoint * rest.T
        constant = base * self._first_inverse * base.T
        result = sp.zeros(fields.rows, fields.rows)
        for i in range(fields.rows):
            for j in range(i + 1):
                result[i, j] = result[j, i] = tidy(constant[i, j] + numerators[i, j] / determinant)
        return sp.ImmutableMatrix(result)

    def matrix(self) -> sp.ImmutableMatrix:
        """K^-1 itself."""
        return self.conjugate(sp.eye(self.gram.rows))
