"""Two qubits of which nobody knows the first one's frame, C^{2 x 2} / SU(2): entanglement by an exact SDE."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sympy as sp
import torch
from kit import HERE, SEEDS, Check, Law, generator, noise, style
from torch import Tensor

from diffusion import Interpolant, OrbitMixture, SDESampler, power_grid
from groups import LeftMultiplication, SpecialUnitary
from quotient import AlwaysLifted, ComplexMatrices, GroupQuotient, SymbolicAction, derive
from quotient.orbit_posterior import orbit_posterior

# psi[a, b] is the amplitude of the first qubit in a and the second in b; SU(2) turns the first.
TURNS = LeftMultiplication(SpecialUnitary(2))
PAIRS = GroupQuotient(ComplexMatrices(2, 2), TURNS)


def size(psi: Tensor) -> Tensor:
    """|psi|, shape ``[...]``."""
    return torch.linalg.vector_norm(psi, dim=(-2, -1))


def tangle(psi: Tensor) -> Tensor:
    """2 det psi / |psi|^2, complex: its modulus is the concurrence, 0 for product states and 1 for Bell's."""
    return 2 * torch.linalg.det(psi) / size(psi) ** 2


INVARIANTS = {
    "size": size,
    "concurrence": lambda psi: tangle(psi).abs(),
    "second qubit": lambda psi: (torch.linalg.vector_norm(psi[..., 0], dim=-1) / size(psi)) ** 2,
}

# A product state and a Bell state of different strength, in one frame; the mixture turns them at random.
PRODUCT = torch.tensor([[1, 0], [0, 0]], dtype=torch.complex128)
BELL = torch.tensor([[1, 0], [0, 1j]], dtype=torch.complex128) / 2**0.5
TARGET = OrbitMixture(
    PAIRS,
    TURNS,
    orbit_posterior(TURNS),
    torch.stack([1.5 * PRODUCT, 1.5 * BELL]),
    jitter=0.2,
    interpolant=Interpolant(),
    weights=torch.tensor([0.6, 0.4], dtype=torch.float64),
)


def sample(count: int, seeds: Sequence[int] = SEEDS, *, curvature_drift: float = 1.0, steps: int = 30) -> Tensor:
    """States by dx = (P (v + eta s) - c eta H) dt + sqrt(2 eta) P dw, ``[seeds, count, 2, 2]``; c = 1 is exact."""
    source = noise(seeds, count)
    start = TARGET.interpolant.initial(PAIRS, PRODUCT.expand(len(seeds) * count, 2, 2), source)
    grid, rule = power_grid(steps, 1.5), AlwaysLifted()
    sampler = SDESampler(grid, TARGET.interpolant, curvature_drift=curvature_drift, rule=rule)
    with torch.no_grad():
        return sampler.sample(PAIRS, start, TARGET.velocity, source).x.unflatten(0, (len(seeds), count))


def check(seeds: Sequence[int] = SEEDS, count: int = 300) -> Check:
    """With the curvature drift, and without it."""
    exact = TARGET.sample(20_000, generator(10_000))
    return Check(
        right={"SDE": Law.of(sample(count, seeds), exact, INVARIANTS)},
        wrong={"SDE without -H/2": Law.of(sample(count, seeds, curvature_drift=0.0), exact, INVARIANTS)},
    )


def formulas() -> str:
    """One spinor modulo SU(2): the length is a Bessel process of dimension four. Pairs have the same H."""
    x = sp.symbols("x_1 y_1 x_2 y_2", real=True)
    r = sp.Symbol("r", positive=True)
    up, down = x[0] + sp.I * x[1], x[2] + sp.I * x[3]
    columns = []
    for first, second in ((sp.I * down, sp.I * up), (down, -up), (sp.I * up, -sp.I * down)):
        columns.append([part(z).expand() for z in (first.expand(), second.expand()) for part in (sp.re, sp.im)])
    action = SymbolicAction(
        x,
        generators=sp.Matrix(columns).T,
        invariants={r: sp.sqrt(sum(entry**2 for entry in x))},
        section=(r, 0, 0, 0),
    )
    return str(derive(action).generator(action.invariants, section=action.section))


def picture(folder: Path = HERE, count: int = 1000) -> Path:
    """2 det psi / |psi|^2 in the unit disc, for exact draws and for samples, and the sizes of all."""
    figure, axes = style.panels(1, 3, height=2.7)
    values = {
        "exact draws": TARGET.sample(count, generator(5)),
        "SDE": sample(count, (5,))[0],
        "without curvature drift": sample(count, (5,), curvature_drift=0.0)[0],
    }
    circle = torch.polar(torch.ones(200), torch.linspace(0, 2 * torch.pi, 200))
    for axis, (title, psi) in zip(axes, values.items(), strict=False):
        if axis is axes[2]:
            break
        value = tangle(psi)
        axis.fill(circle.real, circle.imag, facecolor="none", edgecolor=style.GREY, lw=1)
        for chosen, colour in ((value.abs() < 0.55, style.BLUE), (value.abs() >= 0.55, style.PURPLE)):
            axis.scatter(value[chosen].real, value[chosen].imag, s=3, color=colour, linewidths=0)
        axis.text(0, 0.5, "Bell states", ha="center", color=style.PURPLE, fontsize=8)
        axis.text(0, -0.72, "product states", ha="center", color=style.BLUE, fontsize=8)
        axis.set_title(title, fontsize=10)
        axis.axis("off")
        axis.set_aspect("equal")
    for (name, psi), colour in zip(values.items(), (style.GREY, style.BLUE, style.RED), strict=True):
        kind = {"histtype": "stepfilled", "alpha": 0.4} if name == "exact draws" else {"histtype": "step", "lw": 1.6}
        axes[2].hist(size(psi).tolist(), bins=25, range=(0.5, 2.6), density=True, color=colour, label=name, **kind)
    axes[2].set_title("size of the state", fontsize=10)
    axes[2].set_ylim(0, 3.2)
    axes[2].legend(fontsize=7)
    axes[2].set_yticks([])
    return style.save(figure, folder, "qubit_pairs")
