"""Weak order of the lifted schemes, from local errors, on laws that stay away from singular orbits.

Where the mean u(x, t) of f(X_T) given X_t = x is known, the error of a scheme is the sum of its local errors,

    E f(x_T) - u(x_0, 0) = sum_k E[ E[u(x_(k+1), t_(k+1)) | x_k] - u(x_k, t_k) ],

and the mean over the noise of one step is a Gaussian integral, so next to no variance is left. That the rest of
f(x_T) is a martingale is tested too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from groups import GroupAction, PhaseAction, SpecialOrthogonal, VectorAction
from quotient import (
    BrownianMotion,
    ComplexEuclidean,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    Hypersphere,
    IntrinsicBrownianMotion,
    OrbitSpace,
    ProjectedBrownianMotion,
    ShapeSpace,
    SmallOrbitRule,
    UnprojectedNearSmallOrbits,
)

CRITICAL = float(stats.norm.isf(0.5e-4))
# samplers take the same step as the Brownian motions
WEAK = BrownianMotion.weak_order
LEVELS = [2, 4, 8, 16]


class Counting(SmallOrbitRule):
    """The default rule; remembers whether it ever asked for the unprojected step."""

    def __init__(self) -> None:
        self.met = False

    def unprojected(self, strength: Tensor) -> Tensor:
        mask = UnprojectedNearSmallOrbits().unprojected(strength)
        self.met = self.met or bool(mask.any())
        return mask


def fit(values: Tensor, n_steps: list[int]) -> tuple[float, float]:
    """Slope of log |mean| against log h and its standard error, from values ``[n, levels]`` (delta method)."""
    log_h = -torch.tensor(n_steps, dtype=torch.float64).log()
    weights = (log_h - log_h.mean()) / ((log_h - log_h.mean()) ** 2).sum()
    mean = values.mean(0)
    return float(weights @ mean.abs().log()), float((values / mean @ weights).std() / math.sqrt(len(values)))


def standardised(values: Tensor) -> float:
    return float(values.mean() / values.std() * math.sqrt(len(values)))


@dataclass(frozen=True)
class Observable:
    """u(x, tau), the mean of an invariant after the time tau, and its mean after one step of the scheme before that.

    ``after(m, x, h, tau)`` is E u(x', tau) for the step x' = exp_x(a + sqrt(h) P z) with m = exp_x(a).
    """

    ahead: Callable[[Tensor, Tensor], Tensor]
    after: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def squared(x: Tensor, point_ndim: int) -> Tensor:
    return (x.abs() ** 2).flatten(-point_ndim).sum(-1)


def size(dim: int, rank: int, point_ndim: int) -> Observable:
    """|x|^2 of the projected motion: dim is that of the slice, rank that of P there."""
    return Observable(
        ahead=lambda x, tau: squared(x, point_ndim) + dim * tau,
        after=lambda m, x, h, tau: squared(m, point_ndim) + rank * h + dim * tau,
    )


def bell(dim: int, rank: int, point_ndim: int, *, rate: float) -> Observable:
    """exp(-rate |x|^2) of the projected motion, for an orthogonal linear action: x is horizontal at x."""

    def ahead(x: Tensor, tau: Tensor) -> Tensor:
        wide = 1 + 2 * rate * tau
        return wide ** (-dim / 2) * torch.exp(-rate / wide * squared(x, point_ndim))

    def after(m: Tensor, _: Tensor, h: Tensor, tau: Tensor) -> Tensor:
        wide = 1 + 2 * rate * tau
        more = wide + 2 * rate * h
        return wide ** ((rank - dim) / 2) * more ** (-rank / 2) * torch.exp(-rate / more * squared(m, point_ndim))

    return Observable(ahead, after)


def gap_trace(space: ShapeSpace, x: Tensor) -> Tensor:
    """tr P A for <x, A x> = |x_0 - x_1|^2."""
    total = x.new_zeros(x.shape[:-2])
    for axis in range(x.shape[-1]):
        arrow = torch.zeros_like(x)
        arrow[..., 0, axis], arrow[..., 1, axis] = 1.0, -1.0
        total = total + squared(space.horizontal_projection(arrow, x), 2)
    return total


def gap(space: ShapeSpace) -> Observable:
    """|x_0 - x_1|^2 of the projected motion."""
    return Observable(
        ahead=lambda x, tau: squared(x[..., 0, :] - x[..., 1, :], 1) + 2 * x.shape[-1] * tau,
        after=lambda m, x, h, tau: (
            squared(m[..., 0, :] - m[..., 1, :], 1) + h * gap_trace(space, x) + 2 * x.shape[-1] * tau
        ),
    )


def harmonic(degree: int) -> Observable:
    """cos and cos^2 - 1/3 of the angle theta to the axis of S^2: spherical harmonics; steps follow meridians."""
    rate = degree * (degree + 1) / 2

    def ahead(x: Tensor, tau: Tensor) -> Tensor:
        return torch.exp(-rate * tau) * (x[..., 2] if degree == 1 else x[..., 2] ** 2 - 1 / 3)

    def after(m: Tensor, _: Tensor, h: Tensor, tau: Tensor) -> Tensor:
        z = m[..., 2]
        mean = z * torch.exp(-h / 2) if degree == 1 else (z**2 - 0.5) * torch.exp(-2 * h) + 1 / 6
        return torch.exp(-rate * tau) * mean

    return Observable(ahead, after)


CLOUD = torch.tensor([[2.0, 1.8, 1.6], [2.0, -1.8, -1.6], [-2.0, 1.8, -1.6], [-2.0, -1.8, 1.6]], dtype=torch.float64)
ROUND = {n: VectorAction(SpecialOrthogonal(n)) for n in (2, 3)}


class Axis(GroupAction):
    """Rotations of R^3 about the third axis."""

    group = SpecialOrthogonal(2)
    linear = True

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        turned = torch.einsum("...ij,...j->...i", g, x[..., :2])
        return torch.cat([turned, x[..., 2:].expand(*turned.shape[:-1], 1)], -1)


BROWNIAN: dict[str, tuple[OrbitSpace, Tensor, float, list[Observable]]] = {
    "R2/SO(2)": (
        GroupQuotient(Euclidean(2), ROUND[2]),
        torch.tensor([4.0, 0.0]),
        0.2,
        [size(2, 1, 1), bell(2, 1, 1, rate=0.05)],
    ),
    "R3/SO(3)": (
        GroupQuotient(Euclidean(3), ROUND[3]),
        torch.tensor([4.0, 0.0, 0.0]),
        0.1,
        [size(3, 1, 1), bell(3, 1, 1, rate=0.05)],
    ),
    "R4x3/SE(3)": (ShapeSpace(4, 3), CLOUD, 0.2, [size(9, 6, 2), gap(ShapeSpace(4, 3))]),
    "S2/SO(2)": (
        GroupQuotient(Hypersphere(2), Axis()),
        torch.tensor([0.8, 0.0, 0.6]),
        0.02,
        [harmonic(1), harmonic(2)],
    ),
}


def local_errors(
    motion: BrownianMotion, observables: list[Observable], start: Tensor, horizon: float, n_steps: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Sums of local errors along paths, and the martingale that completes them to u(x_T, 0) - u(x_0, T), ``[2, n]``."""
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    path = motion.sample(start, horizon=horizon, n_steps=n_steps, noise=noise)
    h, left = path.ts[1], (horizon - path.ts).reshape(-1, 1)
    x = path.xs[:-1]
    drifted = motion.step(x, h, torch.zeros_like(x))
    errors, rests = [], []
    for u in observables:
        errors.append((u.after(drifted, x, h, left[1:]) - u.ahead(x, left[:-1])).sum(0))
        rests.append(u.ahead(path.xs[-1], left[-1]) - u.ahead(start, left[0]) - errors[-1])
    return torch.stack(errors), torch.stack(rests)


def check(runs: dict[float, list[tuple[Tensor, Tensor]]]) -> None:
    """Order WEAK for the exact drift, and errors that stay for the factors 0 and -1 of the curvature drift."""
    finest = {factor: levels[-1][0].mean(-1).abs() for factor, levels in runs.items()}
    for factor, levels in runs.items():
        order, bound = (WEAK, 0.05) if factor == 1.0 else (0.0, 0.1)
        for errors in zip(*(errors for errors, _ in levels), strict=True):
            slope, spread = fit(torch.stack(errors, 1), LEVELS)
            assert abs(slope - order) < 0.25
            assert spread < bound
        assert max(abs(standardised(rest)) for _, rests in levels for rest in rests) < CRITICAL
        assert factor == 1.0 or bool((finest[factor] > 20 * finest[1.0]).all())


@pytest.mark.parametrize("name", list(BROWNIAN))
def test_projected_brownian_motion(name: str) -> None:
    """The error against the exact mean falls with the declared order; with a wrong curvature drift it stays."""
    quotient, point, horizon, observables = BROWNIAN[name]
    start = point.double().expand(100, *point.shape)
    rule, runs = Counting(), {}
    for factor in (1.0, 0.0, -1.0):
        motion = ProjectedBrownianMotion(quotient, rule=rule, curvature_drift=factor)
        runs[factor] = [local_errors(motion, observables, start, horizon, n, seed=n) for n in LEVELS]
    check(runs)
    assert not rule.met


def cone_harmonic(degree: int) -> Callable[[Tensor], Tensor]:
    """r^p Y_l on C^2/U(1), the cone over S^2(1/2), with p (p + 1) = 4 l (l + 1): harmonic, so its mean stays."""
    power = (math.sqrt(1 + 16 * degree * (degree + 1)) - 1) / 2

    def value(x: Tensor) -> Tensor:
        first, second = (x.abs() ** 2).unbind(-1)
        z = (first - second) / (first + second)
        return (first + second) ** (power / 2) * (z if degree == 1 else z**2 - 1 / 3)

    return value


def test_intrinsic_brownian_motion() -> None:
    """Harmonic functions on a cone, the noise of a step integrated by Gauss-Hermite nodes in the horizontal space.

    For the projected motion they are not harmonic: its error stays. (Where geodesics of Q that start horizontally fill
    flat sections, on R^n/SO(n) or for conjugation, the intrinsic scheme has no error at all.)
    """
    nodes, masses = (torch.from_numpy(array) for array in np.polynomial.hermite_e.hermegauss(5))
    grid = torch.cartesian_prod(nodes, nodes, nodes)
    weights = torch.cartesian_prod(masses, masses, masses).prod(-1)[:, None, None] / masses.sum() ** 3
    quotient = GroupQuotient(ComplexEuclidean(2), PhaseAction())
    start = torch.tensor([2.5, 1.5], dtype=torch.complex128).expand(100, 2)
    slopes: dict[type[BrownianMotion], list[tuple[float, float]]] = {}
    for kind in (IntrinsicBrownianMotion, ProjectedBrownianMotion):
        motion, errors = kind(quotient), []
        for n_steps in LEVELS:
            noise = GeneratorNoise(torch.Generator().manual_seed(n_steps))
            path = motion.sample(start, horizon=0.2, n_steps=n_steps, noise=noise)
            x = path.xs[:-1]
            unit = x / torch.linalg.vector_norm(x, dim=-1, keepdim=True)
            across = torch.stack([-unit[..., 1].conj(), unit[..., 0].conj()], -1)
            a, b, c = grid[:, :, None, None, None].unbind(1)
            ends = motion.step(x.expand(len(grid), *x.shape), path.ts[1], a * unit + torch.complex(b, c) * across)
            local = [(weights * u(ends)).sum(0) - u(x) for u in map(cone_harmonic, (1, 2))]
            errors.append(torch.stack(local).sum(1))
        slopes[kind] = [fit(torch.stack(each, 1), LEVELS) for each in zip(*errors, strict=True)]
    for (slope, spread), (rival, _) in zip(*slopes.values(), strict=True):
        assert abs(slope - WEAK) < 0.25
        assert spread < 0.12
        assert abs(rival) < 0.25
