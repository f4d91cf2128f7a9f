"""Samplers on a quotient: lifted ODE and SDE, from prior to data."""

from __future__ import annotations

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.conversions import denoiser_from_velocity
from diffusion.errors import NoClosedScoreError
from diffusion.grids import check_grid
from diffusion.interpolant import Interpolant
from diffusion.schedules import Schedule
from quotient import NoiseSource, OrbitSpace, TotalSpace
from quotient.lift import SmallOrbitRule, UnprojectedNearSmallOrbits, lifted_step

#: v(x, t) at points ``[..., *point_shape]`` and one time, a scalar tensor.
VelocityField = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class SamplerResult:
    """What a sampler returns.

    Attributes:
        x: final points, shape ``[..., *point_shape]``.
        ts: times of the steps taken, shape ``[n_steps + 1]``; steps that round to nothing are left out.
        trajectory: points at all times, ``[n_steps + 1, ..., *point_shape]``, or None when not asked for.
        evaluations: number of evaluations of the velocity.
    """

    x: Tensor
    ts: Tensor
    trajectory: Tensor | None
    evaluations: int


class ODEMethod(abc.ABC):
    """One step of dx = P_x v(x, t) dt."""

    order: int
    evaluations: int

    @abc.abstractmethod
    def step(self, field: VelocityField, x: Tensor, t: Tensor, h: Tensor, *, last: bool, space: TotalSpace) -> Tensor:
        """Advance from t to t + h along geodesics; a ``last`` step must not evaluate the field at its end."""


@final
@dataclass(frozen=True)
class Euler(ODEMethod):
    """exp_x(h v(x, t)), order 1; on a flat M that is x + h v(x, t)."""

    order = 1
    evaluations = 1

    @override
    def step(self, field: VelocityField, x: Tensor, t: Tensor, h: Tensor, *, last: bool, space: TotalSpace) -> Tensor:
        return space.exp(h * field(x, t), x)


@final
@dataclass(frozen=True)
class Heun(ODEMethod):
    """exp_x(h (v + Pi_x v') / 2) with v = v(x, t) and v' = v(exp_x(h v), t + h).

    The step that ends at t = 1 is an Euler step, so that the field is not evaluated there.
    Order 2 where the metric is that of the arrays, flat or curved: Pi_x is then the parallel transport to first order.
    Order 1 for other metrics.
    """

    order = 2
    evaluations = 2

    @override
    def step(self, field: VelocityField, x: Tensor, t: Tensor, h: Tensor, *, last: bool, space: TotalSpace) -> Tensor:
        first = field(x, t)
        predicted = space.exp(h * first, x)
        if last:
            return predicted
        second = space.to_tangent(field(predicted, t + h), x)
        return space.exp(0.5 * h * (first + second), x)


def _times(grid: Tensor, x: Tensor) -> Tensor:
    """The grid in the precision of the points, without the steps that rounding makes empty."""
    real = x.real if x.is_complex() else x
    ts = grid.to(dtype=torch.promote_types(real.dtype, torch.float32), device=real.device)
    return ts[torch.cat([torch.ones_like(ts[:1], dtype=torch.bool), ts.diff() > 0])]


class Sampler(abc.ABC):
    """A discretised process from a prior point to a data point; points stay in the slice of ``quotient.center``.

    Differentiable: run under ``torch.no_grad()`` when no gradient through the network is wanted.
    """

    grid: Tensor

    @abc.abstractmethod
    def sample(
        self,
        quotient: OrbitSpace,
        x0: Tensor,
        velocity: VelocityField,
        noise: NoiseSource,
        *,
        keep_trajectory: bool = False,
    ) -> SamplerResult:
        """Carry the prior points ``x0 [..., *point_shape]`` to the data."""

    def _run(
        self, advance: Callable[[Tensor, Tensor, Tensor, bool], Tensor], x0: Tensor, *, keep_trajectory: bool
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        ts = _times(self.grid, x0)
        x, kept = x0, [x0]
        for k in range(len(ts) - 1):
            x = advance(x, ts[k], ts[k + 1] - ts[k], bool(ts[k + 1] >= 1.0)).to(x0.dtype)
            if keep_trajectory:
                kept.append(x)
        return x, ts, torch.stack(kept) if keep_trajectory else None


@final
class ODESampler(Sampler):
    """dx = P_x v(x, t) dt: the lifted probability flow. Same law on Q as dx = v dt, and never a longer path [Xu2026].

    Args:
        grid: increasing times, usually from 0 to 1 (:mod:`diffusion.grids`).
        method: one-step method.

    Raises:
        TimeGridError: for a grid that does not increase strictly inside [0, 1].
    """

    def __init__(self, grid: Tensor, *, method: ODEMethod | None = None) -> None:
        self.grid = check_grid(grid)
        self.method = Euler() if method is None else method

    @override
    def sample(
        self,
        quotient: OrbitSpace,
        x0: Tensor,
        velocity: VelocityField,
        noise: NoiseSource | None = None,
        *,
        keep_trajectory: bool = False,
    ) -> SamplerResult:
        """Integrate from the prior points ``x0 [..., *point_shape]``; ``noise`` is not used.

        The velocity is projected at every evaluation, so any vertical part of it is ignored.
        """
        counted = 0

        def field(x: Tensor, t: Tensor) -> Tensor:
            nonlocal counted
            counted += 1
            return quotient.horizontal_projection(velocity(x, t), x)

        def advance(x: Tensor, t: Tensor, h: Tensor, last: bool) -> Tensor:  # noqa: FBT001
            return self.method.step(field, x, t, h, last=last, space=quotient.total_space)

        x, ts, trajectory = self._run(advance, quotient.center(x0), keep_trajectory=keep_trajectory)
        return SamplerResult(x=quotient.center(x), ts=ts, trajectory=trajectory, evaluations=counted)


def prior_amplitude(schedule: Schedule) -> Callable[[Tensor], Tensor]:
    """eta_t = sqrt(alpha_t^2 + gamma_t^2): as much noise as there is prior left in x_t; vanishes at the data."""

    def eta(t: Tensor) -> Tensor:
        return (schedule.alpha(t) ** 2 + schedule.gamma(t) ** 2).sqrt()

    return eta


@final
class SDESampler(Sampler):
    """dx = (P (v + eta s) - nu eta H) dt + sqrt(2 nu eta) P dw, Euler-Maruyama.

    H is the mean curvature of the orbits, s the score. nu = 1 is exact; nu < 1 sharpens the law; nu = 0 is *not* the
    probability flow, which is eta = 0. The step that ends at t = 1 is a step of the ODE: noise added there could not be
    removed. Near small orbits the unprojected step is taken, which has the same generator on Q.

    Args:
        grid: increasing times.
        interpolant: gives the schedule and whether the score follows from the velocity.
        noise_scale: nu, not negative.
        eta: eta_t, a function of time; by default :func:`prior_amplitude`.
        rule: what to do near small orbits.
        curvature_drift: factor of the drift -nu eta H; 1 is exact.

    Raises:
        NoClosedScoreError: when the interpolant gives no score.
        TimeGridError: for an invalid grid.
        ValueError: for a negative noise scale.
    """

    def __init__(
        self,
        grid: Tensor,
        interpolant: Interpolant,
        *,
        noise_scale: float = 1.0,
        eta: Callable[[Tensor], Tensor] | None = None,
        rule: SmallOrbitRule | None = None,
        curvature_drift: float = 1.0,
    ) -> None:
        if not interpolant.closed_score:
            raise NoClosedScoreError(
                f"the SDE needs the score, which {interpolant.coupling!r} with {interpolant.prior!r} does not give in "
                "closed form: use ODESampler, or train with the coupling Independent() and a Gaussian prior"
            )
        if noise_scale < 0:
            raise ValueError(f"noise_scale must not be negative, got {noise_scale}")
        self.grid = check_grid(grid)
        self.interpolant = interpolant
        self.noise_scale = noise_scale
        self.eta = prior_amplitude(interpolant.schedule) if eta is None else eta
        self.rule = UnprojectedNearSmallOrbits() if rule is None else rule
        self.curvature_drift = curvature_drift

    @override
    def sample(
        self,
        quotient: OrbitSpace,
        x0: Tensor,
        velocity: VelocityField,
        noise: NoiseSource,
        *,
        keep_trajectory: bool = False,
    ) -> SamplerResult:
        """Integrate from the prior points ``x0 [..., *point_shape]``; one call of ``noise`` a step."""

        def advance(x: Tensor, t: Tensor, h: Tensor, last: bool) -> Tensor:  # noqa: FBT001
            v = velocity(x, t)
            if last:
                return quotient.total_space.exp(h * quotient.horizontal_projection(v, x), x)
            eta = self.eta(t)
            denoiser = denoiser_from_velocity(v, x, t, self.interpolant.schedule)
            score = self.interpolant.score(denoiser, x, t, quotient)
            moved = lifted_step(
                quotient,
                x,
                drift=v + eta * score,
                sigma=(2.0 * self.noise_scale * eta).sqrt(),
                step=h,
                normal=noise.normal(x),
                rule=self.rule,
                curvature_drift=self.curvature_drift,
            )
            return quotient.center(moved)

        x, ts, trajectory = self._run(advance, quotient.center(x0), keep_trajectory=keep_trajectory)
        return SamplerResult(x=quotient.center(x), ts=ts, trajectory=trajectory, evaluations=len(ts) - 1)
