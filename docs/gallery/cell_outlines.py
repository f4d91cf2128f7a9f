"""Outlines of cells modulo translation, size and rotation: Kendall's planar shapes, with a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from kit import HERE, SEEDS, Check, Law, fit, flow, generator, style
from torch import Tensor, nn

from diffusion import (
    AlignedTarget,
    Equivariant,
    Independent,
    Interpolant,
    OrbitAligned,
    QuotientModel,
    Treatment,
    UniformSpherePrior,
)
from diffusion.couplings import Coupling
from groups import RotationAction
from quotient import GroupQuotient, PreShapes, derive, frechet_mean
from quotient.symbolic.examples import hopf_fibration

POINTS = 16
SHAPES = GroupQuotient(PreShapes(POINTS, 2), RotationAction(2))


def landmarks(curve: np.ndarray) -> np.ndarray:
    """Points at equal distances along a closed curve ``[n, 2]``, from the one farthest from the centre."""
    first = int(np.linalg.norm(curve - curve.mean(0), axis=1).argmax())
    closed = np.concatenate([curve[first:], curve[: first + 1]])
    along = np.concatenate([[0.0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()])
    wanted = np.arange(POINTS) / POINTS * along[-1]
    return np.stack([np.interp(wanted, along, column) for column in closed.T], -1)


@cache
def cells() -> tuple[Tensor, Tensor]:
    """Outlines of mouse cancer cells that come with geomstats: 450 to learn from, 200 to compare with."""
    from geomstats.datasets.utils import load_cells

    curves = [np.asarray(curve, dtype=np.float64) for curve in load_cells()[0]]
    marks = torch.from_numpy(np.stack([landmarks(curve) for curve in curves])).float()
    shuffled = SHAPES.total_space.projection(marks)[torch.randperm(len(marks), generator=generator(0))]
    return shuffled[:450], shuffled[450:]


def area(x: Tensor) -> Tensor:
    """Area of polygons of unit size, ``[...]``."""
    following = x.roll(-1, -2)
    return 0.5 * (x[..., 0] * following[..., 1] - x[..., 1] * following[..., 0]).sum(-1)


INVARIANTS = {
    "area": area,
    "elongation": lambda x: torch.linalg.svdvals(x)[..., 0] ** 2,
    "perimeter": lambda x: (x - x.roll(-1, -2)).norm(dim=-1).sum(-1),
}


class Outlines(nn.Module):
    """A network on the outline turned towards a mean shape, whose output is turned back: equivariant."""

    def __init__(self, mean: Tensor, width: int) -> None:
        super().__init__()
        self.mean = torch.view_as_complex(mean.contiguous())
        self.layers = nn.Sequential(
            nn.Linear(2 * POINTS + 2, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2 * POINTS),
        )

    def forward(self, x: Tensor, t: Tensor, condition: None) -> Tensor:
        z = torch.view_as_complex(x.contiguous())
        turn = torch.sgn((z.conj() * self.mean).sum(-1, keepdim=True))
        seen = torch.view_as_real(turn * z).flatten(-2)
        out = self.layers(torch.cat([4 * seen, t[..., None], t[..., None] ** 2], -1)).unflatten(-1, (POINTS, 2))
        return torch.view_as_real(turn.conj() * torch.view_as_complex(out))


@cache
def trained(treatment: Treatment, coupling: Coupling, steps: int) -> QuotientModel:
    """A model after so many steps, a few seconds."""
    known = cells()[0]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Outlines(frechet_mean(SHAPES, known, max_iterations=20).point, 128)
    path = Interpolant(prior=UniformSpherePrior(), coupling=coupling)
    data = known[torch.randint(len(known), (2**16,), generator=generator(1))]
    return fit(network, SHAPES, path, treatment, data, steps)


def right(steps: int) -> QuotientModel:
    """Flow matching on shape space: noise is turned to be nearest to the cell it is joined with."""
    return trained(Equivariant(), OrbitAligned(), steps)


def wrong(steps: int) -> QuotientModel:
    """Cells are turned to be nearest to what the network sees."""
    return trained(AlignedTarget(), Independent(), steps)


def sample(model: QuotientModel, count: int, seeds: Sequence[int] = SEEDS) -> Tensor:
    """Outlines, ``[seeds, count, POINTS, 2]``."""
    return flow(model, torch.zeros(POINTS, 2), seeds, count)[-1]


def check(seeds: Sequence[int] = SEEDS, count: int = 300, steps: int = 2000) -> Check:
    """Area, elongation and perimeter of outlines of unit size, against cells that the network has not seen."""
    unseen = cells()[1]
    return Check(
        right={"flow matching": Law.of(sample(right(steps), count, seeds), unseen, INVARIANTS)},
        wrong={"aligned target": Law.of(sample(wrong(steps), count, seeds), unseen, INVARIANTS)},
    )


def formulas() -> str:
    """Triangles: the shape sphere, of radius 1/2; orbits are great circles, H = 0."""
    action = hopf_fibration()
    return str(derive(action).generator(action.invariants, section=action.section))


def picture(folder: Path = HERE, steps: int = 2000, count: int = 9) -> Path:
    """Cells, and outlines from both models, turned towards the first cell."""
    figure, axes = style.panels(3, 1, height=0.95)
    rows = {
        "real cells": (cells()[1][:count], style.GREY),
        "flow": (sample(right(steps), count, (0,))[0], style.BLUE),
        "aligned target": (sample(wrong(steps), count, (0,))[0], style.RED),
    }
    for axis, (name, (shapes, colour)) in zip(axes, rows.items(), strict=True):
        turned = SHAPES.align(shapes, cells()[1][:1].expand_as(shapes)).point
        for place, x in enumerate(turned):
            axis.fill(x[:, 0] + 0.9 * place, x[:, 1], facecolor=colour, edgecolor=style.BLACK, alpha=0.6, lw=0.8)
        axis.text(-0.6, 0, name, ha="right", va="center", fontsize=9, color=colour)
        axis.axis("off")
        axis.set_aspect("equal")
    return style.save(figure, folder, "cell_outlines")
