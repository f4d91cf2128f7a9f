"""Boltzmann ensembles of one molecule in MMFF94s: hybrid Monte Carlo with jumps of the torsions [Duane1987].

Each chain starts at an ETKDG conformer. A sweep is one hybrid Monte Carlo move of all atoms and one proposal for each
rotatable bond to turn one side of it by any angle; both leave exp(-E / kT) as it is, so the only error is that of a
finite chain. Rings have no rotatable bonds: their chains stay near the minimum that ETKDG found, and the ensemble is
that of ETKDG's minima with the vibrations of MMFF.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import Lipinski, rdDistGeom, rdForceFieldHelpers

Positions = NDArray[np.float64]

BOLTZMANN = 0.0019872043
"""kcal/(mol K)."""

_FORCE_TO_ACCELERATION = 4.184e-4
"""kcal/mol/Å/amu in Å/fs²."""


@final
@dataclass(frozen=True)
class ChainOptions:
    """How chains are run.

    Attributes:
        temperature: kelvin.
        step: femtoseconds of one leapfrog step.
        leaps: leapfrog steps of one move, between half of this and all of it.
        sweeps: sweeps between two frames that are kept.
        warm_up: sweeps before the first.
    """

    temperature: float = 300.0
    step: float = 1.0
    leaps: int = 16
    sweeps: int = 12
    warm_up: int = 150


@final
class Chain:
    """One Markov chain of a molecule.

    Args:
        mol: with explicit hydrogens and one conformer, the start.
        options: how it is run.
        rng: source of everything random.
    """

    def __init__(self, mol: Chem.Mol, options: ChainOptions, rng: np.random.Generator) -> None:
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
        self._field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties)
        self._field.Initialize()
        self._masses = np.array([atom.GetMass() for atom in mol.GetAtoms()])[:, None]
        self._sides = rotatable_sides(mol)
        self._options, self._rng = options, rng
        self._kt = BOLTZMANN * options.temperature
        self.x: Positions = mol.GetConformer().GetPositions()
        self._energy = self._evaluate(self.x)

    def frames(self, count: int) -> Positions:
        """Frames of the chain after its warm-up, [count, n, 3] in Å."""
        self._advance(self._options.warm_up)
        kept = []
        for _ in range(count):
            self._advance(self._options.sweeps)
            kept.append(self.x)
        return np.stack(kept)

    def _advance(self, sweeps: int) -> None:
        for _ in range(sweeps):
            self._hybrid_move()
            for side in self._sides:
                self._turn(*side)

    def _evaluate(self, x: Positions) -> float:
        return self._field.CalcEnergy(x.ravel().tolist())

    def _acceleration(self, x: Positions) -> Positions:
        # The field remembers distances: only CalcEnergy forgets them, so that CalcGrad alone would use those of before.
        positions = x.ravel().tolist()
        self._field.CalcEnergy(positions)
        gradient = np.array(self._field.CalcGrad(positions)).reshape(-1, 3)
        return -gradient / self._masses * _FORCE_TO_ACCELERATION

    def _accept(self, x: Positions, energy: float, change: float) -> None:
        if change <= 0 or self._rng.random() < math.exp(-change / self._kt):
            self.x, self._energy = x, energy

    def _hybrid_move(self) -> None:
        h = self._options.step
        v = self._rng.standard_normal(self.x.shape) * np.sqrt(self._kt * _FORCE_TO_ACCELERATION / self._masses)
        kinetic = self._kinetic(v)
        x = self.x
        v = v + 0.5 * h * self._acceleration(x)
        leaps = int(self._rng.integers(self._options.leaps // 2, self._options.leaps + 1))
        for leap in range(leaps):
            x = x + h * v
            v = v + (0.5 if leap == leaps - 1 else 1.0) * h * self._acceleration(x)
        energy = self._evaluate(x)
        self._accept(x, energy, energy - self._energy + self._kinetic(v) - kinetic)

    def _kinetic(self, v: Positions) -> float:
        return float(0.5 * (self._masses * v**2).sum() / _FORCE_TO_ACCELERATION)

    def _turn(self, fixed: int, turning: int, side: NDArray[np.int64]) -> None:
        axis = self.x[turning] - self.x[fixed]
        rotation = rotation_about(axis, float(self._rng.uniform(-math.pi, math.pi)))
        x = self.x.copy()
        x[side] = (x[side] - x[turning]) @ rotation.T + x[turning]
        energy = self._evaluate(x)
        self._accept(x, energy, energy - self._energy)


def rotation_about(axis: Positions, angle: float) -> Positions:
    """Rodrigues' formula, [3, 3]."""
    x, y, z = axis / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross


def rotatable_sides(mol: Chem.Mol) -> list[tuple[int, int, NDArray[np.int64]]]:
    """(atom that stays, atom at its other end, atoms that turn) for each rotatable bond between heavy atoms."""
    sides = []
    for first, second in mol.GetSubstructMatches(Lipinski.RotatableBondSmarts):
        bond = mol.GetBondBetweenAtoms(first, second).GetIdx()
        parts = Chem.GetMolFrags(Chem.FragmentOnBonds(mol, [bond], addDummies=False))
        small = min(parts, key=len)
        fixed, turning = (first, second) if second in small else (second, first)
        sides.append((fixed, turning, np.array([atom for atom in small if atom != turning])))
    return sides


def sample_ensemble(
    smiles: str, *, chains: int, frames: int, seed: int, options: ChainOptions | None = None
) -> tuple[Chem.Mol, Positions]:
    """Frames of independent chains from ETKDG starts.

    Args:
        smiles: the molecule, stereochemistry specified.
        chains: number of chains.
        frames: frames of each.
        seed: of the starts and of the chains.
        options: how chains are run.

    Returns:
        The molecule with explicit hydrogens, and [chains, frames, n, 3] in Å.
    """
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    starts = list(rdDistGeom.EmbedMultipleConfs(mol, chains, randomSeed=seed + 1))
    if len(starts) < chains:
        raise ValueError(f"ETKDG embedded {len(starts)} of {chains} conformers of {smiles}")
    out = []
    for number, start in enumerate(starts):
        one = Chem.Mol(mol, confId=start)
        rng = np.random.default_rng([seed, number])
        out.append(Chain(one, options or ChainOptions(), rng).frames(frames))
    return mol, np.stack(out)
