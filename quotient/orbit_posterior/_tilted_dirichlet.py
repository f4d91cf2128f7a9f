"""Moments of exponentially tilted Dirichlet laws, at every concentration, by one contour integral."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

Monomials = Sequence[tuple[int, ...]]

_OPENING = 0.8
_INTERVALS = 40
#: The integrand has fallen by exp(-38), below rounding, where the contour is cut.
_SPAN = 38.0
#: Moments of degree up to three are largest to the right of the saddle point of the normaliser.
_SHIFT = 2.0
_NEWTON_STEPS = 6


def tilted_dirichlet(gaps: Tensor, powers: Sequence[float], monomials: Monomials) -> tuple[Tensor, Tensor]:
    """Normaliser and moments of tau ~ exp(-sum_a d_a tau_a) Dirichlet(p_1, ..., p_k).

    The Laplace transform in the sum of independent Gamma variables turns the simplex into a product,

        Z = Gamma(P) 1/(2 pi i) int e^s prod_a (s + d_a)^(-p_a) ds,   P = sum_a p_a,
        E[prod_a tau_a^n_a] Z = Gamma(P) 1/(2 pi i) int e^s prod_a (p_a)_n_a (s + d_a)^(-p_a - n_a) ds.

    All singularities lie on the negative axis, wherever the d_a are. The trapezoidal rule on the hyperbola
    s = mu (1 - sin(alpha) cosh t + i cos(alpha) sinh t) through the saddle point therefore converges geometrically and
    uniformly in d [Weideman2007]: 41 nodes give moments of degree up to three to a *relative* error of about 1e-15 for
    every d from 0 to 1e9 and beyond, equal or not. There are no Bessel functions and no branches.

    Args:
        gaps: d_a >= 0, the smallest of them zero, float64, shape ``[..., k]``.
        powers: p_a > 0.
        monomials: exponents n_a of each moment asked, sum n_a <= 3.

    Returns:
        log Z, shape ``[...]``, and the moments, ``[..., len(monomials)]``. Not differentiable: use the moments. Cost
        41 k complex logarithms an item.
    """
    p = torch.tensor(powers, dtype=gaps.dtype, device=gaps.device)
    saddle = _saddle(gaps, p + _SHIFT / len(powers))
    mu = saddle / (1 - math.sin(_OPENING))
    length = torch.acosh((1 - (saddle - _SPAN) / mu) / math.sin(_OPENING))
    step = (length / _INTERVALS).unsqueeze(-1)
    t = step * torch.arange(_INTERVALS + 1, dtype=gaps.dtype, device=gaps.device)
    mu = mu.unsqueeze(-1)
    tangential, normal = math.sin(_OPENING) * mu, math.cos(_OPENING) * mu
    s = torch.complex(mu - tangential * torch.cosh(t), normal * torch.sinh(t))
    ds = step * torch.complex(-tangential * torch.sinh(t), normal * torch.cosh(t))
    shifted = s.unsqueeze(-1) + gaps.unsqueeze(-2)
    level = torch.log(saddle.unsqueeze(-1) + gaps)
    exponent = s - saddle.unsqueeze(-1) - (p * (torch.log(shifted) - level.unsqueeze(-2))).sum(-1)
    # the lower half of the contour is the conjugate of the upper one, and t = 0 belongs to both
    half = torch.ones_like(t[..., :1]) / 2
    weights = torch.exp(exponent) * ds * torch.cat([half, torch.ones_like(t[..., 1:])], -1) / math.pi
    normalizer = weights.imag.sum(-1)
    inverse = 1 / shifted
    moments = [_monomial(weights, inverse, powers, exponents) / normalizer for exponents in monomials]
    log_normalizer = math.lgamma(sum(powers)) + saddle - (p * level).sum(-1) + torch.log(normalizer)
    empty = gaps.new_zeros(*gaps.shape[:-1], 0)
    return log_normalizer, torch.stack(moments, -1) if moments else empty


def _saddle(gaps: Tensor, powers: Tensor) -> Tensor:
    """The s > 0 with sum_a p_a / (s + d_a) = 1, by Newton steps, which increase to it from the left."""
    s = torch.where(gaps > 0, torch.zeros_like(gaps), powers).sum(-1)
    for _ in range(_NEWTON_STEPS):
        ratio = 1 / (s.unsqueeze(-1) + gaps)
        s = s + ((powers * ratio).sum(-1) - 1) / (powers * ratio * ratio).sum(-1)
    return s


def _monomial(weights: Tensor, inverse: Tensor, powers: Sequence[float], exponents: tuple[int, ...]) -> Tensor:
    factor, integrand = 1.0, weights
    for axis, number in enumerate(exponents):
        for k in range(number):
            factor *= powers[axis] + k
            integrand = integrand * inverse[..., axis]
    return factor * integrand.imag.sum(-1)
