"""Conformers that repeat an earlier one of the same molecule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rdkit import Chem

from applications.molecular.metrics import rmsd_matrix
from applications.molecular.results import GeneratedConformer


def without_duplicates(conformers: Sequence[GeneratedConformer], *, threshold: float) -> list[GeneratedConformer]:
    """Leave out every conformer within a distance of one that is kept.

    Conformers are gone through by number, so the fate of one depends on those before it alone: asking for more changes
    nothing about the first ones.

    Args:
        conformers: of one molecule, in the order of their numbers.
        threshold: heavy-atom RMSD in Å below which two are the same.

    Returns:
        All rows; those left out name the conformer that they repeat and have no molecule. Cost: one symmetric RMSD for
        each pair of a kept conformer and a later one.
    """
    kept: Chem.Mol | None = None
    numbers: list[int] = []
    result = []
    for conformer in conformers:
        if conformer.mol is None:
            result.append(conformer)
            continue
        heavy = Chem.RemoveHs(conformer.mol)
        distances = [] if kept is None else rmsd_matrix(heavy, kept)[:, 0].tolist()
        nearest = min(range(len(distances)), key=distances.__getitem__, default=None)
        if nearest is not None and distances[nearest] < threshold:
            row = replace(conformer.row, ok=False, duplicate_of=numbers[nearest])
            result.append(GeneratedConformer(row=row, mol=None))
            continue
        if kept is None:
            kept = heavy
        else:
            kept.AddConformer(heavy.GetConformer(), assignId=True)
        numbers.append(conformer.row.conf_id)
        result.append(conformer)
    return result
