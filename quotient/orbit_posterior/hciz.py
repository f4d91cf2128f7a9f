"""The integral of Harish-Chandra, Itzykson and Zuber."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from quotient.orbit_posterior._cumulants import log_partition
from quotient.orbit_posterior._hciz_digits import SpectralFamily

_NODES = 128
#: -d/dr log E(r) = 1/2 - r/12 + r^3/720 - ...: coefficients B_2k / (2k)! of its odd powers.
_BERNOULLI = (
    1 / 12,
    -1 / 720,
    1 / 30240,
    -1 / 1209600,
    1 / 47900160,
    -691 / 1307674368000,
    1 / 74724249600,
    -3617 / 10670622842880000,
)
_NEAR = 0.5
_TERMS = 13
#: Below this a_13 b_13 the power series is used; its first term left out is 1e-19.
_MILD = 0.1


def _log_mean_exp(rate: Tensor) -> Tensor:
    """Log E(r), E(r) = int_0^1 exp(-r s) ds, for r >= 0; smooth at zero."""
    near = rate < _NEAR
    small = torch.where(near, rate, torch.zeros_like(rate))
    series = torch.zeros_like(rate)
    for k in reversed(range(len(_BERNOULLI))):
        series = series * small**2 + _BERNOULLI[k] / (2 * k + 2)
    safe = torch.where(near, torch.ones_like(rate), rate)
    return torch.where(near, small**2 * series - small / 2, torch.log(-torch.expm1(-safe)) - torch.log(safe))


def _mean_place(rate: Tensor) -> Tensor:
    """<s> = -d log E / dr, the mean of s in [0, 1] with density proportional to exp(-r s), for r >= 0."""
    near = rate < _NEAR
    small = torch.where(near, rate, torch.zeros_like(rate))
    series = torch.zeros_like(rate)
    for coefficient in reversed(_BERNOULLI):
        series = series * small**2 + coefficient
    safe = torch.where(near, torch.ones_like(rate), rate)
    return torch.where(near, 0.5 - small * series, 1 / safe - torch.exp(-safe) / -torch.expm1(-safe))


@cache
def _gauss() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    return (nodes + 1) / 2, weights / 2


def _scaled_two(a: Tensor, b: Tensor) -> Tensor:
    return _log_mean_exp((a[..., 0] - a[..., 1]) * (b[..., 0] - b[..., 1]))


def _scaled_three(a: Tensor, b: Tensor) -> Tensor:
    near = (a[..., 0] - a[..., 2]) * (b[..., 0] - b[..., 2]) < _MILD
    spread = torch.tensor([2.0, 1.0, 0.0], dtype=a.dtype, device=a.device)
    mild, wide = near.unsqueeze(-1), spread.expand_as(a)
    series = _series(torch.where(mild, a, torch.zeros_like(a)), torch.where(mild, b, torch.zeros_like(b)))
    return torch.where(near, series, _integral(torch.where(mild, wide, a), torch.where(mild, wide, b)))


def _complete(values: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Complete homogeneous polynomials h_k(0, x) = x^k and h_k(0, x, z) of x = a_2 - a_3, z = a_1 - a_3."""
    z, x = values[..., 0] - values[..., 2], values[..., 1] - values[..., 2]
    one, two = [torch.ones_like(x)], [torch.ones_like(x)]
    for _ in range(_TERMS):
        one.append(x * one[-1])
        two.append(z * two[-1] + one[-1])
    return one, two


def _series(a: Tensor, b: Tensor) -> Tensor:
    """Near coinciding eigenvalues: 2 det f[a_3, ..., a_i; b_3, ..., b_j], divided differences of f(s, t) = exp(s t).

    After shifting a_3 and b_3 to zero they are power series with positive terms, and a 2 x 2 determinant is left.
    """
    (a1, a2), (b1, b2) = _complete(a), _complete(b)
    entries = [torch.zeros_like(a1[0]) for _ in range(4)]
    for k in range(1, _TERMS):
        factor = 1 / math.factorial(k)
        entries[0] = entries[0] + factor * a1[k - 1] * b1[k - 1]
        if k >= 2:
            entries[1] = entries[1] + factor * a1[k - 1] * b2[k - 2]
            entries[2] = entries[2] + factor * a2[k - 2] * b1[k - 1]
            entries[3] = entries[3] + factor * a2[k - 2] * b2[k - 2]
    determinant = entries[0] * entries[3] - entries[1] * entries[2]
    peak = ((a - a[..., 2:]) * (b - b[..., 2:])).sum(-1)
    return torch.log(2 * determinant) - peak


def _integral(a: Tensor, b: Tensor) -> Tensor:
    first, second = (a[..., 0] - a[..., 1]).unsqueeze(-1), (a[..., 1] - a[..., 2]).unsqueeze(-1)
    high, low = (b[..., 0] - b[..., 2]).unsqueeze(-1), (b[..., 1] - b[..., 2]).unsqueeze(-1)
    delta = (b[..., 0] - b[..., 1]).unsqueeze(-1)
    total = first + second
    share = first / total
    nodes, weights = (torch.from_numpy(array).to(a.device) for array in _gauss())
    # the scale on which the integrand falls, however short, is resolved by nodes that are even in log(1 + c lambda)
    scale = (total * delta).detach()
    stretch = torch.log1p(scale)
    tiny = scale < 1e-8
    safe = torch.where(tiny, torch.ones_like(scale), scale)
    place = torch.where(tiny, nodes, torch.expm1(stretch * nodes) / safe)
    jacobian = torch.where(tiny, torch.zeros_like(scale), stretch * nodes + torch.log(torch.log1p(safe) / safe))
    left, right = first * (high - place * delta).clamp_min(0), second * (low + place * delta)
    rate = share * (1 - _mean_place(left)) + (1 - share) * _mean_place(right)
    exponent = _log_mean_exp(left) + _log_mean_exp(right) - place * first * delta
    return torch.logsumexp(exponent + jacobian + torch.log(2 * weights * rate), -1)


def _scaled_larger(a: Tensor, b: Tensor) -> Tensor:
    return log_partition(SpectralFamily(), torch.stack(torch.broadcast_tensors(a, b), -2))


def scaled_log_hciz(first: Tensor, second: Tensor) -> Tensor:
    """Log int exp tr(A g B g^*) dg - sum_i a_i b_i over U(n), for eigenvalues a, b in descending order.

    With E(r) = (1 - exp(-r)) / r, <s>_r = -(log E)'(r), a_ij = a_i - a_j, b_ij = b_i - b_j, it is

        n = 2:  log E(a_12 b_12)
        n = 3:  log 2 int_0^1 exp(-l a_12 b_12) E(r_1) E(r_2) [a_12 (1 - <s>_r_1) + a_23 <s>_r_2] / a_13 dl,
                r_1 = a_12 (b_13 - l b_12),  r_2 = a_23 (b_23 + l b_12).

    The bracket is the determinant of Harish-Chandra, Itzykson and Zuber [ItzyksonZuber1980] over the Vandermonde
    determinants, which is 0 / 0 where eigenvalues coincide, written as the integral of a positive derivative: nothing
    cancels. For a_13 b_13 < 0.1 it is expanded in powers instead, which keeps derivatives at coinciding eigenvalues.
    From n = 4 on the determinant itself is taken in as many digits as it loses, item by item: see
    :class:`SpectralFamily`.

    Args:
        first: a, shape ``[..., n]``, n >= 2, float64.
        second: b, likewise.

    Returns:
        Shape ``[...]``; differentiable in the eigenvalues, twice for n > 3; relative error about 1e-14 of the integral.
    """
    size = first.shape[-1]
    if size > 3:
        return _scaled_larger(first, second)
    return (_scaled_two if size == 2 else _scaled_three)(first, second)


def log_hciz(first: Tensor, second: Tensor) -> Tensor:
    """Log int exp tr(A g B g^*) dg over U(n), of eigenvalues as in :func:`scaled_log_hciz`."""
    return (first * second).sum(-1) + scaled_log_hciz(first, second)
