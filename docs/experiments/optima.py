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
        found = [
            {"sampler": "ode", "steps": n, **ensemble.compare(drawn(self.row, known, scale, count, n, source.name))}
            for n in BACKBONE_STEP_COUNTS
        ]
        return {"by_evaluations": found, "floor": ensemble.floor(count)}


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


def drawn(row: Row, known: Array, scale: float, count: int, steps: int, name: str) -> Array:
    """Samples [count, n, 3] in Å by the optimum for conformations known [K, n, 3]; all rows see the same noise."""
    n = known.shape[1]
    space = ShapeSpace(n, 3)
    generator = torch.Generator().manual_seed(derived_seed(0, name, steps, 0))
    x0 = space.center(torch.randn(count, n, 3, generator=generator, dtype=torch.float64))
    velocity = field(row, space, torch.from_numpy(known / scale))
    x = ODESampler(uniform_grid(steps), method=Euler()).sample(space, x0, velocity).x
    return scale * x.numpy()


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
