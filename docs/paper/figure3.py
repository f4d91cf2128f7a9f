"""A molecule of two atoms: the mean over orientations is a shorter bond, the aligned target is not [Xu2026]."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import final

import numpy as np
import torch
from matplotlib.axes import Axes
from rich.progress import track
from scipy import stats
from style import BLACK, BLUE, GREY, HERE, RED, panels, save, share, write_table
from torch import Tensor

from diffusion import (
    Euler,
    Interpolant,
    ODESampler,
    OrbitMixture,
    power_grid,
    velocity_from_denoiser,
)
from groups import RotationAction
from quotient import ShapeSpace
from quotient.orbit_posterior import orbit_posterior

#: Two kinds of molecule: a short and a long bond, and how often they occur.
BONDS, SHARES, JITTER = (1.0, 3.0), (0.5, 0.5), 0.12
SPACE, ACTION, INTERPOLANT = ShapeSpace(2, 3), RotationAction(3), Interpolant()
POSTERIOR = orbit_posterior(ACTION)


def molecule(bond: Tensor) -> Tensor:
    """Two atoms on the first axis, centred, ``[..., 2, 3]``."""
    half = 0.5 * bond.unsqueeze(-1) * torch.tensor([1.0, 0.0, 0.0], dtype=bond.dtype)
    return torch.stack([half, -half], -2)


def bond_of(x: Tensor) -> Tensor:
    """The distance of the two atoms."""
    return (x[..., 0, :] - x[..., 1, :]).norm(dim=-1)


def data() -> OrbitMixture:
    """Both kinds of molecule in every orientation, with a little noise."""
    templates = molecule(torch.tensor(BONDS, dtype=torch.float64))
    weights = torch.tensor(SHARES, dtype=torch.float64)
    return OrbitMixture(SPACE, ACTION, POSTERIOR, templates, jitter=JITTER, interpolant=INTERPOLANT, weights=weights)


@final
@dataclass(frozen=True)
class BondLaw:
    """The law of the bond of the data, from its density on the quotient, and what x_t says of it.

    Attributes:
        mixture: the data.
        nodes: of the quadrature over bonds.
    """

    mixture: OrbitMixture
    nodes: int

    @cached_property
    def _log_density(self) -> tuple[np.ndarray, np.ndarray]:
        """Bonds, and the logarithm of the density on the slice times the volume of the orbit, on a fine grid."""
        bonds = torch.linspace(0.02, 5.0, 2001, dtype=torch.float64)
        x = molecule(bonds)
        log_p = self.mixture.log_density(x, torch.ones((), dtype=torch.float64))
        return bonds.numpy(), (log_p + SPACE.log_orbit_volume(x)).numpy()

    def given(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Bonds around the one that x_t shows, and their probabilities given x_t, both ``[..., nodes]``."""
        c = INTERPOLANT.schedule.coefficients(t)
        signal = c.beta.clamp_min(1e-3)
        middle, width = bond_of(x_t) / signal, 12.0 * c.alpha / signal
        low, high = (middle - width).clamp(0.05, 4.5), (middle + width).clamp(0.3, 4.9)
        bonds = low.unsqueeze(-1) + (high - low).unsqueeze(-1) * torch.linspace(0, 1, self.nodes, dtype=x_t.dtype)
        x1 = molecule(bonds)
        dual = INTERPOLANT.dual(SPACE, x_t, t).unsqueeze(-3).expand_as(x1)
        prior = torch.from_numpy(np.interp(bonds.numpy(), *self._log_density))
        sizes = (x1**2).sum((-2, -1)) * (c.beta / c.alpha) ** 2
        return bonds, torch.softmax(prior + POSTERIOR.log_normalizer(dual, x1) - 0.5 * sizes, -1)

    def denoiser(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[x1 | x_t]: over bonds, of the mean over orientations."""
        bonds, weights = self.given(x_t, t)
        x1 = molecule(bonds)
        means = POSTERIOR.mean(INTERPOLANT.dual(SPACE, x_t, t).unsqueeze(-3).expand_as(x1), x1)
        return (weights[..., None, None] * means).sum(-3)

    def aligned(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[A(x1) | x_t], A moving x1 along its orbit to be nearest to x_t."""
        bonds, weights = self.given(x_t, t)
        return SPACE.align(molecule((weights * bonds).sum(-1)), x_t).point


def exact_distribution(bond: np.ndarray) -> np.ndarray:
    """Exact distribution function of the bond of the data: a difference of two noisy atoms, noncentral chi."""
    scale = JITTER * np.sqrt(2.0)
    laws = [stats.ncx2(3, (size / scale) ** 2) for size in BONDS]
    shares = [law.cdf((bond / scale) ** 2) for law in laws]
    return np.average(shares, axis=0, weights=SHARES)


@dataclass(frozen=True)
class Flow:
    """Bonds along the ODE of one target.

    Attributes:
        name: of the target.
        ts: times.
        bonds: for each time and each of the starts, which are at even quantiles of the prior, ``[times, starts]``.
    """

    name: str
    ts: np.ndarray
    bonds: np.ndarray

    @property
    def levels(self) -> np.ndarray:
        """The quantiles of the starts; the flow of a bond is monotone and keeps them."""
        return (np.arange(self.bonds.shape[1]) + 0.5) / self.bonds.shape[1]

    def distance(self) -> float:
        """Kolmogorov-Smirnov distance of the last bonds from the data."""
        return float(np.abs(self.levels - exact_distribution(self.bonds[-1])).max())

    def long_share(self) -> float:
        """Share of the molecules whose bond is nearer to the longer kind."""
        return float((self.bonds[-1] > 0.5 * sum(BONDS)).mean())


def flows(*, starts: int, n_steps: int, nodes: int) -> list[Flow]:
    """The ODE from quantiles of the prior, driven by E[x1 | x_t] and by the aligned target."""
    mixture = data()
    law = BondLaw(mixture, nodes)
    levels = (np.arange(starts) + 0.5) / starts
    x0 = molecule(torch.from_numpy(np.sqrt(2.0 * stats.chi2(3).ppf(levels))))
    sampler = ODESampler(power_grid(n_steps, 1.5), method=Euler())

    def aligned(x: Tensor, t: Tensor) -> Tensor:
        return velocity_from_denoiser(law.aligned(x, t), x, t, INTERPOLANT.schedule)

    found = []
    drives = {"E[x₁ | xₜ]": mixture.velocity, "aligned target": aligned}
    for name, velocity in track(drives.items(), description="figure 3, flows"):
        result = sampler.sample(SPACE, x0, velocity, keep_trajectory=True)
        assert result.trajectory is not None
        found.append(Flow(name, result.ts.numpy(), bond_of(result.trajectory).numpy()))
    return found


def shortening(bond: float, ts: Tensor, *, count: int, seed: int = 0) -> Tensor:
    """Bonds of E[x1 | x_t] for one kind of molecule and x_t drawn at each time, ``[times, count]``."""
    generator = torch.Generator().manual_seed(seed)
    x1 = molecule(torch.full((count,), bond, dtype=torch.float64))
    x0 = SPACE.center(torch.randn(x1.shape, generator=generator, dtype=x1.dtype))
    bonds = []
    for t in ts:
        x_t = (1 - t) * x0 + t * x1
        bonds.append(bond_of(POSTERIOR.mean(INTERPOLANT.dual(SPACE, x_t, t), x1)))
    return torch.stack(bonds)


def draw_molecule(axis: Axes, x: Tensor, colour: str, dash: str, label: str, *, alpha: float = 1.0) -> None:
    """Two atoms and their bond in the plane of the first two coordinates."""
    atoms = x.numpy()
    axis.plot(atoms[:, 0], atoms[:, 1], dash, color=colour, marker="o", markersize=9, label=label, alpha=alpha)


def draw_targets(axis: Axes, bond: float, t: float) -> None:
    """One noisy molecule, the molecule it came from, and both targets."""
    time = torch.tensor(t, dtype=torch.float64)
    clean = molecule(torch.tensor(bond, dtype=torch.float64))
    turn = torch.linalg.matrix_exp(0.75 * torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 0]], dtype=torch.float64))
    noisy = 1.25 * clean
    mean = POSTERIOR.mean(INTERPOLANT.dual(SPACE, noisy, time), clean)
    draw_molecule(axis, clean @ turn.mT, GREY, ":", "x*, as drawn")
    draw_molecule(axis, SPACE.align(clean @ turn.mT, noisy).point, RED, "--", "x*, aligned to xₜ")
    draw_molecule(axis, noisy, BLACK, "-", "xₜ")
    draw_molecule(axis, mean, BLUE, "-", "E[x₁ | xₜ]")


def make(
    folder: Path, *, starts: int = 200, n_steps: int = 150, nodes: int = 49, count: int = 1000, times: int = 25
) -> dict[str, float]:
    """Write ``figure3.png`` and ``table_figure3.md``; return distances of the last bonds from the data."""
    figure, axes = panels(2, 2, height=3.7)
    bond, pictured = 2.0, 0.5
    draw_targets(axes[0], bond, pictured)
    axes[0].set(title=f"Targets at one xₜ, t = {pictured}", aspect="equal", xlim=(-1.5, 1.5), ylim=(-1.0, 1.75))
    axes[0].legend(ncols=2, loc="upper center", fontsize=9.5, handlelength=1.5, columnspacing=0.8)
    ts = torch.linspace(0.02, 0.98, times, dtype=torch.float64)
    shorter = shortening(bond, ts, count=count)
    low, middle, high = torch.quantile(shorter, torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64), dim=1)
    axes[1].axhline(bond, color=RED, linestyle="--", label="aligned target = x*")
    axes[1].plot(ts, middle, color=BLUE, label="E[x₁ | xₜ], median")
    axes[1].fill_between(ts, low, high, color=BLUE, alpha=0.2, label="10 % to 90 %")
    axes[1].set(title="Bond of the targets", xlabel="t (0: prior, 1: data)", ylabel="bond", ylim=(0, 2.3))
    axes[1].legend(loc="lower right")
    found = flows(starts=starts, n_steps=n_steps, nodes=nodes)
    some = np.linspace(0, starts - 1, 9).astype(int)
    for flow, colour, dash in zip(found, (BLUE, RED), ("-", "--"), strict=True):
        axes[2].plot(flow.ts, flow.bonds[:, some], dash, color=colour, linewidth=1.3)
        axes[2].plot([], [], dash, color=colour, label=flow.name)
        axes[3].plot(flow.bonds[-1], flow.levels, dash, color=colour, label=flow.name)
    axes[2].set(title="Bond along the ODE, same starts", xlabel="t (0: prior, 1: data)", ylabel="bond")
    axes[2].set_ylim(0, 6.8)
    axes[2].legend(loc="upper right")
    lengths = np.linspace(0.4, 3.7, 200)
    axes[3].plot(lengths, exact_distribution(lengths), color=BLACK, linewidth=1, label="data")
    axes[3].set(title="Bonds at the end", xlabel="bond", ylabel="share of shorter bonds", xlim=(0.4, 3.7))
    axes[3].legend(loc="upper left")
    save(figure, folder, "figure3")
    write_table(
        folder,
        "figure3",
        ("ODE driven by", "share of long bonds", "mean bond", "distance"),
        [
            *(
                (flow.name, share(flow.long_share()), f"{flow.bonds[-1].mean():.3f}", f"{flow.distance():.3f}")
                for flow in found
            ),
            ("data", share(SHARES[1]), f"{_mean_bond():.3f}", ""),
        ],
    )
    return {flow.name: flow.distance() for flow in found}


def _mean_bond() -> float:
    grid = np.linspace(0.0, 5.0, 20_001)
    return float(np.trapezoid(1.0 - exact_distribution(grid), grid))


def main() -> None:
    """Make the picture and the table of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
