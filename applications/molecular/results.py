"""What generation returns: one row per requested conformer, with the molecule where it succeeded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from typing import Any, final

from rdkit import Chem

from applications.molecular.chemistry import Refusal


@final
@dataclass(frozen=True, kw_only=True)
class ConformerRow:
    """One line of the table: what was asked for, and what came of it. Empty fields do not apply.

    Attributes:
        name: name of the molecule.
        given: SMILES as given.
        smiles: canonical isomeric SMILES, empty if the molecule was refused.
        conf_id: number of the conformer, from 0.
        ok: True if the SDF holds it.
        refusal: name of the `Refusal`, if any.
        reason: the reason in words.
        attempts: how many samples were drawn for it.
        seed: seed of the last of them.
        stereo_ok: True if the requested stereochemistry was reproduced.
        centres: specified stereocentres, and `centres_kept` of them with the requested hand.
        bonds: specified double bonds, and `bonds_kept` of them with the requested side.
        unspecified: stereochemistry that the SMILES leaves open; the model chose it.
        stereoisomer: isomeric SMILES read from the coordinates.
        bad_bonds: bonds with an impossible length.
        clashes: pairs of atoms too near one another.
        relaxed: which atoms a force field moved.
        mmff_energy: MMFF94s energy, kcal/mol.
        rel_energy: the same above the lowest conformer of this molecule in this file.
        duplicate_of: number of the conformer that this one repeats; it is then not in the SDF.
        mirrored: True if it is the mirror image of what was sampled, see `GenerationSettings.mirror_if_all_wrong`.
    """

    name: str
    given: str
    conf_id: int
    ok: bool
    smiles: str = ""
    refusal: str = ""
    reason: str = ""
    attempts: int = 0
    seed: int | None = None
    stereo_ok: bool | None = None
    centres: int | None = None
    centres_kept: int | None = None
    bonds: int | None = None
    bonds_kept: int | None = None
    unspecified: str = ""
    stereoisomer: str = ""
    bad_bonds: int | None = None
    clashes: int | None = None
    relaxed: str = ""
    mmff_energy: float | None = None
    rel_energy: float | None = None
    duplicate_of: int | None = None
    mirrored: bool | None = None


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(ConformerRow))
"""Column names of the table, in order."""


@final
@dataclass(frozen=True)
class GeneratedConformer:
    """A row, and the molecule with its one conformer unless the row failed."""

    row: ConformerRow
    mol: Chem.Mol | None


def refused_rows(
    *, name: str, given: str, smiles: str, refusal: Refusal, reason: str, n: int
) -> Iterator[GeneratedConformer]:
    """The rows of a molecule none of whose `n` conformers can be made."""
    for conf_id in range(n):
        row = ConformerRow(
            name=name,
            given=given,
            smiles=smiles,
            conf_id=conf_id,
            ok=False,
            refusal=refusal.name,
            reason=reason,
        )
        yield GeneratedConformer(row=row, mol=None)


def csv_cells(row: ConformerRow) -> list[str]:
    """The row as text: booleans as true/false, missing values empty, energies with four decimals."""
    return [_cell(value) for value in asdict(row).values()]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)
