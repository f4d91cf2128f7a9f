"""The molecules that come out best and worst, each with a typical conformer laid on its nearest reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from rdkit import Chem
from rdkit.Chem import rdMolAlign, rdMolTransforms

from applications.molecular.chemistry import parse_smiles
from applications.molecular.dataset import ConformerStore
from applications.molecular.evaluate import MoleculeResult, Source, reference_rows
from applications.molecular.metrics import MAX_AUTOMORPHISMS
from applications.molecular.pictures import principal_axes
from applications.molecular.readback import GeneratedSet
from applications.molecular.structures import with_conformers
from applications.molecular.viewing import Structure

REFERENCE_COLOUR: Final = "#f2a33a"
"""Colour of the reference in overlays; generated atoms have the colours of their elements."""

_STICK: Final = 0.1
_BALL: Final = 0.65


@final
@dataclass(frozen=True)
class Overlay:
    """A generated conformer superposed on the reference nearest to it, without hydrogens.

    Attributes:
        result: the molecule.
        rmsd: distance of the two in Å.
        picture: both of them as one structure for `templates/drawing.js`.
    """

    result: MoleculeResult
    rmsd: float
    picture: dict[str, Any]


def best_and_worst(
    results: Sequence[MoleculeResult],
    generated: GeneratedSet,
    store: ConformerStore,
    *,
    split: str | None,
    each: int = 3,
) -> tuple[list[Overlay], list[Overlay]]:
    """Overlays of the molecules with the lowest and the highest AMR-P of the model, no molecule twice.

    The conformer shown is the typical one: its distance to the references is the (lower) median.

    Args:
        results: per molecule.
        generated: their conformers.
        store: their references.
        split: of the store.
        each: at most this many of either kind.

    Returns:
        The best, best first, and the worst, worst first. Molecules without conformers are in neither.
    """
    known = reference_rows(store, split=split)
    ranked = sorted(
        (r for r in results if r.n_generated), key=lambda r: (r.scores[Source.MODEL].amr_precision, r.smiles)
    )
    n_best = min(each, (len(ranked) + 1) // 2)
    n_worst = min(each, len(ranked) - n_best)

    def overlay(result: MoleculeResult) -> Overlay:
        return _overlay(result, generated.positions[result.smiles], store[known[result.smiles]].positions)

    return [overlay(r) for r in ranked[:n_best]], [overlay(r) for r in ranked[::-1][:n_worst]]


def _overlay(result: MoleculeResult, frames: np.ndarray, references: np.ndarray) -> Overlay:
    nearest = result.scores[Source.MODEL].nearest_reference
    typical = int(np.argsort(nearest, kind="stable")[(len(nearest) - 1) // 2])
    molecule = parse_smiles(result.smiles)
    probe = Chem.RemoveHs(with_conformers(molecule.full, frames[[typical]]))
    target = Chem.RemoveHs(with_conformers(molecule.full, references))
    fits = [
        rdMolAlign.GetBestAlignmentTransform(probe, target, refCid=c.GetId(), maxMatches=MAX_AUTOMORPHISMS)
        for c in target.GetConformers()
    ]
    best = min(range(len(fits)), key=lambda k: fits[k][0])
    rdMolTransforms.TransformConformer(probe.GetConformer(), np.asarray(fits[best][1]))
    # the reference first: where the two coincide, the generated conformer is seen
    both = Chem.CombineMols(_bare(target), _bare(probe))
    positions = np.concatenate([target.GetConformer(best).GetPositions(), probe.GetConformer().GetPositions()])
    centred = positions - positions.mean(axis=0)
    turned = centred @ principal_axes(centred)
    picture = Structure("", both, turned[None]).plain()
    for number, atom in enumerate(picture["atoms"]):
        # sticks for the one and small balls for the other: both are seen where they coincide
        is_reference = number < target.GetNumAtoms()
        atom |= {"colour": REFERENCE_COLOUR, "size": _STICK} if is_reference else {"size": _BALL * atom["size"]}
    return Overlay(result=result, rmsd=float(fits[best][0]), picture=picture)


def _bare(mol: Chem.Mol) -> Chem.Mol:
    copy = Chem.Mol(mol)
    copy.RemoveAllConformers()
    return copy
