"""Ensembles from conformers that somebody else made: named by their own stereochemistry, in our atom order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from rdkit import Chem, rdBase

from applications.molecular.chemistry import Molecule, MoleculeRefused, Refusal, constitution, parse_smiles
from applications.molecular.ensembles import Ensemble, EnsembleOptions
from applications.molecular.stereo import check_stereo, unspecified, with_seen_stereo
from applications.molecular.structures import are_sound, with_conformers


@final
@dataclass(frozen=True)
class GivenConformer:
    """A conformer as its source gives it.

    Attributes:
        mol: molecule with all its hydrogens and one conformer.
        energy: kcal/mol, NaN where unknown.
    """

    mol: Chem.Mol
    energy: float = float("nan")


def given_ensemble(smiles: str, conformers: Sequence[GivenConformer], options: EnsembleOptions) -> Ensemble:
    """Check conformers against their SMILES and put them into our atom order.

    The stereochemistry of a conformer is read from its coordinates. Conformers of another constitution (a proton or a
    bond has moved) are dropped, and those of another stereoisomer than the SMILES says. What the SMILES leaves open is
    settled by the conformers: the stereoisomer that most of them are.

    Args:
        smiles: the molecule as its source names it.
        conformers: at least one.
        options: limits, and how many conformers are kept, those of lowest energy.

    Raises:
        MoleculeRefused: the molecule is outside the limits, hydrogens are missing, or no conformer can be used.
    """
    asked = parse_smiles(smiles, limits=options.limits)
    groups: dict[str, list[GivenConformer]] = {}
    for conformer in conformers:
        groups.setdefault(_perceived(conformer.mol), []).append(conformer)
    wanted = constitution(asked.smiles)
    same = {name: found for name, found in groups.items() if name and constitution(name) == wanted}
    if not same:
        raise MoleculeRefused(smiles, Refusal.CONSTITUTION_CHANGED)
    settled = _settled(asked, same)
    molecule = parse_smiles(settled)
    placed = [(c.energy, _placed(molecule, c.mol)) for c in same[settled]]
    sound = [(energy, x) for energy, x in placed if x is not None]
    if not sound:
        raise MoleculeRefused(smiles, Refusal.STEREO_NOT_REPRODUCED, molecule.smiles)
    # unknown energies come last; the order of the source settles ties
    energies = np.array([energy for energy, _ in sound])
    order = np.argsort(energies, kind="stable")[: options.n_conformers]
    positions = np.stack([sound[i][1] for i in order])
    return Ensemble(
        smiles=molecule.smiles,
        atomic_numbers=np.array(molecule.atomic_numbers, dtype=np.uint8),
        positions=(positions - positions.mean(axis=1, keepdims=True)).astype(np.float32),
        energies=energies[order],
        n_dropped=len(conformers) - len(order),
    )


def _perceived(mol: Chem.Mol) -> str:
    """Canonical SMILES with the stereochemistry of the coordinates; empty where there is none to read."""
    if not mol.GetNumConformers() or not mol.GetConformer().Is3D() or not are_sound(mol.GetConformer().GetPositions()):
        return ""
    seen = with_seen_stereo(mol)
    with rdBase.BlockLogs():
        seen.RemoveAllConformers()
        try:
            return parse_smiles(Chem.MolToSmiles(seen)).smiles
        except MoleculeRefused:
            return ""


def _settled(asked: Molecule, groups: dict[str, list[GivenConformer]]) -> str:
    if asked.smiles in groups:
        return asked.smiles
    compatible = [
        name
        for name in groups
        if unspecified(asked.heavy) and Chem.MolFromSmiles(name).HasSubstructMatch(asked.heavy, useChirality=True)
    ]
    if not compatible:
        raise MoleculeRefused(asked.smiles, Refusal.STEREO_NOT_REPRODUCED, f"found {', '.join(sorted(groups))}")
    return max(compatible, key=lambda name: (len(groups[name]), name))


def _placed(molecule: Molecule, given: Chem.Mol) -> np.ndarray | None:
    """Coordinates in the order of `molecule.full`, or None where hydrogens are missing or hands differ."""
    seen = with_seen_stereo(given)
    with rdBase.BlockLogs():
        match = seen.GetSubstructMatch(molecule.full, useChirality=True)
    if len(match) != given.GetNumAtoms():
        return None
    positions = given.GetConformer().GetPositions()[list(match)]
    return positions if check_stereo(with_conformers(molecule.full, positions[None])).kept else None
