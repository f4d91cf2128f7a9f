"""The plane modulo rotations: the lifted equation moves on rays only and still recovers the density [Xu2026]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from rich.progress import track
from scipy import stats
from style import BLACK, BLUE, GREEN, GREY, HERE, ORANGE, RED, panels, save, share, write_table
from torch import Tensor
from unprojected import undivided

from diffusion import Interpolant, OrbitMixture, SDESampler, VelocityField, power_grid, quotient_log_density
from groups import SpecialOrthogonal, VectorAction
from quotient import (
    AlwaysLifted,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    OrbitSpace,
    SmallOrbitRule,
    UnprojectedNearSmallOrbits,
)
from quotient.orbit_posterior import orbit_posterior

RADII, WEIGHTS, JITTER = (0.7, 2.2), (0.4, 0.6), 0.2
SEED = 1
ACTION = VectorAction(SpecialOrthogonal(2))
PLANE = Euclidean(2)
QUOTIENT = GroupQuotient(PLANE, ACTION)
FREE = undivided(PLANE)


@dataclass(frozen=True)
class Process:
    """One way to integrate the sampling equation.

    Attributes:
        name: for legends.
        colour: of its lines.
        dash: of its lines.
        space: the quotient whose sampler it is.
        drift: factor of the curvature drift.
        rule: what to do near the origin.
        pictured: whether it has a panel.
    """

    name: str
    colour: str
    dash: str
    space: OrbitSpace
    drift: float
    rule: SmallOrbitRule
    pictured: bool = True


PROCESSES = (
    Process("lifted", BLUE, "-", QUOTIENT, 1.0, AlwaysLifted()),
    Process("unprojected", ORANGE, "--", FREE, 1.0, AlwaysLifted()),
    Process("no curvature drift", RED, ":", QUOTIENT, 0.0, AlwaysLifted()),
    Process("lifted, small-orbit rule", GREEN, "-.", QUOTIENT, 1.0, UnprojectedNearSmallOrbits(), pictured=False),
)


def oracle() -> OrbitMixture:
    """Two rings of points: the density on the plane is invariant, that of the radius has two humps."""
    templates = torch.tensor([[radius, 0.0] for radius in RADII], dtype=torch.float64)
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    return OrbitMixture(
        QUOTIENT,
        ACTION,
        orbit_posterior(ACTION),
        templates,
        jitter=JITTER,
        interpolant=Interpolant(),
        weights=weights,
    )


def radial_velocity(mixture: OrbitMixture, *, nodes: int = 501, largest: float = 4.5) -> VelocityField:
    """The velocity v(x, t) = f(|x|, t) x / |x|, with f interpolated between radii: much fewer exact evaluations."""
    spacing = largest / (nodes - 1)
    ray = torch.stack([torch.linspace(0.0, largest, nodes, dtype=torch.float64), torch.zeros(nodes)], -1)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        exact = mixture.velocity(ray, t)[:, 0]
        radius = x.norm(dim=-1)
        place = (radius / spacing).clamp(max=nodes - 1.001)
        below = place.long()
        speed = torch.lerp(exact[below], exact[below + 1], place - below)
        return x * (speed / radius.clamp_min(1e-300)).unsqueeze(-1)

    return velocity


def run(process: Process, start: Tensor, n_steps: int, seed: int) -> Tensor:
    """Points at all times, ``[n_steps + 1, count, 2]``."""
    mixture = oracle()
    sampler = SDESampler(
        power_grid(n_steps, 2.0), mixture.interpolant, rule=process.rule, curvature_drift=process.drift
    )
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    result = sampler.sample(process.space, start, radial_velocity(mixture), noise, keep_trajectory=True)
    assert result.trajectory is not None
    return result.trajectory


def radial_density(radius: Tensor) -> Tensor:
    """Exact density q of the radius at t = 1: that of the plane times the length of the circle."""
    mixture = oracle()
    x = torch.stack([radius, torch.zeros_like(radius)], -1)
    log_p = mixture.log_density(x, torch.ones((), dtype=torch.float64))
    return quotient_log_density(QUOTIENT, log_p, x, action=ACTION).exp()


def radial_distribution(radius: np.ndarray) -> np.ndarray:
    """Exact distribution function of the radius: a mixture of Rice laws."""
    laws = [stats.rice(size / JITTER, scale=JITTER) for size in RADII]
    return np.average([law.cdf(radius) for law in laws], axis=0, weights=WEIGHTS)


def turns(trajectory: Tensor) -> Tensor:
    """Absolute angles between the lines through the origin of successive points, ``[n_steps, count]``."""
    angle = torch.atan2(trajectory[..., 1], trajectory[..., 0]).diff(dim=0)
    return (angle - math.pi * (angle / math.pi).round()).abs()


@dataclass(frozen=True)
class Outcome:
    """What came of one process.

    Attributes:
        distance: Kolmogorov-Smirnov distance of the radii from the exact law.
        p_value: of that distance.
        on_ray: share of the steps that stay on a line through the origin.
        swept: median of the angle that a path sweeps.
        mean: mean radius.
    """

    distance: float
    p_value: float
    on_ray: float
    swept: float
    mean: float


def outcome(trajectory: Tensor) -> Outcome:
    """Compare the last points with the exact law, and measure the turns on the way."""
    radii = trajectory[-1].norm(dim=-1).numpy()
    result = stats.kstest(radii, radial_distribution)
    turned = turns(trajectory)
    return Outcome(
        distance=float(result.statistic),
        p_value=float(result.pvalue),
        on_ray=float((turned < 1e-9).double().mean()),
        swept=float(turned.sum(0).median()),
        mean=float(radii.mean()),
    )


def ring(n_paths: int) -> Tensor:
    """Starts of the paths that are drawn, ``[n_paths, 2]``."""
    turn = torch.arange(n_paths, dtype=torch.float64) * (2 * math.pi / n_paths)
    return 1.3 * torch.stack([turn.cos(), turn.sin()], -1)


def draw_paths(axis: Axes, process: Process, paths: np.ndarray) -> None:
    """Paths ``[n_steps + 1, n_paths, 2]`` with their ends, over the rings of the data."""
    for radius in RADII:
        axis.add_patch(Circle((0, 0), radius, fill=False, color=GREY, linestyle="--", linewidth=1))
    axis.plot(paths[:, :, 0], paths[:, :, 1], color=process.colour, linewidth=0.9, alpha=0.75)
    axis.scatter(*paths[0].T, s=22, facecolor="white", edgecolor=GREY, zorder=3, label="start")
    axis.scatter(*paths[-1].T, s=22, color="black", zorder=4, label="end")
    axis.set(title=f"Paths: {process.name}", aspect="equal", xlim=(-3.1, 3.1), ylim=(-3.1, 3.1), xlabel="x", ylabel="y")
    axis.legend(loc="upper right", handletextpad=0.1, borderpad=0.3)


def make(folder: Path, *, count: int = 6_000, n_steps: int = 500, n_paths: int = 14) -> dict[str, Outcome]:
    """Write ``figure1.png`` and ``table_figure1.md``."""
    figure, axes = panels(2, 2, height=3.9)
    outcomes: dict[str, Outcome] = {}
    for number, process in enumerate(track(PROCESSES, description="figure 1")):
        start = GeneratorNoise(torch.Generator().manual_seed(SEED)).normal(torch.zeros(count, 2, dtype=torch.float64))
        both = run(process, torch.cat([ring(n_paths), start]), n_steps, SEED + 1)
        paths, trajectory = both[:, :n_paths], both[:, n_paths:]
        outcomes[process.name] = outcome(trajectory)
        if not process.pictured:
            continue
        draw_paths(axes[number], process, paths.numpy())
        heights, edges = np.histogram(trajectory[-1].norm(dim=-1).numpy(), bins=np.linspace(0, 3.2, 49))
        heights = heights / (count * np.diff(edges))
        axes[3].stairs(heights, edges, color=process.colour, linestyle=process.dash, linewidth=2, label=process.name)
    grid = torch.linspace(1e-3, 3.2, 400, dtype=torch.float64)
    axes[3].plot(grid, radial_density(grid), color=BLACK, linewidth=1, label="exact")
    axes[3].set(title="Density of the radius at the end", xlabel="radius", ylabel="density", xlim=(0, 3.2))
    axes[3].set_ylim(0, 2.1)
    axes[3].legend(loc="upper center", fontsize=9.5)
    save(figure, folder, "figure1")
    radii = np.linspace(0.0, 4.0, 4001)
    exact = np.trapezoid(1.0 - radial_distribution(radii), radii)
    write_table(
        folder,
        "figure1",
        ("process", "on a ray", "angle swept", "mean radius", "distance", "p"),
        [
            (
                name,
                share(found.on_ray),
                f"{found.swept:.2f}",
                f"{found.mean:.3f}",
                f"{found.distance:.4f}",
                "< 1e−9" if found.p_value < 1e-9 else f"{found.p_value:.2g}",
            )
            for name, found in outcomes.items()
        ]
        + [("exact", "", "", f"{exact:.3f}", "", "")],
    )
    return outcomes


def main() -> None:
    """Make the picture and the table of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
