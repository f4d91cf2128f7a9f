"""Read generated conformers back: from the SDF and the table that generation wrote, or from any SDF."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from applications.molecular.chemistry import Molecule, MoleculeRefused, parse_smiles
from applications.molecular.sdf_records import read_records
from applications.molecular.stereo import with_seen_stereo
from applications.molecular.tables import read_table
from diffusion.json_files import JSONFileError, read_json_object


@final
class ReadbackError(ValueError):
    """A file of conformers that cannot be used; the message names the remedy."""


@final
@dataclass(frozen=True)
class Missing:
    """Conformers of one molecule that were not made, all for one kind of reason.

    Attributes:
        name: of the molecule, as requested.
        given: its SMILES, as requested.
        reason: in words, that of the first of them.
        count: number of conformers.
    """

    name: str
    given: str
    reason: str
    count: int


@final
@dataclass(frozen=True)
class _Table:
    requested: dict[str, int]
    attempts: dict[int, int]
    missing: list[Missing]
    duplicates: int


@final
@dataclass(frozen=True)
class GeneratedSet:
    """Conformers of a file, by molecule.

    Attributes:
        positions: [G, n, 3] Å for every requested canonical isomeric SMILES, in the atom order of that
            SMILES; G = 0 for a molecule that was requested and failed.
        requested: conformers requested per molecule (those in the file, if there is no table).
        account: what `out.json` says, empty if there is none.
        attempts: how many conformers of the table were settled after how many samples, successes and failures.
        missing: what the table says was not made and why, empty without a table.
        duplicates: rows of the table that repeat another conformer.
    """

    positions: dict[str, NDArray[np.float64]]
    requested: dict[str, int]
    account: dict[str, Any]
    attempts: dict[int, int] = field(default_factory=dict)
    missing: list[Missing] = field(default_factory=list)
    duplicates: int = 0


def read_generated(sdf: Path) -> GeneratedSet:
    """Read `sdf`, and the `.csv` and `.json` of the same name if they exist.

    Without the property `smiles`, the molecule of a record is the one its bonds and coordinates show.

    Raises:
        ReadbackError: the file is missing, empty of molecules, or a record contradicts its SMILES.
    """
    if not sdf.is_file():
        raise ReadbackError(f"{sdf} does not exist. Run `quotient molecules generate ... -o {sdf}` first.")
    found: dict[str, list[NDArray[np.float64]]] = {}
    with rdBase.BlockLogs():
        for number, mol in enumerate(read_records(sdf), start=1):
            if mol is None:
                raise ReadbackError(
                    f"{sdf}: record {number} cannot be read, or has coordinates that are not finite. Remove the record."
                )
            try:
                molecule = parse_smiles(_smiles_of(mol))
            except MoleculeRefused as refused:
                raise ReadbackError(f"{sdf}: record {number}: {refused}. Remove the record.") from refused
            found.setdefault(molecule.smiles, []).append(_ordered(mol, molecule, sdf))
    path = sdf.with_suffix(".csv")
    counts = {smiles: len(frames) for smiles, frames in found.items()}
    table = _read_table(path) if path.is_file() else _Table(counts, {}, [], 0)
    requested = table.requested
    if not requested:
        raise ReadbackError(f"{sdf} holds no molecule. Generate some conformers first.")
    positions = {smiles: np.stack(found[smiles]) if smiles in found else np.empty((0, 0, 3)) for smiles in requested}
    return GeneratedSet(
        positions=positions,
        requested=requested,
        account=_read_account(sdf.with_suffix(".json")),
        attempts=table.attempts,
        missing=table.missing,
        duplicates=table.duplicates,
    )


def _read_account(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path) if path.is_file() else {}
    except JSONFileError as error:
        raise ReadbackError(f"{error}. Remove the file: it is not needed.") from error


def _smiles_of(mol: Chem.Mol) -> str:
    return mol.GetProp("smiles") if mol.HasProp("smiles") else Chem.MolToSmiles(with_seen_stereo(mol))


def _ordered(mol: Chem.Mol, molecule: Molecule, sdf: Path) -> NDArray[np.float64]:
    positions = mol.GetConformer().GetPositions()
    if _skeleton(mol) == _skeleton(molecule.full):
        return positions
    match = mol.GetSubstructMatch(molecule.full)
    if mol.GetNumAtoms() != molecule.full.GetNumAtoms() or not match:
        raise ReadbackError(
            f"{sdf}: a record does not hold the atoms of {molecule.smiles} with explicit hydrogens. Remove the record."
        )
    return positions[list(match)]


def _skeleton(mol: Chem.Mol) -> tuple[list[int], set[tuple[int, ...]]]:
    bonds = {tuple(sorted((b.GetBeginAtomIdx(), b.GetEndAtomIdx()))) for b in mol.GetBonds()}
    return [a.GetAtomicNum() for a in mol.GetAtoms()], bonds


def _read_table(table: Path) -> _Table:
    requested: Counter[str] = Counter()
    attempts: Counter[int] = Counter()
    missing: Counter[tuple[str, str, str]] = Counter()
    reasons: dict[tuple[str, str, str], str] = {}
    duplicates = 0
    try:
        for row in read_table(table):
            if row.get("smiles"):
                requested[row["smiles"]] += 1
                attempts[int(row.get("attempts") or 0)] += 1
            duplicates += bool(row.get("duplicate_of"))
            if row.get("refusal"):
                key = (row.get("name") or "", row.get("given") or row.get("smiles") or "", row["refusal"])
                missing[key] += 1
                reasons.setdefault(key, row.get("reason") or row["refusal"])
    except (OSError, ValueError, csv.Error) as error:
        raise ReadbackError(
            f"{table} is no table of a generation ({error}). Generate again, or remove it to count what is in the SDF."
        ) from error
    return _Table(
        requested=dict(requested),
        attempts=dict(sorted(attempts.items())),
        missing=[Missing(name, given, reasons[name, given, kind], n) for (name, given, kind), n in missing.items()],
        duplicates=duplicates,
    )
