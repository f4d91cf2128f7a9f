"""Scores on M and on Q.

p is a density on M (volume of M), q the density of its image on Q (volume of Q). For an invariant p,
q = p * vol(orbit), so with the mean curvature H = -grad log vol:

    grad log q = grad log p - H        (both horizontal)
"""

from __future__ import annotations

from torch import Tensor

from quotient.submersion import RiemannianSubmersion


def project_score(quotient: RiemannianSubmersion, score: Tensor, base_point: Tensor) -> Tensor:
    """P_x grad log p, the part of a score that an invariant density has.

    Args:
        quotient: Q.
        score: grad log p(x), shape ``[..., *point_shape]``.
        base_point: x.
    """
    return quotient.horizontal_projection(score, base_point)


def quotient_score(quotient: RiemannianSubmersion, score: Tensor, base_point: Tensor) -> Tensor:
    """Horizontal lift of grad log q from the score of an invariant p: P_x grad log p - H.

    Args:
        quotient: Q = M/G, G unimodular.
        score: grad log p(x), shape ``[..., *point_shape]``.
        base_point: x.
    """
    return quotient.horizontal_projection(score, base_point) - quotient.mean_curvature(base_point)


def total_score(quotient: RiemannianSubmersion, score: Tensor, base_point: Tensor) -> Tensor:
    """Grad log p of the invariant density whose image has the score ``score`` on Q: P_x grad log q + H.

    Args:
        quotient: Q = M/G, G unimodular.
        score: horizontal lift of grad log q, shape ``[..., *point_shape]``.
        base_point: x.
    """
    return quotient.horizontal_projection(score, base_point) + quotient.mean_curvature(base_point)
