"""Hamiltonians modulo the choice of a basis, Herm(3) / U(3): Dyson's levels, which repel each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from kit import HERE, SEEDS, Check, Law, generator, noise, style
from torch import Tensor

from diffusion import Interpolant, OrbitMixture, SDESampler, power_grid
from groups import Conjugation, Unitary
from quotient import AlwaysLifted, GroupQuotient, HermitianMatrices, derive
from quotient.orbit_posterior import orbit_posterior
from quotient.symbolic.examples import hermitian_conjugation

CHANGES = Conjugation(Unitary(3))
SPECTRA = GroupQuotient(HermitianMatrices(3), CHANGES)
INVARIANTS = {
    "lower gap": lambda x: torch.linalg.eigvalsh(x).diff(dim=-1)[..., 0],
    "upper gap": lambda x: torch.linalg.eigvalsh(x).diff(dim=-1)[..., 1],
    "middle": lambda x: torch.linalg.eigvalsh(x)[..., 1],
}

# A pair of equal levels below a single one, in a random basis, plus a small random Hermitian matrix.
LEVELS = torch.tensor([-1.0, -1.0, 2.0], dtype=torch.complex128)
TARGET = OrbitMixture(
    SPECTRA,
    CHANGES,
    orbit_posterior(CHANGES),
    torch.diag(LEVELS).unsqueeze(0),
    jitter=0.4,
    interpolant=Interpolant(),
)


def paths(count: int, seeds: Sequence[int] = SEEDS, *, curvature_drift: float = 1.0, steps: int = 25) -> Tensor:
    """Matrices at all times, ``[steps + 1, seeds, count, 3, 3]``: from the Gaussian unitary ensemble to the data."""
    source = noise(seeds, count)
    start = TARGET.interpolant.initial(SPECTRA, TARGET.templates.expand(len(seeds) * count, 3, 3), source)
    grid, rule = power_grid(steps, 1.5), AlwaysLifted()
    sampler = SDESampler(grid, TARGET.interpolant, curvature_drift=curvature_drift, rule=rule)
    with torch.no_grad():
        path = sampler.sample(SPECTRA, start, TARGET.velocity, source, keep_trajectory=True).trajectory
    return path.unflatten(1, (len(seeds), count))


def check(seeds: Sequence[int] = SEEDS, count: int = 100) -> Check:
    """With the repulsion of the levels, and without it."""
    exact = TARGET.sample(20_000, generator(10_000))
    return Check(
        right={"SDE": Law.of(paths(count, seeds)[-1], exact, INVARIANTS)},
        wrong={"SDE without -H/2": Law.of(paths(count, seeds, curvature_drift=0.0)[-1], exact, INVARIANTS)},
    )


def formulas() -> str:
    """Two levels: the projected process is Dyson's, the intrinsic one is flat and does not repel."""
    action = hermitian_conjugation()
    return str(derive(action).generator(action.invariants, section=action.section))


def picture(folder: Path = HERE, count: int = 300) -> Path:
    """Levels along a few paths with and without the curvature drift, and the gaps at the end."""
    figure, axes = style.panels(1, 3, height=2.9)
    times = power_grid(40, 1.5)
    gaps = {"exact draws": INVARIANTS["lower gap"](TARGET.sample(20_000, generator(3)))}
    for axis, (title, drift) in zip(
        axes, {"SDE: levels repel": 1.0, "without curvature drift": 0.0}.items(), strict=False
    ):
        levels = torch.linalg.eigvalsh(paths(count, (3,), curvature_drift=drift, steps=40)[:, 0])
        gaps[title.split(":")[0]] = levels[-1].diff(dim=-1)[..., 0]
        for path in levels[:, :1].unbind(1):
            for level, colour in zip(path.unbind(-1), (style.BLUE, style.ORANGE, style.GREEN), strict=True):
                axis.plot(times, level, color=colour, lw=1.2)
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("t")
        axis.set_ylim(-3, 3.5)
    axes[0].set_ylabel("energy levels")
    bins = torch.linspace(0, 2.6, 27).tolist()
    for (name, gap), colour in zip(gaps.items(), (style.GREY, style.BLUE, style.RED), strict=True):
        kind = {"histtype": "stepfilled", "alpha": 0.4} if name == "exact draws" else {"histtype": "step", "lw": 1.6}
        axes[2].hist(gap.tolist(), bins=bins, density=True, color=colour, label=name, **kind)
    axes[2].set_title("gap of the lower levels", fontsize=10)
    axes[2].set_ylim(0, 1.9)
    axes[2].set_yticks([])
    axes[2].legend(fontsize=7)
    return style.save(figure, folder, "energy_levels")
