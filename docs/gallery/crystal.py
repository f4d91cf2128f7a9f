"""Four like atoms in a periodic cell, T^8 / (T^2 x S_4): no origin, no names, and no centre of mass."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import sympy as sp
import torch
from kit import HERE, SEEDS, Check, Law, generator, noise, style
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from torch import Tensor

from diffusion import (
    Heun,
    Interpolant,
    ODESampler,
    VarianceExplodingSchedule,
    VelocityField,
    denoiser_from_score,
    power_grid,
    velocity_from_denoiser,
)
from groups import PeriodicTranslationAction, PermutationAction, ProductAction
from quotient import GroupQuotient, PeriodicClouds, SymbolicAction, derive

SYMMETRY = ProductAction(PeriodicTranslationAction(2), PermutationAction(4))
CRYSTALS = GroupQuotient(PeriodicClouds(4, torch.eye(2)), SYMMETRY)
INTERPOLANT = Interpolant(schedule=VarianceExplodingSchedule(sigma_max=0.5, rho=2.0))

# Atoms in rows, two by two, that shake about their places.
TEMPLATE = torch.tensor([[0.11, 0.0], [0.39, 0.0], [0.11, 0.5], [0.39, 0.5]], dtype=torch.float64)
SHAKE = 0.08
ORDERS = torch.tensor(list(permutations(range(4))))
SHIFTS = torch.arange(16, dtype=torch.float64) / 16
IMAGES = torch.arange(-2.0, 3.0, dtype=torch.float64).reshape(5, 1, 1, 1, 1, 1)


def draws(count: int, stream: torch.Generator) -> Tensor:
    """Exact crystals, ``[count, 4, 2]``: shifted, renamed and shaken at random."""
    x = SYMMETRY.act(SYMMETRY.group.random((count,), stream, TEMPLATE), TEMPLATE)
    return CRYSTALS.total_space.exp(SHAKE * torch.randn(x.shape, generator=stream, dtype=x.dtype), x)


def log_density(x: Tensor, sigma: Tensor, *, nearest: bool) -> Tensor:
    """Log of the density of ``x [n, 4, 2]`` after noise of amplitude sigma, up to a constant.

    Wrapped normal laws about every copy of the template: all orders, and all translations, one axis at a time by the
    trapezoidal rule. ``nearest`` takes the best order and translation in the place of their sum.
    """
    gaps = x[:, :, None, :, None] - TEMPLATE[:, :, None] - SHIFTS
    gaps = torch.remainder(gaps + 0.5, 1.0) - 0.5 + IMAGES
    logs = torch.logsumexp(-(gaps**2) / (2 * (sigma**2 + SHAKE**2)), 0)
    total = torch.stack([logs[:, i, ORDERS[:, i]] for i in range(4)]).sum(0)
    if nearest:
        return total.amax(-1).sum(-1).amax(-1)
    return torch.logsumexp(torch.logsumexp(total, -1).sum(-1), -1)


def velocity(*, nearest: bool = False) -> VelocityField:
    """The probability flow of the exact score; of the score of an aligned target where ``nearest``."""

    def field(x: Tensor, t: Tensor) -> Tensor:
        with torch.enable_grad():
            y = x.detach().requires_grad_()
            density = log_density(y, INTERPOLANT.schedule.alpha(t), nearest=nearest)
            (score,) = torch.autograd.grad(density.sum(), y)
        denoiser = denoiser_from_score(score, x, t, INTERPOLANT.schedule)
        return velocity_from_denoiser(denoiser, x, t, INTERPOLANT.schedule)

    return field


def paths(count: int, seeds: Sequence[int] = SEEDS, *, nearest: bool = False, steps: int = 12) -> Tensor:
    """Crystals at all times, ``[steps + 1, seeds, count, 4, 2]``, from uniform ones; atoms move, the whole does not."""
    source = noise(seeds, count)
    start = INTERPOLANT.initial(CRYSTALS, TEMPLATE.expand(len(seeds) * count, 4, 2), source)
    sampler = ODESampler(power_grid(steps, 1.0), method=Heun())
    with torch.no_grad():
        result = sampler.sample(CRYSTALS, start, velocity(nearest=nearest), keep_trajectory=True)
    return result.trajectory.unflatten(1, (len(seeds), count))


def distances(x: Tensor) -> Tensor:
    """Distances of all pairs by their nearest images in ascending order, ``[..., 6]``."""
    first, second = torch.triu_indices(4, 4, 1)
    return CRYSTALS.total_space.log(x[..., first, :], x[..., second, :]).norm(dim=-1).sort(dim=-1).values


INVARIANTS = {"nearest pair": lambda x: distances(x)[..., 0], "mean distance": lambda x: distances(x).mean(-1)}


def check(seeds: Sequence[int] = SEEDS, count: int = 150) -> Check:
    """The score of all copies, and that of the nearest copy."""
    exact = draws(20_000, generator(10_000))
    return Check(
        right={"probability flow": Law.of(paths(count, seeds)[-1], exact, INVARIANTS)},
        wrong={"aligned target": Law.of(paths(count, seeds, nearest=True)[-1], exact, INVARIANTS)},
    )


def formulas() -> str:
    """Two atoms on a circle modulo translations: flat, and the same process twice; permutations change nothing."""
    x, y, shift, gap = sp.symbols("x y s r", real=True)
    action = SymbolicAction((x, y), (shift,), (x + shift, y + shift), invariants={gap: x - y}, section=(gap, 0))
    return str(derive(action).generator(action.invariants, section=action.section))


def tiled(axis: Axes, x: Tensor, title: str) -> None:
    """One crystal, four by four cells."""
    axis.add_patch(Rectangle((1, 1), 1, 1, facecolor=style.SKY, alpha=0.35, lw=0))
    shifts = torch.cartesian_prod(torch.arange(-1, 5), torch.arange(-1, 5))
    for atom in x:
        axis.scatter(*(atom + shifts).T, s=13, color=style.BLUE, linewidths=0)
    axis.set_title(title, fontsize=10)
    axis.set_xlim(0, 4)
    axis.set_ylim(0, 4)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_aspect("equal")


def picture(folder: Path = HERE, count: int = 600) -> Path:
    """A crystal at the start and at the end, its cell shaded, and the distance of its nearest neighbours."""
    figure, axes = style.panels(1, 3, height=2.7)
    right, wrong = (paths(count, (2,), nearest=nearest)[:, 0] for nearest in (False, True))
    moved = CRYSTALS.total_space.log(right[-1], right[0]).norm(dim=(-2, -1))
    shown = int((moved - 3 * (distances(right[-1]) - distances(TEMPLATE)).norm(dim=-1)).argmax())
    tiled(axes[0], right[0, shown], "t = 0: no order")
    tiled(axes[1], right[-1, shown], "t = 1: pairs in rows")
    values = {"exact draws": draws(20_000, generator(2)), "flow": right[-1], "aligned target": wrong[-1]}
    for (name, x), colour in zip(values.items(), (style.GREY, style.BLUE, style.RED), strict=True):
        kind = {"histtype": "stepfilled", "alpha": 0.4} if name == "exact draws" else {"histtype": "step", "lw": 1.6}
        near = INVARIANTS["nearest pair"](x).tolist()
        axes[2].hist(near, bins=30, range=(0, 0.5), density=True, color=colour, label=name, **kind)
    axes[2].set_title("nearest pair of atoms", fontsize=10)
    axes[2].legend(fontsize=7, loc="upper left")
    axes[2].set_yticks([])
    return style.save(figure, folder, "crystal")
