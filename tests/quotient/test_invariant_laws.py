"""Laws of invariants of the lifted Brownian motions, against exact laws and independent simulations of their SDEs.

Kolmogorov-Smirnov tests with p > 1e-4 for the law of the process and p < 1e-4 for rivals: the curvature drift dropped
or flipped, and the other Brownian motion of the same quotient.
"""

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from groups import Conjugation, SpecialOrthogonal, Unitary, VectorAction
from quotient import (
    BrownianMotion,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    HermitianMatrices,
    IntrinsicBrownianMotion,
    NoiseSource,
    OrbitSpace,
    ProjectedBrownianMotion,
    ShapeSpace,
    SmallOrbitRule,
    SymmetricMatrices,
    UnprojectedNearSmallOrbits,
)

SEEDS = 5
THRESHOLD = 1e-4


class Seeded(NoiseSource):
    """Row s of the batch has its own generator, of seed s."""

    def __init__(self, seeds: int) -> None:
        self._rows = [GeneratorNoise(torch.Generator().manual_seed(seed)) for seed in range(seeds)]

    def normal(self, like: Tensor) -> Tensor:
        return torch.stack([row.normal(part) for row, part in zip(self._rows, like, strict=True)])


class Sharing(SmallOrbitRule):
    """A rule that keeps count: where most steps are unprojected a test says nothing of the lifted step."""

    def __init__(self, threshold: float) -> None:
        self._rule = UnprojectedNearSmallOrbits(threshold)
        self._loose, self._steps = 0, 0

    def unprojected(self, strength: Tensor) -> Tensor:
        mask = self._rule.unprojected(strength)
        self._loose, self._steps = self._loose + int(mask.sum()), self._steps + mask.numel()
        return mask

    def settle(self, kind: str) -> None:
        """Ask for a share below a fifth in the runs of the projected motion."""
        assert kind != "projected" or 0 < self._steps > 5 * self._loose


def judge(kind: str, law: str, p_values: list[float]) -> None:
    """Accept the law of the process for every seed, refuse the law of the other one and of spoilt drifts.

    Nothing is asked of spoilt drifts under the intrinsic law: without its drift the lift has just that law.
    """
    if law.startswith(kind):
        assert min(p_values) > THRESHOLD
    elif kind == "projected" or law.startswith("projected"):
        assert max(p_values) < THRESHOLD


def motions(quotient: OrbitSpace, rule: SmallOrbitRule) -> dict[str, BrownianMotion]:
    return {
        "projected": ProjectedBrownianMotion(quotient, rule=rule),
        "dropped": ProjectedBrownianMotion(quotient, rule=rule, curvature_drift=0.0),
        "flipped": ProjectedBrownianMotion(quotient, rule=rule, curvature_drift=-1.0),
        "intrinsic": IntrinsicBrownianMotion(quotient),
    }


def ends(motion: BrownianMotion, start: Tensor, count: int, horizon: float, n_steps: int) -> Tensor:
    """Independent paths with five seeds, at their ends: ``[SEEDS, count, *point_shape]``."""
    first = start.expand(SEEDS, count, *start.shape)
    return motion.sample(first, horizon=horizon, n_steps=n_steps, noise=Seeded(SEEDS)).xs[-1]


def two_sample(first: Tensor, second: Tensor) -> float:
    """Smallest p-value over the invariants ``[n, k]`` and ``[m, k]``."""
    results: list[Any] = [stats.ks_2samp(a, b, method="asymp") for a, b in zip(first.mT, second.mT, strict=True)]
    return min(float(result.pvalue) for result in results)


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3])
def test_radius_of_rotations(n: int) -> None:
    """Transitions of |x| on R^n/SO(n): Bessel of dimension n for the projected motion, |b_t| for the intrinsic one.

    Every interval gives a variable that is uniform under the law, and independent of the others.
    """
    quotient = GroupQuotient(Euclidean(n), VectorAction(SpecialOrthogonal(n)))
    start = n * torch.eye(n, dtype=torch.float64)[0].expand(SEEDS, 2000 if n == 2 else 500, n)
    intervals, per, horizon = 4, 10, 2.0
    length = horizon / intervals
    rule = Sharing(0.05)
    for kind, motion in motions(quotient, rule).items():
        path = motion.sample(start, horizon=horizon, n_steps=intervals * per, noise=Seeded(SEEDS))
        radius = torch.linalg.vector_norm(path.xs[::per], dim=-1) / math.sqrt(length)
        before, after = radius[:-1].numpy(), radius[1:].numpy()
        ranks = {
            "projected": stats.ncx2.cdf(after**2, df=n, nc=before**2),
            "intrinsic": stats.foldnorm.cdf(after, c=before),
        }
        for law, uniform in ranks.items():
            judge(kind, law, [float(stats.kstest(uniform[:, k].ravel(), "uniform").pvalue) for k in range(SEEDS)])
        rule.settle(kind)


def eigenvalues(x: Tensor) -> Tensor:
    """Sorted eigenvalues, and the distance of the outer ones."""
    values = torch.linalg.eigvalsh(x)
    return torch.cat([values, values[..., -1:] - values[..., :1]], -1)


def dyson(start: Tensor, beta: float, horizon: float, count: int, n_steps: int) -> Tensor:
    """Euler's scheme with small steps for d lambda_i = db_i + (beta / 2) sum_(j != i) dt / (lambda_i - lambda_j)."""
    generator = torch.Generator().manual_seed(99)
    x, h = start.expand(count, len(start)), horizon / n_steps
    for _ in range(n_steps):
        gaps = x.unsqueeze(-1) - x.unsqueeze(-2)
        push = torch.where(gaps == 0, 0.0, 1 / gaps).sum(-1)
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
        x = torch.sort(x + 0.5 * beta * h * push + math.sqrt(h) * noise, -1).values
    return torch.cat([x, x[:, -1:] - x[:, :1]], -1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "count"), [("U(2)", 400), ("U(3)", 120), ("SO(3)", 800)])
def test_eigenvalues(name: str, count: int) -> None:
    """Conjugation of Hermitian or symmetric matrices: projected: Dyson's motion; intrinsic: sorted Brownian motions.

    The projected law twice: exact, eigenvalues of diag(lambda_0) + sqrt(T) z, and from Dyson's SDE, beta = 2 for
    Hermitian and 1 for symmetric matrices.
    """
    n, beta = int(name[-2]), 1.0 if name == "SO(3)" else 2.0
    space = SymmetricMatrices(n) if beta == 1.0 else HermitianMatrices(n)
    action = Conjugation(SpecialOrthogonal(n) if beta == 1.0 else Unitary(n))
    values = 3.0 * torch.arange(n, dtype=torch.float64) - 1.5 * (n - 1)
    start = torch.diag(values).to(torch.float64 if beta == 1.0 else torch.complex128)
    horizon, rule = 2.0, Sharing(0.5)
    generator = torch.Generator().manual_seed(50)
    many = start.expand(8000, n, n)
    noise = space.to_tangent(GeneratorNoise(generator).normal(many), many)
    moved = values + math.sqrt(horizon) * torch.randn(8000, n, generator=generator, dtype=torch.float64)
    moved = torch.sort(moved, -1).values
    laws = {
        "projected": eigenvalues(start + math.sqrt(horizon) * noise),
        "projected, SDE": dyson(values, beta, horizon, 3000, 600),
        "intrinsic": torch.cat([moved, moved[:, -1:] - moved[:, :1]], -1),
    }
    assert two_sample(laws["projected"], laws["projected, SDE"]) > THRESHOLD
    for kind, motion in motions(GroupQuotient(space, action), rule).items():
        sample = eigenvalues(ends(motion, start, count, horizon, 20))
        for law, reference in laws.items():
            judge(kind, law, [two_sample(each, reference) for each in sample])
        rule.settle(kind)


def triangle(x: Tensor) -> Tensor:
    """Squared distances of three points and the squared area (times sixteen, by Heron)."""
    gaps = x.unsqueeze(-2) - x.unsqueeze(-3)
    squares = (gaps**2).sum(-1)
    return with_area(torch.stack([squares[..., 0, 1], squares[..., 0, 2], squares[..., 1, 2]], -1))


def with_area(s: Tensor) -> Tensor:
    return torch.cat([s, s.sum(-1, keepdim=True) ** 2 - 2 * (s**2).sum(-1, keepdim=True)], -1)


def squared_distances(start: Tensor, horizon: float, count: int, n_steps: int) -> Tensor:
    """Euler's scheme for the SDE of the squared distances s of three Brownian points of space.

    d s_ij = 6 dt + noise with d<s_ij, s_ij> = 8 s_ij dt and d<s_ij, s_ik> = 2 (s_ij + s_ik - s_jk) dt.
    """
    generator = torch.Generator().manual_seed(98)
    s, h = start.expand(count, 3), horizon / n_steps
    for _ in range(n_steps):
        total = s.sum(-1, keepdim=True)
        # the pair that two distances do not share is opposite to their common point
        a, b, c = (total - 2 * s).unbind(-1)
        first, second, third = (8 * s).unbind(-1)
        rows = [[first, 2 * c, 2 * b], [2 * c, second, 2 * a], [2 * b, 2 * a, third]]
        values, vectors = torch.linalg.eigh(torch.stack([torch.stack(row, -1) for row in rows], -2))
        z = torch.randn(count, 3, 1, generator=generator, dtype=s.dtype)
        s = s + 6 * h + math.sqrt(h) * (vectors @ (values.clamp(min=0).sqrt().unsqueeze(-1) * z)).squeeze(-1)
    return with_area(s)


@pytest.mark.slow
def test_distances_of_three_particles() -> None:
    """R^{3x3}/SE(3): distances of three free particles, and the SDE of the squared distances."""
    start = torch.tensor([[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [1.0, 3.5, 0.0]], dtype=torch.float64)
    horizon, rule = 2.0, Sharing(0.2)
    free = torch.randn(8000, 3, 3, generator=torch.Generator().manual_seed(51), dtype=torch.float64)
    laws = {
        "projected": triangle(start + math.sqrt(horizon) * free),
        "projected, SDE": squared_distances(triangle(start)[:3], horizon, 3000, 300),
    }
    assert two_sample(laws["projected"], laws["projected, SDE"]) > THRESHOLD
    for kind, motion in motions(ShapeSpace(3, 3), rule).items():
        sample = triangle(ends(motion, start - start.mean(-2), 800, horizon, 20))
        for law, reference in laws.items():
            judge(kind, law, [two_sample(each, reference) for each in sample])
        rule.settle(kind)
