"""Any compact group: quadrature over given elements."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient.orbit_posterior._arrays import orbit_points, prepare, result_dtype, widen
from quotient.orbit_posterior.base import OrbitEstimate, OrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError


@final
@dataclass(frozen=True, eq=False)
class HaarRule:
    """A quadrature rule for the Haar measure of total mass one.

    Attributes:
        nodes: group elements, shape ``[k, *group.shape]``.
        weights: positive, of sum one, ``[k]``.
        coarse: a rule with fewer nodes for the estimate of errors, or None.
    """

    nodes: Tensor
    weights: Tensor
    coarse: HaarRule | None = None


def euler_matrix(angles: Tensor) -> Tensor:
    """The rotation R_z(alpha) R_y(beta) R_z(gamma) of angles ``[..., 3]``, shape ``[..., 3, 3]``."""
    (ca, cb, cc), (sa, sb, sc) = torch.cos(angles).unbind(-1), torch.sin(angles).unbind(-1)
    rows = [
        [ca * cb * cc - sa * sc, -ca * cb * sc - sa * cc, ca * sb],
        [sa * cb * cc + ca * sc, -sa * cb * sc + ca * cc, sa * sb],
        [-sb * cc, sb * sc, cb],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def rotation_rule(degree: int, *, element: Callable[[Tensor], Tensor] = euler_matrix) -> HaarRule:
    """A product rule on SO(3) that is exact for polynomials of this degree in the entries of R.

    Equidistant angles alpha and gamma, Gauss nodes in cos beta; the coarse rule has two thirds of the degree.

    Args:
        degree: at least 3. About (degree + 1)^3 / 2 nodes.
        element: the group element of the angles (alpha, beta, gamma) ``[..., 3]``, about z, y and z; rotation matrices
            by default, and another homomorphic image of SO(3) for its other representations.

    Raises:
        OrbitPosteriorError: when the degree is less than 3.
    """
    if degree < 3:
        raise OrbitPosteriorError(f"rotation_rule needs a degree of at least 3, got {degree}")
    return _euler_rule(degree, element, _euler_rule(2 * degree // 3, element, None))


def _euler_rule(degree: int, element: Callable[[Tensor], Tensor], coarse: HaarRule | None) -> HaarRule:
    cosines, weights = np.polynomial.legendre.leggauss(degree // 2 + 1)
    turns = 2 * math.pi * torch.arange(degree + 1, dtype=torch.float64) / (degree + 1)
    angles = torch.cartesian_prod(turns, torch.arccos(torch.from_numpy(cosines)), turns)
    each = torch.from_numpy(weights / 2).expand(degree + 1, -1)[..., None].expand(-1, -1, degree + 1)
    return HaarRule(element(angles), each.flatten() / (degree + 1) ** 2, coarse)


@final
class QuadratureOrbitPosterior(OrbitPosterior):
    """log Z = log sum_k w_k exp<y, g_k x> over the nodes of a rule. Differentiable to any order.

    Good while the rule resolves exp<y, g x>: its degree must exceed a few times |y| |x|. Errors are estimated by the
    difference from the coarse rule. Cost O(nodes * point size) an item.

    Args:
        action: a linear action of a compact group.
        rule: nodes of its Haar measure.
    """

    def __init__(self, action: GroupAction, rule: HaarRule) -> None:
        self.action = action
        self.rule = rule

    def _sums(self, rule: HaarRule, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        moved, exponents = orbit_points(self.action, rule.nodes.to(point.device), dual, point)
        logits = exponents + widen(torch.log(rule.weights).to(exponents), exponents.ndim - 1)
        shares = widen(torch.softmax(logits, 0), self.action.point_ndim)
        return torch.logsumexp(logits, 0), (shares * moved).sum(0)

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._sums(self.rule, *prepare(self.action, dual, point))[0].to(result_dtype(dual, point)[1])

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._sums(self.rule, *prepare(self.action, dual, point))[1].to(result_dtype(dual, point)[0])

    @override
    def estimate(self, dual: Tensor, point: Tensor) -> OrbitEstimate:
        """Both, with their differences from the coarse rule.

        Raises:
            OrbitPosteriorError: when the rule has no coarse one.
        """
        if self.rule.coarse is None:
            raise OrbitPosteriorError("this rule has no coarse rule to compare with: give HaarRule(..., coarse=...)")
        dtype, real = result_dtype(dual, point)
        pair = prepare(self.action, dual, point)
        fine, rough = self._sums(self.rule, *pair), self._sums(self.rule.coarse, *pair)
        return OrbitEstimate(
            log_normalizer=fine[0].to(real),
            mean=fine[1].to(dtype),
            log_normalizer_error=(fine[0] - rough[0]).abs().to(real),
            mean_error=(fine[1] - rough[1]).abs().to(real),
            effective_sample_size=torch.full_like(fine[0], torch.inf).to(real),
            r_hat=torch.ones_like(fine[0]).to(real),
        )
