"""Covariance matrices of rank two, R^{3 x 2} / O(2): factors of which only y y^T can be seen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from kit import HERE, SEEDS, Check, Law, generator, noise, style
from torch import Tensor

from diffusion import Interpolant, OrbitMixture, SDESampler, power_grid
from groups import OrthogonalAction
from quotient import AlwaysLifted, GroupQuotient, Matrices, derive
from quotient.orbit_posterior import orbit_posterior
from quotient.symbolic.examples import low_rank_factors

TURNS = OrthogonalAction(2)
COVARIANCES = GroupQuotient(Matrices(3, 2), TURNS)
INVARIANTS = {
    "total variance": lambda y: (y**2).sum((-2, -1)),
    "covariance": lambda y: (y @ y.mT)[..., 0, 2],
    "smaller eigenvalue": lambda y: torch.linalg.svdvals(y)[..., 1] ** 2,
}

# Three variables and two hidden factors: the loadings are known up to rotations and reflections of the factors.
LOADINGS = torch.tensor([[0.8, 0.1], [0.6, -0.2], [-0.3, 0.2]], dtype=torch.float64)
TARGET = OrbitMixture(COVARIANCES, TURNS, orbit_posterior(TURNS), LOADINGS[None], jitter=0.3, interpolant=Interpolant())


def sample(count: int, seeds: Sequence[int] = SEEDS, *, curvature_drift: float = 1.0, steps: int = 30) -> Tensor:
    """Factors by dx = (P (v + eta s) - c eta H) dt + sqrt(2 eta) P dw, ``[seeds, count, 3, 2]``; c = 1 is exact."""
    source = noise(seeds, count)
    start = TARGET.interpolant.initial(COVARIANCES, LOADINGS.expand(len(seeds) * count, 3, 2), source)
    grid, rule = power_grid(steps, 1.5), AlwaysLifted()
    sampler = SDESampler(grid, TARGET.interpolant, curvature_drift=curvature_drift, rule=rule)
    with torch.no_grad():
        return sampler.sample(COVARIANCES, start, TARGET.velocity, source).x.unflatten(0, (len(seeds), count))


def check(seeds: Sequence[int] = SEEDS, count: int = 900) -> Check:
    """With the curvature drift, and without it."""
    exact = TARGET.sample(20_000, generator(10_000))
    return Check(
        right={"SDE": Law.of(sample(count, seeds), exact, INVARIANTS)},
        wrong={"SDE without -H/2": Law.of(sample(count, seeds, curvature_drift=0.0), exact, INVARIANTS)},
    )


def formulas() -> str:
    """Eigenvalues of y y^T: the processes of Wishart and Bru, projected, and of the Bures-Wasserstein metric."""
    action = low_rank_factors()
    return str(derive(action).generator(action.invariants, section=action.section))


def picture(folder: Path = HERE, count: int = 1500) -> Path:
    """Factors of samples as they are, the same turned towards the loadings, and what the covariances say."""
    figure, axes = style.panels(1, 3, height=2.7)
    right, wrong = (sample(count, (4,), curvature_drift=c)[0] for c in (1.0, 0.0))
    turned = COVARIANCES.align(right, LOADINGS.expand_as(right)).point
    for axis, y, title in ((axes[0], right, "factors: turned at will"), (axes[1], turned, "the same, aligned")):
        for row, colour in enumerate((style.BLUE, style.ORANGE, style.GREEN)):
            axis.scatter(*y[:300, row].T, s=4, color=colour, linewidths=0)
        axis.set_title(title, fontsize=10)
        axis.set_xlim(-1.8, 1.8)
        axis.set_ylim(-1.8, 1.8)
        axis.set_aspect("equal")
        axis.tick_params(labelsize=8)
    values = {"exact draws": TARGET.sample(20_000, generator(4)), "SDE": right, "without curvature drift": wrong}
    for (name, y), colour in zip(values.items(), (style.GREY, style.BLUE, style.RED), strict=True):
        kind = {"histtype": "stepfilled", "alpha": 0.4} if name == "exact draws" else {"histtype": "step", "lw": 1.6}
        total = INVARIANTS["total variance"](y).tolist()
        axes[2].hist(total, bins=30, range=(0, 4.5), density=True, color=colour, label=name, **kind)
    axes[2].set_title("total variance, tr y y$^T$", fontsize=10)
    axes[2].legend(fontsize=7)
    axes[2].set_yticks([])
    return style.save(figure, folder, "covariances")
