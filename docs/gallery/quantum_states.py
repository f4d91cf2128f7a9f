"""Pure states of a three-level system modulo phase, CP^2 = S^5 / U(1), by flow matching with a trained network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import sympy as sp
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
from groups import PhaseAction
from quotient import ComplexHypersphere, GroupQuotient, SymbolicAction, derive

STATES = GroupQuotient(ComplexHypersphere(3), PhaseAction())
INVARIANTS = {
    "p0": lambda z: z[..., 0].abs() ** 2,
    "p1": lambda z: z[..., 1].abs() ** 2,
    "conic": lambda z: (z[..., 1] ** 2 - 2 * z[..., 0] * z[..., 2]).abs(),
}


def measured(count: int, stream: torch.Generator) -> Tensor:
    """The data, ``[count, 3]``: two like spins, parallel in three cases of four, entangled in the others; with noise.

    Parallel spins (a, b) are (a^2, sqrt(2) a b, b^2): Veronese's conic z_1^2 = 2 z_0 z_2 in the plane CP^2.
    """
    a, b = torch.randn(2, count, generator=stream, dtype=torch.complex64)
    parallel = torch.stack([a**2, math.sqrt(2) * a * b, b**2], -1) / (a.abs() ** 2 + b.abs() ** 2)[:, None]
    entangled = torch.tensor([0, 1, 0], dtype=torch.complex64)
    pure = torch.where(torch.rand(count, 1, generator=stream) < 0.75, parallel, entangled)
    return STATES.total_space.projection(pure + 0.1 * torch.randn(count, 3, generator=stream, dtype=torch.complex64))


class Observables(nn.Module):
    """v(z, t) = A(z z^*, t) z: what acts on states is a matrix, and it depends on the density matrix alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(20, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 18)
        )

    def forward(self, z: Tensor, t: Tensor, condition: None) -> Tensor:
        density = torch.view_as_real(z[..., :, None] * z[..., None, :].conj()).flatten(-3)
        numbers = self.layers(torch.cat([3 * density, t[..., None], t[..., None] ** 2], -1))
        matrix = torch.view_as_complex(numbers.unflatten(-1, (3, 3, 2)))
        return (matrix @ z[..., None])[..., 0]


@cache
def trained(treatment: Treatment, coupling: Coupling, steps: int) -> QuotientModel:
    """A model after so many steps, a few seconds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Observables(64)
    path = Interpolant(prior=UniformSpherePrior(), coupling=coupling)
    return fit(network, STATES, path, treatment, measured(2**16, generator(0)), steps)


def right(steps: int) -> QuotientModel:
    """Flow matching on CP^2: prior points are moved along their orbit to be nearest to the data."""
    return trained(Equivariant(), OrbitAligned(), steps)


def wrong(steps: int) -> QuotientModel:
    """The regression target is moved along its orbit instead: a point estimate, not a mean."""
    return trained(AlignedTarget(), Independent(), steps)


def sample(model: QuotientModel, count: int, seeds: Sequence[int] = SEEDS) -> Tensor:
    """States at all times, ``[21, seeds, count, 3]``."""
    return flow(model, torch.zeros(3, dtype=torch.complex64), seeds, count)


def check(seeds: Sequence[int] = SEEDS, count: int = 800, steps: int = 1500) -> Check:
    """The law of the populations and of the distance to the conic, against data that the network has not seen."""
    exact = measured(20_000, generator(10_000))
    return Check(
        right={"flow matching": Law.of(sample(right(steps), count, seeds)[-1], exact, INVARIANTS)},
        wrong={"aligned target": Law.of(sample(wrong(steps), count, seeds)[-1], exact, INVARIANTS)},
    )


def formulas() -> str:
    """Both processes on CP^2 in populations r = p_2 and s = p_0 / (p_0 + p_1): the diffusion of Wright and Fisher."""
    a, b = sp.symbols("a b", positive=True)
    r, s = sp.symbols("r s", positive=True)
    turn, *phases = sp.symbols("t f_0:3", real=True)
    populations = (sp.sin(a) ** 2 * sp.cos(b) ** 2, sp.sin(a) ** 2 * sp.sin(b) ** 2, sp.cos(a) ** 2)
    action = SymbolicAction(
        (a, b, *phases),
        (turn,),
        (a, b, *(f + turn for f in phases)),
        metric=sp.diag(1, sp.sin(a) ** 2, *populations),
        invariants={r: populations[2], s: sp.cos(b) ** 2},
        section=(sp.acos(sp.sqrt(r)), sp.acos(sp.sqrt(s)), 0, 0, 0),
    )
    return str(derive(action).generator(action.invariants, section=action.section))


def picture(folder: Path = HERE, count: int = 1500, steps: int = 1500) -> Path:
    """The populations (p_0, p_1, p_2) in their triangle, where the uniform law of CP^2 is uniform."""
    path = sample(right(steps), count, (7,))[:, 0]
    rival = sample(wrong(steps), count, (7,))[-1, 0]
    top = {end: INVARIANTS["conic"](z) > 0.6 for end, z in {"flow": path[-1], "rival": rival}.items()}
    shares = {end: f"{style.share(float(found.float().mean()))} at the top" for end, found in top.items()}
    panels = [
        ("t = 0\nuniform", path[0], top["flow"]),
        ("t = 0.6\n", path[12], top["flow"]),
        (f"t = 1, flow\n{shares['flow']}", path[-1], top["flow"]),
        (f"t = 1, aligned target\n{shares['rival']}", rival, top["rival"]),
    ]
    figure, axes = style.panels(1, 4, height=2.3)
    a = torch.linspace(0, 1, 100)
    curve = torch.stack([a**2, 2 * a * (1 - a), (1 - a) ** 2], -1)
    corners = torch.tensor([[-0.5, 0.0], [0.0, 3**0.5 / 2], [0.5, 0.0]])
    for axis, (title, z, chosen) in zip(axes, panels, strict=True):
        place = (z.abs() ** 2) @ corners
        axis.fill(*corners.T, facecolor="none", edgecolor=style.GREY, lw=1)
        axis.plot(*(curve @ corners).T, color=style.BLACK, lw=1, zorder=3)
        for some, colour in ((~chosen, style.BLUE), (chosen, style.RED)):
            axis.scatter(*place[some].T, s=2, color=colour, linewidths=0)
        axis.set_title(title, fontsize=9)
        axis.axis("off")
        axis.set_aspect("equal")
    return style.save(figure, folder, "quantum_states")
