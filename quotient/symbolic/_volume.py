"""Volume of orbits from the Gram matrix of the generators."""

from __future__ import annotations

import sympy as sp

from quotient.symbolic._linear import adjugate, pseudo_determinant
from quotient.symbolic._simplify import tidy
from quotient.symbolic._stages import StagedInverse


def orbit_volume(gram: sp.MatrixBase, basis: tuple[int, ...], form: sp.MatrixBase | None) -> sp.Expr:
    """sqrt(pdet A) times the volume density of the stabiliser in the form, up to a constant factor.

    Args:
        gram: A, m x m.
        basis: indices of independent generators that span the rest.
        form: m x m inner product of the Lie algebra, Ad-invariant on stabilisers; None for the identity.
    """
    chosen = list(basis)
    others = [a for a in range(gram.rows) if a not in basis]
    if not others:
        staged = StagedInverse(sp.ImmutableMatrix(gram))
        return _root(staged.constant * staged.determinant)
    squared = pseudo_determinant(gram, len(chosen))
    if form is not None:
        adjoint, determinant = adjugate(gram[chosen, chosen])
        null = sp.zeros(gram.rows, len(others))
        for row, a in enumerate(chosen):
            for column, b in enumerate(others):
                null[a, column] = -tidy((adjoint[row, :] * gram[chosen, [b]])[0] / determinant)
        for column, b in enumerate(others):
            null[b, column] = 1
        squared *= (null.T * form * null).det() / (null.T * null).det()
    return _root(squared)


def _root(squared: sp.Expr) -> sp.Expr:
    return sp.sqrt(sp.factor(tidy(squared)))
