"""Log-likelihoods of generated and given points, by the probability-flow ODE."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.errors import DiffusionError
from diffusion.grids import check_grid
from diffusion.samplers import Heun, ODEMethod, VelocityField
from groups import GroupAction
from groups.autodiff import directional_derivative
from quotient import NoiseSource, OrbitSpace


class Divergence(abc.ABC):
    """How div F = sum_j <nabla_{e_j} F, e_j> is found for a vector field F of M."""

    @abc.abstractmethod
    def __call__(self, quotient: OrbitSpace, field: VelocityField, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The field at x, and its divergence ``[...]``."""


@final
@dataclass(frozen=True)
class ExactDivergence(Divergence):
    """The trace over a Parseval frame of M: as many derivatives of the field as M has coordinates, in one batch."""

    @override
    def __call__(self, quotient: OrbitSpace, field: VelocityField, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        space = quotient.total_space
        frame = space.parseval_frame(x).contiguous()
        here = x.expand(frame.shape).contiguous()
        change = space.covariant_derivative(lambda y: field(y, t), frame, here)
        return field(x, t), space.inner_product(change, frame, here).sum(0)


@final
class Hutchinson(Divergence):
    """The unbiased estimate <nabla_z F, z> with white noise z, one derivative a call [Hutchinson1990].

    Args:
        noise: source of z; the same z is used all along a path, so that the integrand is smooth in time.
    """

    def __init__(self, noise: NoiseSource) -> None:
        self._noise = noise
        self._normal: Tensor | None = None

    @override
    def __call__(self, quotient: OrbitSpace, field: VelocityField, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        space = quotient.total_space
        if self._normal is None or self._normal.shape != x.shape:
            self._normal = self._noise.normal(x)
        z = space.white_noise(self._normal, x)
        if not space.flat:
            change = space.covariant_derivative(lambda y: field(y, t), z, x)
            return field(x, t), space.inner_product(change, z, x)
        value, change = directional_derivative(lambda y: field(y, t), x, z)
        return value, space.inner_product(change, z, x)


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
) -> LogLikelihood:
    """Log p of points, by following dx = P_x v(x, t) dt back to the prior [Chen2018].

        d/dt log p_t(x_t) = -div(x -> P_x v(x, t)),    log p_1(x_1) = log p_0(x_0) - int_0^1 div dt

    differentiated through P as well as v. The velocity must be equivariant, or log p is not a function on Q. The points
    are taken to lie at the last time of the grid, which should stay below 1 where the velocity is singular there.

    Args:
        quotient: Q = M/G.
        x: points, shape ``[..., *point_shape]``.
        velocity: v(x, t), differentiable in x, also in forward mode.
        grid: increasing times from 0 to the time of the points.
        prior_log_density: log p_0(x, t) at t = 0; that of N(0, 1) on the slice by default.
        divergence: exact by default.
        method: of integration, Heun by default; the divergence is integrated by the trapezoidal rule.

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
    _, rate = find(quotient, field, x, ts[0])
    total, count = torch.zeros_like(rate), 1
    for k in range(len(ts) - 1):
        h = ts[k + 1] - ts[k]
        x = integrate.step(field, x, ts[k], h, last=False, space=quotient.total_space)
        _, after = find(quotient, field, x, ts[k + 1])
        total = total + 0.5 * h * (rate + after)
        rate, count = after, count + 1
    start = _standard_normal(quotient, x) if prior_log_density is None else prior_log_density(x, ts[-1])
    return LogLikelihood(log_density=start + total, x0=x, evaluations=count)


def slice_dimension(quotient: OrbitSpace, like: Tensor) -> Tensor:
    """Dimension of the slice on which densities live: the trace of the linear map ``center`` of a flat M."""
    space = quotient.total_space
    origin = torch.zeros_like(like)
    frame = space.parseval_frame(origin).contiguous()
    return space.inner_product(quotient.center(frame), frame, origin).sum(0)


def _standard_normal(quotient: OrbitSpace, x: Tensor) -> Tensor:
    if not quotient.total_space.flat:
        raise DiffusionError(f"no normal distribution on {quotient.total_space!r}: pass prior_log_density")
    size = quotient.total_space.inner_product(x, x, x)
    return -0.5 * size - 0.5 * slice_dimension(quotient, x) * torch.log(x.real.new_tensor(2 * torch.pi))


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
    volume = action.group.log_haar_volume - float(torch.log(torch.tensor(float(stabilizer_order))))
    return log_density + quotient.log_orbit_volume(x) + volume
