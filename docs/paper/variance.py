"""How noisy the regression target of each treatment is, given x_t."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from rich.progress import track
from scipy import special
from style import BLACK, BLUE, GREEN, HERE, ORANGE, PURPLE, RED, SKY, panels, save, write_table
from torch import Tensor
from variance_forms import TREATMENTS, OrbitData

from groups import RotationAction
from quotient import GroupQuotient, PointClouds, ShapeSpace
from quotient.orbit_posterior import orbit_posterior

LINES = ((ORANGE, "-"), (BLUE, "-"), (GREEN, "-"), (RED, "--"), (PURPLE, ":"))
SEED = 5


def rings(radii: tuple[float, ...], *, spread: float = 0.0, nodes: int = 1) -> OrbitData:
    """Circles in the plane, one point each: around each radius a normal law of radii, as a Gauss-Hermite rule."""
    places, weights = np.polynomial.hermite_e.hermegauss(nodes)
    action = RotationAction(2)
    all_radii = torch.cat([radius + spread * torch.from_numpy(places) for radius in radii])
    shares = torch.from_numpy(weights / weights.sum()).repeat(len(radii)) / len(radii)
    templates = torch.stack([all_radii, torch.zeros_like(all_radii)], -1).unsqueeze(-2)
    return OrbitData(GroupQuotient(PointClouds(1, 2), action), orbit_posterior(action), templates, shares)


def carbon_chain(dihedral: float) -> Tensor:
    """The four carbon atoms of butane in angstroms, ``[4, 3]``; ``dihedral`` in degrees."""
    bond, angle, turn = 1.53, math.radians(112.0), math.radians(dihedral)
    across, along = bond * math.sin(angle), bond * math.cos(angle)
    return torch.tensor(
        [
            [along, across, 0.0],
            [0.0, 0.0, 0.0],
            [bond, 0.0, 0.0],
            [bond - along, across * math.cos(turn), across * math.sin(turn)],
        ],
        dtype=torch.float64,
    )


def conformers(*, copies: int, jitter: float = 0.05) -> OrbitData:
    """The anti and the gauche conformer of butane, with some copies of each that vibrate a little."""
    space, action = ShapeSpace(4, 3), RotationAction(3)
    shapes = torch.stack([carbon_chain(180.0), carbon_chain(65.0)]).repeat_interleave(copies, 0)
    moved = torch.randn(shapes.shape, generator=torch.Generator().manual_seed(SEED), dtype=shapes.dtype)
    templates = space.center(shapes + jitter * moved)
    return OrbitData(space, orbit_posterior(action), templates, torch.full((2 * copies,), 0.5 / copies).double())


@dataclass(frozen=True)
class Curves:
    """Mean over x_t of the five variances at each time.

    Attributes:
        ts: times, ``[times]``.
        means: ``[5, times]``.
        errors: standard errors from the draws of x_t, ``[5, times]``.
    """

    ts: np.ndarray
    means: np.ndarray
    errors: np.ndarray


def curves(data: OrbitData, ts: Tensor, *, count: int, label: str) -> Curves:
    """Exact variances at ``count`` draws of x_t for each time."""
    generator = torch.Generator().manual_seed(SEED)
    found = torch.stack(
        [data.variances(data.noisy(t, count, generator), t) for t in track(ts, description=f"variance, {label}")], 1
    )
    return Curves(ts.numpy(), found.mean(-1).numpy(), (found.std(-1) / math.sqrt(count)).numpy())


def circle_ratio(kappa: np.ndarray) -> np.ndarray:
    """Orbit-averaged over aligned variance for two circles of nearly equal radius: (d(kappa A) / d kappa)^2."""
    ratio = special.ive(1, kappa) / special.ive(0, kappa)
    return (kappa * (1 - ratio**2)) ** 2


def sphere_ratio(kappa: np.ndarray) -> np.ndarray:
    """The same for two spheres in space, A = coth kappa - 1 / kappa."""
    return (1 / np.tanh(kappa) - kappa / np.sinh(kappa) ** 2) ** 2


def close_rings(kappas: Tensor) -> Tensor:
    """The ratio of :func:`circle_ratio` from the exact variances, for radii 1 and 1.001 and t = 1/2."""
    data, t = rings((1.0, 1.001)), torch.tensor(0.5, dtype=torch.float64)
    x_t = torch.stack([kappas * 0.5, torch.zeros_like(kappas)], -1).unsqueeze(-2)
    found = data.variances(x_t, t)
    return found[2] / found[3]


def _draw_curves(axis: Axes, found: Curves, title: str) -> None:
    for name, mean, (colour, dash) in zip(TREATMENTS, found.means, LINES, strict=True):
        axis.plot(found.ts, mean, dash, color=colour, label=name)
    axis.set(title=title, xlabel="t (0: prior, 1: data)", ylabel="trace of the covariance", yscale="log")


def _draw_removed(axis: Axes, found: Curves, name: str, dash: str) -> None:
    equivariant, projected, averaged = found.means[:3]
    axis.plot(found.ts, 1 - averaged / equivariant, dash, color=GREEN, label=f"averaging, {name}")
    axis.plot(found.ts, 1 - projected / equivariant, dash, color=BLUE, label=f"projection, {name}")


def make(folder: Path, *, times: int = 13, count: int = 400, nodes: int = 7, copies: int = 5) -> dict[str, Curves]:
    """Write ``variance.png`` and ``table_variance.md``; return the curves of both quotients."""
    ts = torch.linspace(0.05, 0.95, times, dtype=torch.float64)
    cases = {
        "R²/SO(2)": rings((1.0, 2.0), spread=0.1, nodes=nodes),
        "R⁴ˣ³/SE(3)": conformers(copies=copies),
    }
    found = {name: curves(data, ts, count=count, label=name) for name, data in cases.items()}
    figure, axes = panels(2, 2, height=3.7)
    _draw_curves(axes[0], found["R²/SO(2)"], "R²/SO(2): two rings")
    _draw_curves(axes[1], found["R⁴ˣ³/SE(3)"], "R⁴ˣ³/SE(3): butane")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=10)
    for (name, one), dash in zip(found.items(), ("-", "--"), strict=True):
        _draw_removed(axes[2], one, name, dash)
    axes[2].set(title="Share of the variance removed", xlabel="t (0: prior, 1: data)", ylim=(0, 1.02))
    axes[2].legend(fontsize=9.5)
    kappa = np.linspace(0.05, 10, 200)
    some = torch.tensor([0.5, 1.0, 2.0, 3.0, 5.0, 8.0], dtype=torch.float64)
    axes[3].axhline(1, color=BLACK, linewidth=1)
    axes[3].plot(kappa, circle_ratio(kappa), color=SKY, label="circles")
    axes[3].plot(some, close_rings(some), "o", color=SKY)
    axes[3].plot(kappa, sphere_ratio(kappa), "--", color=BLACK, label="spheres")
    axes[3].set(title="Averaged over aligned variance", xlabel="concentration κ", ylim=(0, 1.15))
    axes[3].legend(loc="lower right")
    save(figure, folder, "variance")
    shown = [int(place) for place in np.linspace(0, times - 1, min(times, 7)).round()]
    write_table(
        folder,
        "variance",
        (
            "M/G",
            "t",
            *(name.replace(" ", "<br>").replace("-", "-<br>") for name in TREATMENTS),
        ),
        [
            (
                name,
                f"{one.ts[k]:.2f}",
                *(_number(value) for value in one.means[:, k]),
            )
            for name, one in found.items()
            for k in shown
        ],
    )
    return found


def _number(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1e}".replace("-", "−")


def main() -> None:
    """Make the picture and the table of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
