"""Nine targets on flat quotients whose denoisers are known exactly, and what is compared of their samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion import Heun, Interpolant, ODESampler, OrbitMixture, Sampler, SDESampler, VelocityField, power_grid
from groups import (
    Conjugation,
    CyclicGroup,
    GroupAction,
    PermutationAction,
    PhaseAction,
    RotationAction,
    TranslationAction,
    Unitary,
)
from quotient import (
    AlwaysLifted,
    ComplexEuclidean,
    GeneratorNoise,
    GroupQuotient,
    HermitianMatrices,
    Matrices,
    NoiseSource,
    OrbitSpace,
    ShapeSpace,
)
from quotient.orbit_posterior import OrbitPosterior, orbit_posterior

SEEDS = (0, 1, 2, 3, 4)
REFERENCES, REFERENCE_SEED = 50_000, 1000
Invariant = Callable[[Tensor], Tensor]


@final
class Turns(GroupAction):
    """Rows x -> x (M^g)^T for the powers of one orthogonal matrix of finite order."""

    linear = True
    point_ndim = 2

    def __init__(self, matrix: Tensor, order: int) -> None:
        self.group = CyclicGroup(order)
        self._powers = torch.stack([torch.linalg.matrix_power(matrix, k) for k in range(order)])

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ self._powers.to(x)[g].mT


@final
class SeedNoise(NoiseSource):
    """One generator for each entry of the first axis: several runs in one batch, each with its seed."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self._sources = [GeneratorNoise(torch.Generator().manual_seed(seed)) for seed in seeds]

    @override
    def normal(self, like: Tensor) -> Tensor:
        return torch.stack([source.normal(part) for source, part in zip(self._sources, like, strict=True)])


@final
@dataclass(frozen=True)
class Case:
    """A target on a quotient, and what is compared.

    Attributes:
        mixture: the target.
        invariants: functions on the quotient whose laws are compared.
        count: samples of each seed.
        steps: of the ODE (Heun) and of the SDE.
        neighbour: a quotient of the same space whose curvature drift is added by mistake, where H = 0.
        noise: whether the samples are many enough to see noise whose variance is 5 % off.
    """

    mixture: OrbitMixture
    invariants: dict[str, Invariant]
    count: int
    steps: tuple[int, int] = (12, 30)
    neighbour: OrbitSpace | None = None
    noise: bool = False

    @property
    def curved(self) -> bool:
        """Whether H does not vanish."""
        return self.neighbour is None

    @cached_property
    def expected(self) -> dict[str, Tensor]:
        """The invariants of exact draws from the target, ``[REFERENCES]`` each."""
        draws = self.mixture.sample(REFERENCES, torch.Generator().manual_seed(REFERENCE_SEED))
        return {name: invariant(draws) for name, invariant in self.invariants.items()}

    def ode(self) -> Sampler:
        """The sampler of the probability flow."""
        return ODESampler(power_grid(self.steps[0], 1.5), method=Heun())

    def sde(self, *, drift: float = 1.0, noise: float = 1.0, lifted: bool = False) -> Sampler:
        """The SDE sampler; ``lifted`` takes the lifted step at small orbits too."""
        grid, rule = power_grid(self.steps[1], 1.5), AlwaysLifted() if lifted else None
        return SDESampler(grid, self.mixture.interpolant, noise_scale=noise, curvature_drift=drift, rule=rule)

    def draw(self, sampler: Sampler, velocity: VelocityField) -> Tensor:
        """Samples, shape ``[len(SEEDS), count, *point_shape]``."""
        noise, template = SeedNoise(SEEDS), self.mixture.templates[0]
        like = template.expand(len(SEEDS), self.count, *template.shape)
        x0 = self.mixture.interpolant.initial(self.mixture.quotient, like, noise)
        return sampler.sample(self.mixture.quotient, x0, velocity, noise).x


def size(x: Tensor, axes: int = 2) -> Tensor:
    """|x|."""
    return torch.linalg.vector_norm(x, dim=tuple(range(-axes, 0)))


def deviation(mixture: OrbitMixture) -> Invariant:
    """Distance on the quotient to the nearest template."""

    def distance(x: Tensor) -> Tensor:
        return torch.stack([mixture.quotient.dist(m.expand_as(x), x) for m in mixture.templates]).amin(0)

    return distance


def chain(torsion: float, *, bond: float = 1.4, angle: float = 111.5) -> Tensor:
    """Four atoms in a row, centred, ``[4, 3]``; angles in degrees. At 180 degrees its ends are 3.56 apart."""
    bend, twist = math.radians(180 - angle), math.radians(torsion)
    bonds = [
        [1.0, 0.0, 0.0],
        [math.cos(bend), math.sin(bend), 0.0],
        [
            math.cos(bend) ** 2 - math.sin(bend) ** 2 * math.cos(twist),
            math.sin(bend) * math.cos(bend) * (1 + math.cos(twist)),
            math.sin(bend) * math.sin(twist),
        ],
    ]
    x = bond * torch.tensor([[0.0, 0.0, 0.0], *bonds], dtype=torch.float64).cumsum(0)
    return x - x.mean(0)


def _target(
    quotient: OrbitSpace,
    action: GroupAction,
    templates: Tensor,
    jitter: float,
    *,
    long: float = 0.7,
    posterior: OrbitPosterior | None = None,
) -> OrbitMixture:
    """One template, or two with the weights ``long`` and 1 - ``long``."""
    return OrbitMixture(
        quotient,
        action,
        orbit_posterior(action) if posterior is None else posterior,
        templates,
        jitter=jitter,
        interpolant=Interpolant(),
        weights=torch.tensor([long, 1 - long], dtype=torch.float64)[: len(templates)],
    )


def _normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def _vectors(dim: int, *lengths: float) -> Tensor:
    """One row of each length, ``[K, 1, dim]``."""
    return torch.tensor(lengths, dtype=torch.float64)[:, None, None] * torch.eye(dim, dtype=torch.float64)[:1]


def _vector_case(dim: int, jitter: float, *lengths: float, count: int) -> Case:
    action = RotationAction(dim)
    quotient = GroupQuotient(Matrices(1, dim), action)
    return Case(_target(quotient, action, _vectors(dim, *lengths), jitter), {"length": size}, count)


def _phase_case() -> Case:
    action, state = PhaseAction(), _normal(1, 1, 3, dtype=torch.complex128)
    template = 1.2 * state / size(state, 1)
    mixture = _target(GroupQuotient(ComplexEuclidean(3), action), action, template, 0.7)
    overlap: Invariant = lambda x: (x @ template[0].conj()).abs()  # noqa: E731
    return Case(mixture, {"length": lambda x: size(x, 1), "overlap": overlap}, 1000)


def _chain_case(jitter: float, count: int, steps: tuple[int, int]) -> Case:
    """A chain of four atoms with a long and a short conformer."""
    mixture = _target(ShapeSpace(4, 3), RotationAction(3), torch.stack([chain(180), chain(60)]), jitter)
    ends: Invariant = lambda x: size(x[..., 0, :] - x[..., 3, :], 1)  # noqa: E731
    volume: Invariant = lambda x: torch.linalg.det(x.diff(dim=-2))  # noqa: E731
    return Case(mixture, {"ends": ends, "size": size, "volume": volume}, count, steps)


def _spectrum_case() -> Case:
    action = Conjugation(Unitary(3))
    levels = torch.diag(torch.tensor([2.0, 0.0, -2.0], dtype=torch.complex128)).unsqueeze(0)
    quotient = GroupQuotient(HermitianMatrices(3), action)
    mixture = _target(quotient, action, levels, 0.6)
    gaps: dict[str, Invariant] = {
        "low gap": lambda x: torch.linalg.eigvalsh(x).diff(dim=-1)[..., 0],
        "high gap": lambda x: torch.linalg.eigvalsh(x).diff(dim=-1)[..., 1],
    }
    return Case(mixture, gaps, 160)


def _finite_case(
    action: GroupAction,
    templates: Tensor,
    jitter: float,
    count: int,
    *,
    noise: bool,
    steps: tuple[int, int],
) -> Case:
    space = Matrices(*templates.shape[1:])
    mixture = _target(GroupQuotient(space, action), action, templates, jitter)
    neighbour = GroupQuotient(space, RotationAction(templates.shape[-1]))
    invariants = {"size": size, "deviation": deviation(mixture)}
    return Case(mixture, invariants, count, steps, neighbour=neighbour, noise=noise)


def _translation_case() -> Case:
    """Two chains side by side, modulo translations: the compact part of the group is trivial."""
    pairs = torch.stack([torch.cat([chain(angle), chain(angle) + 1.0]) for angle in (180, 60)])
    still = Turns(torch.eye(3, dtype=torch.float64), 1)
    mixture = _target(GroupQuotient(Matrices(8, 3), TranslationAction(3)), still, pairs, 0.4)
    invariants = {"size": size, "deviation": deviation(mixture)}
    return Case(mixture, invariants, 3000, (20, 30), neighbour=ShapeSpace(8, 3), noise=True)


def cases() -> dict[str, Case]:
    """All targets by name; those with H = 0 last."""
    turn = 2 * math.pi / 5
    rotation = [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]]
    fifth = Turns(torch.tensor(rotation, dtype=torch.float64), 5)
    return {
        "R²/SO(2)": _vector_case(2, 0.5, 2.0, 0.7, count=250),
        "R³/SO(3)": _vector_case(3, 0.6, 2.5, 1.0, count=150),
        "C³/U(1)": _phase_case(),
        "R⁴ˣ³/SE(3)": _chain_case(0.1, 250, (14, 40)),
        "R⁴ˣ³/SE(3), wide": _chain_case(0.5, 200, (12, 30)),
        "Herm(3)/U(3)": _spectrum_case(),
        "R²/C₅": _finite_case(fifth, _vectors(2, 1.0), 0.3, 1000, noise=False, steps=(12, 50)),
        "R³ˣ³/S₃": _finite_case(
            PermutationAction(3), 0.6 * _normal(4, 2, 3, 3), 0.4, 10_000, noise=True, steps=(20, 80)
        ),
        "R⁸ˣ³/T(3)": _translation_case(),
    }
