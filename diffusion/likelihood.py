"""Log-likelihoods of generated and given points, by the probability-flow ODE."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.equivariance import equivariance_error
from diffusion.errors import DiffusionError, NotEquivariantError
from diffusion.grids import check_grid
from diffusion.samplers import Heun, ODEMethod, VelocityField
from groups import GroupAction
from quotient import NoiseSource, OrbitSpace, TotalSpace

_BROKEN_SYMMETRY = 1e-3

#: div F at points and a time, shape ``[...]``.
Rate = Callable[[Tensor, Tensor], Tensor]


class Divergence(abc.ABC):
    """How div F = sum_j <nabla_{e_j} F, e_j> is found for a vector field F of M."""

    @abc.abstractmethod
    def along(self, space: TotalSpace, field: VelocityField, x: Tensor) -> Rate:
        """The divergence of ``field`` as a function of points and time, for one path from ``x``."""


def _trace(space: TotalSpace, field: VelocityField, vectors: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """<nabla_v F, v> for ``vectors [..., *point_shape]`` that broadcast against x."""
    here = x.expand(vectors.shape).contiguous()
    return space.inner_product(space.covariant_derivative(lambda y: field(y, t), vectors, here), vectors, here)


@final
@dataclass(frozen=True)
class ExactDivergence(Divergence):
    """The trace over a Parseval frame of M: as many derivatives of the field as M has coordinates, in one batch."""

    @override
    def along(self, space: TotalSpace, field: VelocityField, x: Tensor) -> Rate:
        return lambda y, t: _trace(space, field, space.parseval_frame(y).contiguous(), y, t).sum(0)


@final
@dataclass(frozen=True)
class Hutchinson(Divergence):
    """The unbiased estimate <nabla_z F, z> with white noise z, one derivative a time [Hutchinson1990].

    Attributes:
        noise: source of z, called once for a path: the integrand is then smooth in time.
    """

    noise: NoiseSource

    @override
    def along(self, space: TotalSpace, field: VelocityField, x: Tensor) -> Rate:
        normal = self.noise.normal(x)
        return lambda y, t: _trace(space, field, space.white_noise(normal, y), y, t)


@final
@dataclass(frozen=True)
class LogLikelihood:
    """The log-density of points under the law that the probability flow generates.

    Attributes:
        log_density: log p on the slice of M, with respect to its volume, shape ``[...]``.
        x0: where the flow comes from, shape ``[..., *point_shape]``.
        evaluations: number of evaluations of the divergence.
    """

    log_density: Tensor
    x0: Tensor
    evaluations: int


def log_likelihood(
    quotient: OrbitSpace,
    x: Tensor,
    velocity: VelocityField,
    grid: Tensor,
    *,
    prior_log_density: VelocityField | None = None,
    divergence: Divergence | None = None,
    method: ODEMethod | None = None,
    action: GroupAction | None = None,
) -> LogLikelihood:
    """Log p of points, by following dx = P_x v(x, t) dt back to the prior [Chen2018].

        d/dt log p_t(x_t) = -div(x -> P_x v(x, t)),    log p_1(x_1) = log p_0(x_0) - int_0^1 div dt

    differentiated through P as well as v. The velocity must be equivariant, or log p is not a function on Q: it is
    tried where ``action`` says under what. The points are taken to lie at the last time of the grid, which should stay
    below 1 where the velocity is singular there.

    Args:
        quotient: Q = M/G.
        x: points, shape ``[..., *point_shape]``.
        velocity: v(x, t), differentiable in x, also in forward mode.
        grid: increasing times from 0 to the time of the points.
        prior_log_density: log p_0(x, t) at t = 0; that of N(0, 1) on the slice by default.
        divergence: exact by default.
        method: of integration, Heun by default; the divergence is integrated by the trapezoidal rule.
        action: of the group with whose random elements the velocity is tried at the points; not tried by default.

    Raises:
        NotEquivariantError: when the velocity lacks the symmetry, by more than 1e-3 of its size in the median.
        DiffusionError: when M is curved and ``prior_log_density`` is missing.

    Returns:
        The log-density and where the points came from. Cost of the exact divergence: dim(M) derivatives of the velocity
        for each time.
    """
    ts = check_grid(grid).flip(0).to(x.real.dtype)
    find = ExactDivergence() if divergence is None else divergence
    integrate = Heun() if method is None else method

    def field(y: Tensor, t: Tensor) -> Tensor:
        return quotient.horizontal_projection(velocity(y, t), y)

    x = quotient.center(x)
    if action is not None:
        _refuse_broken_symmetry(quotient, action, velocity, x, ts)
    space = quotient.total_space
    divergence_at = find.along(space, field, x)
    rate = divergence_at(x, ts[0])
    total, count = torch.zeros_like(rate), 1
    for k in range(len(ts) - 1):
        h = ts[k + 1] - ts[k]
        x = integrate.step(field, x, ts[k], h, last=False, space=space)
        after = divergence_at(x, ts[k + 1])
        total = total + 0.5 * h * (rate + after)
        rate, count = after, count + 1
    start = _standard_normal(quotient, x) if prior_log_density is None else prior_log_density(x, ts[-1])
    return LogLikelihood(log_density=start + total, x0=x, evaluations=count)


def _refuse_broken_symmetry(
    quotient: OrbitSpace, action: GroupAction, velocity: VelocityField, x: Tensor, ts: Tensor
) -> None:
    errors = equivariance_error(quotient, action, velocity, x, ts[len(ts) // 2], torch.Generator().manual_seed(0))
    # the median: where a velocity vanishes, rounding is large beside it
    if not float(errors.median()) <= _BROKEN_SYMMETRY:
        raise NotEquivariantError(
            f"moving the points by {type(action).__name__} changes the velocity by {float(errors.median()):.2g} of its "
            "size, so the density is not a function on the quotient: use an equivariant network, or divide by the "
            "subgroup that the network and its condition respect"
        )


def _standard_normal(quotient: OrbitSpace, x: Tensor) -> Tensor:
    if not quotient.total_space.flat:
        raise DiffusionError(f"no normal distribution on {quotient.total_space!r}: pass prior_log_density")
    size = quotient.total_space.inner_product(x, x, x)
    return -0.5 * size - 0.5 * quotient.slice_dimension(x) * math.log(2 * math.pi)


def quotient_log_density(
    quotient: OrbitSpace, log_density: Tensor, x: Tensor, *, action: GroupAction, stabilizer_order: int = 1
) -> Tensor:
    """Log q on Q = M/G from log p on M: q = p vol(orbit), both with respect to Riemannian volumes.

        log q = log p + log sqrt(det K) + log vol(G) - log |stabiliser|

    Args:
        quotient: Q for a compact group that acts locally freely; clouds modulo rigid motions are
            ``GroupQuotient(CenteredClouds(N, d), RotationAction(d))``.
        log_density: log p of an invariant density, shape ``[...]``.
        x: points, shape ``[..., *point_shape]``.
        action: of G, for its volume.
        stabilizer_order: number of elements of G that fix a generic point.

    Raises:
        DiffusionError: for a group that is not compact, or points with stabilisers of positive dimension.
    """
    if not action.group.compact:
        raise DiffusionError(
            f"orbits of the non-compact {action.group!r} have no volume: divide the compact part out of the slice, for "
            "clouds GroupQuotient(CenteredClouds(N, d), RotationAction(d))"
        )
    if bool((quotient.orbit_dimension(x) != action.group.dim).any()):
        raise DiffusionError("some points have stabilisers of positive dimension, where vol(G) is not a factor")
    volume = action.group.log_haar_volume - math.log(stabilizer_order)
    return log_density + quotient.log_orbit_volume(x) + volume
