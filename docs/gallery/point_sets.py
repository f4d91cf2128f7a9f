"""Sets of six points of the plane, R^{6 x 2} / S_6: nobody says which point is which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from kit import HERE, SEEDS, Check, Law, generator, noise, style
from torch import Tensor

from diffusion import AlignedTargetOptimum, Heun, Interpolant, ODESampler, OrbitMixture, VelocityField, power_grid
from groups import PermutationAction
from quotient import GroupQuotient, Matrices
from quotient.orbit_posterior import orbit_posterior

RENAMING = PermutationAction(6)
SETS = GroupQuotient(Matrices(6, 2), RENAMING)

# The six of a die, and a pentagon with its centre.
DIE = [[x, y] for x in (-0.7, 0.7) for y in (-1.2, 0.0, 1.2)]
STAR = [[0.0, 0.0], *([1.4 * math.sin(0.4 * math.pi * k), 1.4 * math.cos(0.4 * math.pi * k)] for k in range(5))]
TARGET = OrbitMixture(
    SETS,
    RENAMING,
    orbit_posterior(RENAMING),
    torch.tensor([DIE, STAR], dtype=torch.float64),
    jitter=0.15,
    interpolant=Interpolant(),
    weights=torch.tensor([0.7, 0.3], dtype=torch.float64),
)
INVARIANTS = {
    "nearest to the origin": lambda x: x.norm(dim=-1).amin(-1),
    "width": lambda x: x[..., 0].amax(-1) - x[..., 0].amin(-1),
    "third moment": lambda x: (x[..., 1] ** 3).mean(-1),
}


def paths(count: int, seeds: Sequence[int] = SEEDS, *, field: VelocityField = TARGET.velocity) -> Tensor:
    """Sets at all times, ``[times, seeds, count, 6, 2]``, along the probability flow."""
    source = noise(seeds, count)
    start = TARGET.interpolant.initial(SETS, TARGET.templates[0].expand(len(seeds) * count, 6, 2), source)
    with torch.no_grad():
        result = ODESampler(power_grid(15, 1.3), method=Heun()).sample(SETS, start, field, keep_trajectory=True)
    return result.trajectory.unflatten(1, (len(seeds), count))


def check(seeds: Sequence[int] = SEEDS, count: int = 400) -> Check:
    """The mean over all names, against the names that fit best."""
    exact, aligned = TARGET.sample(20_000, generator(10_000)), AlignedTargetOptimum(TARGET).velocity
    return Check(
        right={"probability flow": Law.of(paths(count, seeds)[-1], exact, INVARIANTS)},
        wrong={"aligned target": Law.of(paths(count, seeds, field=aligned)[-1], exact, INVARIANTS)},
    )


def formulas() -> str:
    """What is derived for a finite group, at random sets."""
    x = TARGET.sample(3, generator(0))
    v = torch.randn(x.shape, generator=generator(1), dtype=x.dtype)
    moved = SETS.horizontal_projection(v, x) - v
    return "\n".join(
        [
            f"group                = {RENAMING.group.order} elements, dimension {RENAMING.group.dim}",
            f"|P v - v|            = {float(moved.abs().max()):g}",
            f"mean curvature       = {float(SETS.mean_curvature(x).abs().max()):g}",
            f"log orbit volume     = {float(SETS.log_orbit_volume(x)[0]):g}",
        ]
    )


def picture(folder: Path = HERE, count: int = 400) -> Path:
    """Paths of the points of four sets, one colour a name; then what share of the sets are stars."""
    figure, axes = style.panels(1, 4, height=2.2)
    right = paths(count, (3,))[:, 0]
    wrong = paths(count, (3,), field=AlignedTargetOptimum(TARGET).velocity)[-1, 0]
    colours = (style.BLUE, style.ORANGE, style.GREEN, style.RED, style.PURPLE, style.SKY)
    star = INVARIANTS["nearest to the origin"](right[-1]) < 0.45
    shown = [*torch.nonzero(~star)[:2, 0].tolist(), *torch.nonzero(star)[:1, 0].tolist()]
    for axis, which, title in zip(axes, shown, ("a six", "another, other names", "a star"), strict=False):
        for path, colour in zip(right[:, which].unbind(1), colours, strict=True):
            axis.plot(*path.T, color=colour, lw=0.8, alpha=0.6)
            axis.scatter(*path[-1], s=75, color=colour, zorder=3)
        axis.set_xlim(-2.1, 2.1)
        axis.set_ylim(-2.1, 2.1)
        axis.set_title(title, fontsize=10)
        axis.set_aspect("equal")
        axis.axis("off")
    exact = INVARIANTS["nearest to the origin"](TARGET.sample(20_000, generator(4)))
    found = {"data": exact, "flow": INVARIANTS["nearest to the origin"](right[-1])}
    found["aligned\ntarget"] = INVARIANTS["nearest to the origin"](wrong)
    shares = [100 * float((value < 0.45).float().mean()) for value in found.values()]
    bars = axes[3].bar(list(found), shares, color=[style.GREY, style.BLUE, style.RED])
    axes[3].bar_label(bars, fmt="%.0f %%", fontsize=9)
    axes[3].set_title("share of stars", fontsize=10)
    axes[3].set_ylim(0, 45)
    axes[3].tick_params(labelsize=8)
    axes[3].set_yticks([])
    return style.save(figure, folder, "point_sets")
