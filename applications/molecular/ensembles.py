"""Reference ensembles: ETKDGv3 conformers relaxed in MMFF94s, a pure function of (SMILES, seed, options).

ETKDG is distance geometry with experimental torsion preferences [Riniker2015], [Wang2020]; MMFF94s is the
static variant of the force field of [Halgren1996]. Such ensembles are multimodal, but their truth is that of
a force field.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from applications.molecular.chemistry import Molecule, MoleculeRefused, Refusal, SizeLimits, parse_smiles
from applications.molecular.seeds import derived_seed
from applications.molecular.stereo import check_stereo, stereoisomers

_MAX_ISOMERS_TRIED = 16
_PROBE_ITERATIONS = 30


@final
@dataclass(frozen=True)
class EnsembleOptions:
    """How a reference ensemble is made.

    Attributes:
        n_conformers: conformers embedded per molecule; fewer may survive.
        seed: master seed.
        time_limit: seconds for one molecule, embedding and relaxation each; the only option under which the
            result can depend on the machine.
        max_iterations: MMFF iterations per conformer.
        limits: accepted sizes.
    """

    n_conformers: int = 30
    seed: int = 0
    time_limit: float = 60.0
    max_iterations: int = 2000
    limits: SizeLimits = field(default_factory=lambda: SizeLimits(4, 30))


@final
@dataclass(frozen=True)
class Ensemble:
    """Conformers of one molecule.

    Attributes:
        smiles: canonical isomeric SMILES, stereochemistry fully assigned; it gives the atom order.
        atomic_numbers: [n] uint8, hydrogens last.
        positions: [K, n, 3] float32, Å, centred.
        energies: [K] float64, MMFF94s, kcal/mol.
        n_dropped: conformers that did not converge or lost their stereochemistry.
    """

    smiles: str
    atomic_numbers: NDArray[np.uint8]
    positions: NDArray[np.float32]
    energies: NDArray[np.float64]
    n_dropped: int


def reference_ensemble(smiles: str, options: EnsembleOptions) -> Ensemble:
    """Embed, relax and check the conformers of one molecule.

    Stereochemistry that the SMILES leaves open is assigned before embedding: one stereoisomer, chosen by the
    seed and the molecule, and the same for all conformers.

    Args:
        smiles: the molecule.
        options: number of conformers, seed, limits.

    Returns:
        The ensemble, with at least one conformer.

    Raises:
        MoleculeRefused: the molecule is outside the limits, or nothing survived.
    """
    asked = parse_smiles(smiles, limits=options.limits)
    molecule, conf_ids = _embed_first_possible(asked, options)
    energies = relax_mmff(molecule.full, conf_ids, smiles=smiles, options=options)
    if not energies:
        raise MoleculeRefused(smiles, Refusal.NOT_CONVERGED)
    kept = [i for i in energies if check_stereo(molecule.full, conf_id=i).kept]
    if not kept:
        raise MoleculeRefused(smiles, Refusal.STEREO_NOT_REPRODUCED, molecule.smiles)
    positions = np.stack([molecule.full.GetConformer(i).GetPositions() for i in kept])
    positions -= positions.mean(axis=1, keepdims=True)
    return Ensemble(
        smiles=molecule.smiles,
        atomic_numbers=np.array(molecule.atomic_numbers, dtype=np.uint8),
        positions=positions.astype(np.float32),
        energies=np.array([energies[i] for i in kept]),
        n_dropped=options.n_conformers - len(kept),
    )


def embed(molecule: Molecule, *, n_conformers: int, seed: int, time_limit: float) -> list[int]:
    """Embed conformers into `molecule.full` with ETKDGv3, replacing those it has.

    Returns:
        Identifiers of the conformers found, possibly none.
    """
    parameters = _parameters(molecule, seed=seed)
    parameters.timeout = max(1, int(time_limit))
    with rdBase.BlockLogs():
        rdDistGeom.EmbedMultipleConfs(molecule.full, n_conformers, parameters)
    # The identifiers that EmbedMultipleConfs returns include -1 when it gives up.
    return [conformer.GetId() for conformer in molecule.full.GetConformers()]


def _parameters(molecule: Molecule, *, seed: int) -> rdDistGeom.EmbedParameters:
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = derived_seed(seed, molecule.smiles, "etkdg", bits=31)
    parameters.numThreads = 1
    return parameters


def _can_be_embedded(molecule: Molecule, *, seed: int) -> bool:
    """Try one conformer with a bounded number of attempts: impossible isomers of cages would take minutes."""
    parameters = _parameters(molecule, seed=seed)
    parameters.maxIterations = _PROBE_ITERATIONS
    with rdBase.BlockLogs():
        return rdDistGeom.EmbedMolecule(Chem.Mol(molecule.full), parameters) >= 0


def relax_mmff(mol: Chem.Mol, conf_ids: list[int], *, smiles: str, options: EnsembleOptions) -> dict[int, float]:
    """Relax conformers of `mol` in place in MMFF94s.

    Returns:
        Energy in kcal/mol of every conformer that converged, by identifier.

    Raises:
        MoleculeRefused: no parameters, or the time limit was reached before any conformer converged.
    """
    deadline = time.monotonic() + options.time_limit
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
        if properties is None:
            raise MoleculeRefused(smiles, Refusal.NO_FORCE_FIELD)
        energies: dict[int, float] = {}
        for conf_id in conf_ids:
            if time.monotonic() > deadline:
                if not energies:
                    raise MoleculeRefused(smiles, Refusal.TIME_LIMIT, f"{options.time_limit:g} s")
                break
            field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=conf_id)
            if field.Minimize(maxIts=options.max_iterations) == 0:
                energies[conf_id] = field.CalcEnergy()
    return energies


def _embed_first_possible(asked: Molecule, options: EnsembleOptions) -> tuple[Molecule, list[int]]:
    isomers = list(stereoisomers(asked.heavy, seed=options.seed))[:_MAX_ISOMERS_TRIED]
    deadline = time.monotonic() + options.time_limit
    for isomer in isomers:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise MoleculeRefused(asked.smiles, Refusal.TIME_LIMIT, f"{options.time_limit:g} s")
        molecule = parse_smiles(isomer)
        if len(isomers) > 1 and not _can_be_embedded(molecule, seed=options.seed):
            continue
        found = embed(molecule, n_conformers=options.n_conformers, seed=options.seed, time_limit=remaining)
        if found:
            return molecule, found
    refusal = Refusal.NO_STEREOISOMER if len(isomers) > 1 else Refusal.EMBEDDING_FAILED
    raise MoleculeRefused(asked.smiles, refusal)
