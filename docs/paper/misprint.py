"""The sign of the curvature drift, decided by the growth of |x|^2 under projected Brownian motion [Xu2026]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from scipy import stats
from style import BLACK, BLUE, HERE, ORANGE, RED, panels, save, signed, write_table
from torch import Tensor

from quotient import GeneratorNoise, ProjectedBrownianMotion, ShapeSpace

#: Factor c of the drift -(c/2) H dt, what it stands for, and how it is drawn.
SIGNS = (
    (1.0, "−½ H, away from small orbits", BLUE, "-"),
    (0.0, "none", ORANGE, "--"),
    (-1.0, "+½ H, as printed", RED, ":"),
)
HORIZON, SIZE, SEED = 0.5, 1.5, 3


@dataclass(frozen=True)
class Growth:
    """Growth of |x|^2 from one point.

    Attributes:
        ts: times.
        mean: mean of |x_t|^2 - |x_0|^2.
        error: its standard error.
    """

    ts: np.ndarray
    mean: np.ndarray
    error: np.ndarray

    @property
    def rate(self) -> float:
        """Mean growth over the horizon, per unit of time."""
        return float(self.mean[-1] / self.ts[-1])

    @property
    def rate_error(self) -> float:
        """Its standard error."""
        return float(self.error[-1] / self.ts[-1])

    def z(self, expected: float) -> float:
        """Standardised difference from a rate."""
        return (self.rate - expected) / self.rate_error


def start(n_points: int) -> Tensor:
    """A centred cloud well away from singular orbits."""
    generator = torch.Generator().manual_seed(n_points)
    return ShapeSpace(n_points, 3).center(SIZE * torch.randn(n_points, 3, generator=generator, dtype=torch.float64))


def growth(n_points: int, factor: float, *, count: int, n_steps: int) -> Growth:
    """Simulate ``count`` paths of the projected Brownian motion with ``factor`` times the curvature drift."""
    space = ShapeSpace(n_points, 3)
    x0 = start(n_points).expand(count, n_points, 3)
    noise = GeneratorNoise(torch.Generator().manual_seed(SEED))
    path = ProjectedBrownianMotion(space, curvature_drift=factor).sample(
        x0, horizon=HORIZON, n_steps=n_steps, noise=noise
    )
    squares = (path.xs**2).sum((-2, -1))
    grown = squares - squares[0]
    return Growth(ts=path.ts.numpy(), mean=grown.mean(-1).numpy(), error=(grown.std(-1) / math.sqrt(count)).numpy())


def _z(value: float) -> str:
    return signed(value, 1)


def make(
    folder: Path, *, sizes: tuple[int, ...] = (3, 4, 5, 8), count: int = 4000, n_steps: int = 60
) -> dict[tuple[int, float], Growth]:
    """Write ``misprint.png`` and ``table_misprint.md``; return the growth for each size and sign."""
    cases = [(n, factor) for n in sizes for factor, *_ in SIGNS]
    found = {case: growth(*case, count=count, n_steps=n_steps) for case in track(cases, description="curvature drift")}
    figure, axes = panels(1, 2, height=3.9)
    shown = 5 if 5 in sizes else sizes[0]
    axes[0].plot([0, HORIZON], [0, 3 * (shown - 1) * HORIZON], color=BLACK, linewidth=1, label="3(N − 1) t")
    for place, (factor, name, colour, dash) in enumerate(SIGNS):
        one = found[shown, factor]
        axes[0].plot(one.ts, one.mean, dash, color=colour, label=name)
        width = float(stats.norm.isf(0.5e-4)) * one.error
        axes[0].fill_between(one.ts, one.mean - width, one.mean + width, color=colour, alpha=0.2, linewidth=0)
        axes[1].errorbar(
            np.arange(len(sizes)) + 0.15 * (place - 1),
            [found[n, factor].rate - 3 * (n - 1) for n in sizes],
            yerr=[4 * found[n, factor].rate_error for n in sizes],
            fmt="os^"[place],
            color=colour,
            capsize=3,
            linestyle="none",
            label=name,
        )
    axes[0].set(title=f"Growth of |x|², N = {shown}", xlabel="time", ylabel="E|x|² − |x₀|²")
    axes[0].set_ylim(0, 1.7 * 3 * (shown - 1) * HORIZON)
    axes[0].legend(title="curvature drift", loc="upper left")
    axes[1].axhline(0, color=BLACK, linewidth=1)
    axes[1].set(title="Rate less 3(N − 1), ± 4 s.e.", xlabel="number of particles N", ylabel="difference")
    axes[1].set_xticks(range(len(sizes)), [str(n) for n in sizes])
    axes[1].set_ylim(-7.5, 1.5)
    save(figure, folder, "misprint")
    write_table(
        folder,
        "misprint",
        ("N", "3(N − 1)", "drift −½ H", "z", "no drift", "z", "drift +½ H", "z"),
        [
            (
                str(n),
                str(3 * (n - 1)),
                *(
                    text
                    for factor, *_ in SIGNS
                    for text in (
                        f"{found[n, factor].rate:.2f} ± {found[n, factor].rate_error:.2f}",
                        _z(found[n, factor].z(3 * (n - 1))),
                    )
                ),
            )
            for n in sizes
        ],
    )
    return found


def main() -> None:
    """Make the picture and the table of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
