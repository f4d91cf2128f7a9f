"""Predictor and corrector: the probability flow, with Langevin steps on Q at each time."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.conversions import denoiser_from_velocity
from diffusion.errors import NoClosedScoreError
from diffusion.grids import check_grid
from diffusion.interpolant import Interpolant
from diffusion.samplers import Euler, ODEMethod, Sampler, SamplerResult, VelocityField
from quotient import NoiseSource, OrbitSpace, SmallOrbitRule, UnprojectedNearSmallOrbits, lifted_step


@final
class PredictorCorrectorSampler(Sampler):
    """Steps of dx = P v dt, each followed by Langevin steps dx = (P s - H) d tau + sqrt(2) P dw at fixed t [Song2021].

    The Langevin process on Q leaves the law of pi(x_t) as it is: correctors remove errors of the predictor and change
    nothing else. H is the mean curvature of the orbits: without it the corrector has another equilibrium.
    Steps are d tau = ratio * (alpha_t^2 + gamma_t^2); none are taken at the last time, where that vanishes.

    Args:
        grid: increasing times.
        interpolant: gives the schedule and whether the score follows from the velocity.
        corrections: Langevin steps after each step of the flow.
        ratio: size of a Langevin step relative to the variance of the noise in x_t.
        method: of the flow, Euler by default.
        rule: what to do near small orbits.
        curvature_drift: factor of the drift -H; 1 is exact.

    Raises:
        NoClosedScoreError: when the interpolant gives no score.
        TimeGridError: for an invalid grid.
        ValueError: for a negative number of corrections or a ratio that is not positive.
    """

    def __init__(
        self,
        grid: Tensor,
        interpolant: Interpolant,
        *,
        corrections: int = 1,
        ratio: float = 0.1,
        method: ODEMethod | None = None,
        rule: SmallOrbitRule | None = None,
        curvature_drift: float = 1.0,
    ) -> None:
        if not interpolant.closed_score:
            raise NoClosedScoreError(f"correctors need the score, which {interpolant!r} does not give: use ODESampler")
        if corrections < 0 or ratio <= 0:
            raise ValueError(f"needs corrections >= 0 and ratio > 0, got {corrections} and {ratio}")
        self.grid = check_grid(grid)
        self.interpolant = interpolant
        self.corrections = corrections
        self.ratio = ratio
        self.method = Euler() if method is None else method
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
        """Integrate from the prior points ``x0 [..., *point_shape]``; ``corrections`` calls of ``noise`` a step."""
        counted = 0

        def field(x: Tensor, t: Tensor) -> Tensor:
            nonlocal counted
            counted += 1
            return quotient.horizontal_projection(velocity(x, t), x)

        def advance(x: Tensor, t: Tensor, h: Tensor, last: bool) -> Tensor:  # noqa: FBT001
            x = self.method.step(field, x, t, h, last=last, space=quotient.total_space)
            for _ in range(0 if last else self.corrections):
                x = self._correct(quotient, x, t + h, field(x, t + h), noise)
            return quotient.center(x)

        x, ts, trajectory = self._run(advance, quotient.center(x0), keep_trajectory=keep_trajectory)
        return SamplerResult(x=quotient.center(x), ts=ts, trajectory=trajectory, evaluations=counted)

    def _correct(self, quotient: OrbitSpace, x: Tensor, t: Tensor, velocity: Tensor, noise: NoiseSource) -> Tensor:
        schedule = self.interpolant.schedule
        score = self.interpolant.score(denoiser_from_velocity(velocity, x, t, schedule), x, t, quotient)
        variance = schedule.alpha(t) ** 2 + schedule.gamma_squared(t)
        return lifted_step(
            quotient,
            x,
            drift=score,
            sigma=torch.full_like(t, 2.0**0.5),
            step=self.ratio * variance,
            normal=noise.normal(x),
            rule=self.rule,
            curvature_drift=self.curvature_drift,
        )
