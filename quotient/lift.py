"""One Euler-Maruyama step of the horizontal lift, and what to do where orbits are small."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient.submersion import RiemannianSubmersion


class SmallOrbitRule(abc.ABC):
    """Which points of a batch take the unprojected step.

    Both the lifted step, P b dt - (sigma^2 / 2) H dt + sigma P dw, and the unprojected step, P b dt + sigma dw, have
    the same generator on Q (docs/theory/singular-orbits.md), so they may be mixed freely; only the first one divides
    by the size of the orbit. The drift is projected in both: what a network puts along the orbit is arbitrary.
    """

    @abc.abstractmethod
    def unprojected(self, strength: Tensor) -> Tensor:
        """Boolean mask from the strength h sigma^2 |H|^2 of each point, shape ``[...]``."""


@final
@dataclass(frozen=True)
class UnprojectedNearSmallOrbits(SmallOrbitRule):
    """Take the unprojected step wherever h sigma^2 |H|^2 > threshold.

    |H| is of the order of one over the size of the orbit, so the rule reads: where one step of noise is not small
    against the orbit.

    Attributes:
        threshold: dimensionless, positive.
    """

    threshold: float = 0.05

    @override
    def unprojected(self, strength: Tensor) -> Tensor:
        return ~(strength <= self.threshold)


@final
@dataclass(frozen=True)
class AlwaysLifted(SmallOrbitRule):
    """Take the lifted step everywhere: plain Euler-Maruyama.

    Its moments are infinite where singular orbits have codimension 2 (a plane modulo rotations, three particles).
    """

    @override
    def unprojected(self, strength: Tensor) -> Tensor:
        return torch.zeros_like(strength, dtype=torch.bool)


def lifted_step(
    quotient: RiemannianSubmersion,
    point: Tensor,
    *,
    drift: Tensor,
    sigma: Tensor,
    step: Tensor,
    normal: Tensor,
    rule: SmallOrbitRule,
    curvature_drift: float = 1.0,
) -> Tensor:
    """One step of dx = (P b - c (sigma^2 / 2) H) dt + sigma P dw along geodesics of M [Xu2026].

        x' = exp_x((P b - c (sigma^2 / 2) H) h + sigma sqrt(h) P z)

    On a flat M this is the Euler-Maruyama scheme; in general the geodesic random walk, whose generator is that of the
    horizontal process because geodesics have no acceleration.

    Args:
        quotient: Q.
        point: x, shape ``[..., *point_shape]``.
        drift: b, same shape.
        sigma: noise amplitude, scalar tensor.
        step: h, scalar tensor.
        normal: standard normal noise of the shape of the point.
        rule: what to do near small orbits.
        curvature_drift: c; 1 is exact, other values exist to show what they do (0 drops the term, -1 flips its sign).

    Returns:
        The next point; points whose step is unprojected are centred again (:meth:`RiemannianSubmersion.center`).
    """
    space = quotient.total_space
    here = space.keep(point)
    noise = space.white_noise(normal, here) * (sigma * step.sqrt())
    moved = quotient.horizontal_projection(drift * step + noise, here)
    curvature = quotient.mean_curvature(here)
    strength = step * sigma**2 * space.inner_product(curvature, curvature, here)
    lifted = moved - (0.5 * curvature_drift * step * sigma**2) * curvature
    loose = rule.unprojected(strength)
    if not bool(loose.any()):
        return space.exp(lifted, here)
    pull = quotient.horizontal_projection(drift, here) * step
    free = quotient.center(space.exp(pull + noise, here))
    return torch.where(loose.reshape(loose.shape + (1,) * len(space.shape)), free, space.exp(lifted, here))
