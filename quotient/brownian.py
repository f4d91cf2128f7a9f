"""The two Brownian motions of a quotient, as horizontal diffusions."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient.errors import ClaimError
from quotient.laws import projected_drift_varies
from quotient.lift import SmallOrbitRule, UnprojectedNearSmallOrbits, lifted_step
from quotient.map_submersion import MapSubmersion
from quotient.noise import NoiseSource
from quotient.submersion import RiemannianSubmersion

_TRIED_POINTS = 16
_LARGEST_VARIATION = 1e-4


@dataclass(frozen=True)
class Path:
    """A path with its times.

    Attributes:
        ts: times, shape ``[n_steps + 1]``, from 0 to the horizon inclusive.
        xs: points, shape ``[n_steps + 1, ..., *point_shape]``.
    """

    ts: Tensor
    xs: Tensor


class BrownianMotion(abc.ABC):
    """A Brownian motion of Q, simulated by its horizontal lift with geodesic steps: Euler-Maruyama where M is flat.

    Attributes:
        weak_order: order of the scheme in law, 1, away from singular orbits.
        strong_order: order of the scheme along paths, 1/2.

    Args:
        quotient: Q.
    """

    weak_order = 1.0
    strong_order = 0.5

    def __init__(self, quotient: RiemannianSubmersion) -> None:
        self.quotient = quotient

    @abc.abstractmethod
    def step(self, point: Tensor, step: Tensor, normal: Tensor) -> Tensor:
        """Advance by ``step``, a scalar tensor, with the standard normal noise ``normal`` of the shape of the point."""

    def sample(self, initial_point: Tensor, *, horizon: float, n_steps: int, noise: NoiseSource) -> Path:
        """Simulate paths.

        Args:
            initial_point: shape ``[..., *point_shape]``.
            horizon: final time, positive.
            n_steps: number of equal steps, at least 1.
            noise: source of the Brownian increments.

        Returns:
            The path, ``ts[-1] == horizon``.

        Raises:
            ValueError: when the horizon or the number of steps is not positive.
        """
        if horizon <= 0 or n_steps < 1:
            raise ValueError(f"a path needs horizon > 0 and n_steps >= 1, got {horizon} and {n_steps}")
        real = initial_point.real if initial_point.is_complex() else initial_point
        ts = torch.linspace(0.0, horizon, n_steps + 1, dtype=real.dtype, device=real.device)
        size = ts.new_tensor(horizon / n_steps)
        xs = [initial_point]
        for _ in range(n_steps):
            xs.append(self.step(xs[-1], size, noise.normal(initial_point)))
        return Path(ts=ts, xs=torch.stack(xs))


def _refuse_varying_drift(submersion: MapSubmersion) -> None:
    space = submersion.total_space
    generator = torch.Generator().manual_seed(0)
    x = space.random_point((_TRIED_POINTS,), generator)
    v = space.white_noise(torch.randn(x.shape, generator=generator, dtype=x.dtype), x)
    # the median: close to focal points, where H grows without bound, differences say nothing
    typical = float(projected_drift_varies(submersion, x, v).median())
    if not typical <= _LARGEST_VARIATION:
        raise ClaimError(
            f"d pi(H) varies along the fibres of {submersion!r} (by {typical:.2g} of its size), so the image of "
            "Brownian motion is not a Markov process: use IntrinsicBrownianMotion, or a quotient by a group"
        )


@final
class ProjectedBrownianMotion(BrownianMotion):
    """The image under pi of Brownian motion of M: generator (1/2) Lap_Q - (1/2) H; lift dx = P dw - (1/2) H dt.

    For every invariant f, f(x) has the law of f(Brownian motion of M) [Carne1990].

    Args:
        quotient: Q.
        rule: what to do near small orbits.
        curvature_drift: factor of the drift -(1/2) H dt; 1 is exact.

    Raises:
        ClaimError: when d pi(H) is not constant along the fibres of a submersion given by its map: the image of
            Brownian motion of M is then not a Markov process.
    """

    def __init__(
        self,
        quotient: RiemannianSubmersion,
        *,
        rule: SmallOrbitRule | None = None,
        curvature_drift: float = 1.0,
    ) -> None:
        super().__init__(quotient)
        if isinstance(quotient, MapSubmersion):
            _refuse_varying_drift(quotient)
        self.rule = UnprojectedNearSmallOrbits() if rule is None else rule
        self.curvature_drift = curvature_drift

    @override
    def step(self, point: Tensor, step: Tensor, normal: Tensor) -> Tensor:
        return lifted_step(
            self.quotient,
            point,
            drift=torch.zeros_like(point),
            sigma=torch.ones_like(step),
            step=step,
            normal=normal,
            rule=self.rule,
            curvature_drift=self.curvature_drift,
        )


@final
class IntrinsicBrownianMotion(BrownianMotion):
    """Brownian motion of the metric of Q: generator (1/2) Lap_Q; lift dx = P dw.

    At singular orbits this is the reflecting process; on R^2/SO(2) the radius is |one-dimensional Brownian motion|.

    Args:
        quotient: Q.
    """

    @override
    def step(self, point: Tensor, step: Tensor, normal: Tensor) -> Tensor:
        space = self.quotient.total_space
        here = space.keep(point)
        free = space.white_noise(normal, here) * step.sqrt()
        return space.exp(self.quotient.horizontal_projection(free, here), here)
