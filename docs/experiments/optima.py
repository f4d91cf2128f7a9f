"""What perfect networks would give: samples by the exact optimum of each way to train, on the same ensembles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from backbone_ensembles import ADENYLATE_KINASE, UBIQUITIN, Source
from cells import Row
from laws import Array
from torch import Tensor
from transfer import Size, TestMolecule, compare, data_set, test_molecules

from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.seeds import derived_seed
from diffusion import Euler, Interpolant, ODESampler, OrbitAligned, OrbitAlignedMixture, OrbitMixture, uniform_grid
from diffusion.rivals import AlignedPredictionOptimum, AlignedTargetOptimum
from groups import RotationAction
from quotient import ShapeSpace
from quotient.orbit_posterior import orbit_posterior

STEP_COUNTS = (5, 20)
BACKBONE_STEP_COUNTS = (5, 20, 100)
MIDWAY: Final = 0.4
"""Time at which the size of clouds is compared, beside the end; on the grids of all step counts."""
SIZE: Final = Size(molecules=20, generated=32)
MOLECULES: Final = "molecules"
BACKBONES: Final = (UBIQUITIN, ADENYLATE_KINASE)
ROWS: Final = (
    Row(Symmetry.EQUIVARIANT),
    Row(Symmetry.QUOTIENT, Coupling.ORBIT_ALIGNED),
    Row(Symmetry.ALIGNED_TARGET),
    Row(Symmetry.ALIGNED_PREDICTION),
)
Field = Callable[[Tensor, Tensor], Tensor]


@final
@dataclass(frozen=True)
class OptimumCell:
    """The optimum of one way to train, for the ensembles of the test molecules or for that of a backbone.

    The horizontal part of the optimum is the same for the equivariant, the quotient and the orbit-averaged treatment.
    """

    subject: str
    row: Row
    size: Size

    def key(self) -> dict[str, Any]:
        """What tells it from the others."""
        return {
            "subject": self.subject,
            **self.row.to_json(),
            "molecules": self.size.molecules,
            "generated": self.size.generated,
        }

    def run(self, work: Path) -> dict[str, Any]:
        """Sample by several numbers of Euler steps, and compare laws; the last entry draws from the ensemble itself."""
        for source in BACKBONES:
            if self.subject == source.name:
                return self._backbones(source, work)
        targets = test_molecules(data_set(work), self.size)
        scale = _scale([_heavy(target) for target in targets])
        found = []
        for steps in STEP_COUNTS:
            scores = [
                compare(
                    drawn(self.row, _heavy(target), scale, self.size.generated, steps, target.record.smiles),
                    np.arange(target.molecule.heavy.GetNumAtoms()),
                    target,
                    self.size,
                )
                for target in targets
            ]
            means = {name: float(np.mean([s[name] for s in scores])) for name in scores[0]}
            found.append({"sampler": "ode", "steps": steps, **means})
        return {"by_evaluations": found, "floor": _floor(targets, self.size)}

    def _backbones(self, source: Source, work: Path) -> dict[str, Any]:
        ensemble = source.open(work)
        known = ensemble.training.positions.astype(np.float64)
        count, scale = len(known), _scale([known])
        found = []
        for steps in BACKBONE_STEP_COUNTS:
            x = path(self.row, known, scale, count, steps, source.name)
            sizes = {"midway": mean_radius(x[round(MIDWAY * steps)]), "end": mean_radius(x[-1])}
            found.append({"sampler": "ode", "steps": steps, **ensemble.compare(x[-1]), **sizes})
        x0 = scale * noise(count, known.shape[1], derived_seed(0, source.name, 0, 0)).numpy()
        sizes = {"midway": mean_radius((1.0 - MIDWAY) * x0 + MIDWAY * known), "end": mean_radius(known)}
        return {"by_evaluations": found, "floor": {**ensemble.floor(count), **sizes}}


def field(row: Row, space: ShapeSpace, templates: Tensor) -> Field:
    """The optimum as a velocity, for data that are the orbits of the templates ``[K, n, 3]``."""
    if row.coupling is Coupling.ORBIT_ALIGNED:
        return OrbitAlignedMixture(space, templates, interpolant=Interpolant(coupling=OrbitAligned())).velocity
    action = RotationAction(3)
    mixture = OrbitMixture(space, action, orbit_posterior(action), templates, jitter=0.0, interpolant=Interpolant())
    if row.symmetry is Symmetry.ALIGNED_TARGET:
        return AlignedTargetOptimum(mixture).velocity
    if row.symmetry is Symmetry.ALIGNED_PREDICTION:
        return AlignedPredictionOptimum(mixture).velocity
    return mixture.velocity


def mean_radius(x: Array) -> float:
    """Mean radius of gyration of clouds [K, n, 3]."""
    return float(np.sqrt(x.var(axis=1).sum(-1)).mean())


def noise(count: int, n: int, seed: int) -> Tensor:
    """Standard normal clouds [count, n, 3], centred."""
    generator = torch.Generator().manual_seed(seed)
    return ShapeSpace(n, 3).center(torch.randn(count, n, 3, generator=generator, dtype=torch.float64))


def drawn(row: Row, known: Array, scale: float, count: int, steps: int, name: str) -> Array:
    """Samples [count, n, 3] in Å, the ends of `path`."""
    return path(row, known, scale, count, steps, name)[-1]


def path(row: Row, known: Array, scale: float, count: int, steps: int, name: str) -> Array:
    """Euler steps [steps + 1, count, n, 3] in Å of the optimum for conformations known [K, n, 3].

    All rows see the same noise.
    """
    space = ShapeSpace(known.shape[1], 3)
    x0 = noise(count, known.shape[1], derived_seed(0, name, steps, 0))
    velocity = field(row, space, torch.from_numpy(known / scale))
    found = ODESampler(uniform_grid(steps), method=Euler()).sample(space, x0, velocity, keep_trajectory=True)
    assert found.trajectory is not None
    return scale * found.trajectory.numpy()


def _heavy(target: TestMolecule) -> Array:
    return target.record.positions[:, : target.molecule.heavy.GetNumAtoms()].astype(np.float64)


def _scale(ensembles: list[Array]) -> float:
    squares = [(x - x.mean(1, keepdims=True)) ** 2 for x in ensembles]
    return float(np.sqrt(sum(s.sum() for s in squares) / sum(s.size for s in squares)))


def _floor(targets: list[TestMolecule], size: Size) -> dict[str, float]:
    """Conformers drawn with replacement from the references themselves."""
    rng = np.random.default_rng(0)
    scores = []
    for target in targets:
        x = _heavy(target)[: size.references]
        chosen = x[rng.integers(len(x), size=size.generated)]
        scores.append(compare(chosen, np.arange(x.shape[1]), target, size))
    return {name: float(np.mean([s[name] for s in scores])) for name in scores[0]}


def cells() -> list[OptimumCell]:
    """All cells."""
    subjects = (MOLECULES, *(source.name for source in BACKBONES))
    return [OptimumCell(subject, row, SIZE) for subject in subjects for row in ROWS]
