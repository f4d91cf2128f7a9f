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
TARGET = OrbitMixture(
    COVARIANCES, TURNS, orbit_posterior(TURNS), LOADINGS[None], jitter=0.3, interpolant=Interpolant()
)


def sample(count: int, seeds: Sequence[int] = SEEDS, *, curvature_drift: float = 1.0, steps: int = 30) -> Tensor:
    """Factors by dx = (P (v + eta s) - c eta H) dt + sqrt(2 eta) P dw, ``[seeds, count, 3, 2]``; c = 1 is exact."""
    source = noise(seeds, count)
    start = TARGET.interpolant.initial(COVARIANCES, LOADINGS.expand(len(seeds) * count, 3, 2), source)
    grid, rule = power_grid(steps, 1.5), AlwaysLifted()
    sampler = SDESampler(grid, TARGET.interpolant, curvature_drift=curvature_drift, rule=rule)
    with torch.no_grad():
        return sampler.sample(COVARIANCES, start, TARGET.velocity, source).x.unflatten(0, (len(seeds), count))


def check(seeds: Sequence[int] = SEEDS, count: int = 600) -> Check:
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


def picture(folder: Path = HERE, count: int = 1000) -> Path:
    """Loadings of samples, which turn freely; their covariances, which do not; the smaller eigenvalue."""
    figure, axes = style.panels(1, 3, height=2.9)
    right, wrong = (sample(count, (4,), curvature_drift=c)[0] for c in (1.0, 0.0))
    exact = TARGET.sample(20_000, generator(4))
    for row, colour in enumerate((style.BLUE, style.ORANGE, style.GREEN)):
        axes[0].scatter(*right[:, row].T, s=2, color=colour, linewidths=0)
    axes[0].set_title("factors y: a choice", fontsize=10)
    axes[0].set_aspect("equal")
    pairs = ((0, 1, style.BLUE), (0, 2, style.ORANGE), (1, 2, style.GREEN))
    for i, j, colour in pairs:
        entry = (right @ right.mT)[:, i, j].tolist()
        axes[1].hist(entry, bins=40, range=(-2.5, 4), density=True, color=colour, alpha=0.4)
        entry = (exact @ exact.mT)[:, i, j].tolist()
        axes[1].hist(entry, bins=40, range=(-2.5, 4), density=True, color=colour, histtype="step", lw=1.5)
        axes[1].text(sum(entry) / len(entry), 1.03, f"{i + 1}{j + 1}", color=colour, fontsize=9, ha="center")
    axes[1].set_ylim(0, 1.2)
    axes[1].set_title("covariances: data (lines)\nand samples", fontsize=10)
    values = {"exact draws": exact, "SDE": right, "without curvature drift": wrong}
    for (name, y), colour in zip(values.items(), (style.GREY, style.BLUE, style.RED), strict=True):
        kind = {"histtype": "stepfilled", "alpha": 0.4} if name == "exact draws" else {"histtype": "step", "lw": 1.6}
        small = torch.linalg.svdvals(y)[:, 1].tolist()
        axes[2].hist(small, bins=30, range=(0, 1.5), density=True, color=colour, label=name, **kind)
    axes[2].set_title("smaller standard deviation", fontsize=10)
    axes[2].set_ylim(0, 4)
    axes[2].legend(fontsize=7)
    return style.save(figure, folder, "covariances")
