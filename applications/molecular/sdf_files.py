"""Conformers from SDF: records of one molecule are gathered wherever they stand in the file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import final

from rdkit import Chem, rdBase
from typing_extensions import override

from applications.molecular.chemistry import MoleculeRefused, Refusal
from applications.molecular.ensembles import Ensemble, EnsembleOptions
from applications.molecular.given_ensembles import GivenConformer, given_ensemble
from applications.molecular.sdf_records import read_record, record_spans
from applications.molecular.sources import SourceError, SourceItem
from applications.molecular.stereo import with_seen_stereo

_ENERGY_FIELDS = ("energy", "mmff_energy", "Energy")


@final
@dataclass(frozen=True)
class SDFItem(SourceItem):
    """The records of one molecule in an SDF.

    Attributes:
        path: the file.
        spans: first byte and length of each record.
        digest: SHA-256 of the records.
    """

    method = "conformers of an SDF"

    path: Path
    spans: tuple[tuple[int, int], ...]
    digest: str

    @property
    @override
    def stamp(self) -> str:
        return self.digest

    @override
    def ensemble(self, options: EnsembleOptions) -> Ensemble:
        conformers = []
        with self.path.open("rb") as stream:
            for start, length in self.spans:
                stream.seek(start)
                mol = read_record(stream.read(length))
                if mol is not None:
                    conformers.append(GivenConformer(mol, _energy(mol)))
        if not conformers:
            raise MoleculeRefused(self.smiles, Refusal.UNPARSABLE, self.source_id)
        if not any(_has_all_hydrogens(c.mol) for c in conformers):
            raise MoleculeRefused(self.smiles, Refusal.HYDROGENS_MISSING)
        return given_ensemble(self.smiles, conformers, options)


def read_sdf(path: Path) -> list[SDFItem]:
    """Molecules of an SDF, by their isomeric SMILES as drawn in the coordinates.

    A record that cannot be read is an item of its own, to be counted among the refused.

    Raises:
        SourceError: the file is missing, unreadable, or holds no record.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error}. Give an SDF with three-dimensional coordinates.") from error
    names: dict[str, str] = {}
    spans: dict[str, list[tuple[int, int]]] = {}
    for number, (start, length) in enumerate(record_spans(content), start=1):
        mol = read_record(content[start : start + length])
        key = f"record {number}" if mol is None else _isomeric_smiles(mol)
        title = "" if mol is None or not mol.HasProp("_Name") else mol.GetProp("_Name").strip()
        names.setdefault(key, title or f"record {number}")
        spans.setdefault(key, []).append((start, length))
    if not spans:
        raise SourceError(f"{path} holds no record. Give an SDF with three-dimensional coordinates.")
    items = []
    for key, places in spans.items():
        digest = sha256(b"".join(content[start : start + length] for start, length in places)).hexdigest()
        items.append(SDFItem(names[key], "" if key.startswith("record ") else key, path, tuple(places), digest))
    return items


def _isomeric_smiles(mol: Chem.Mol) -> str:
    seen = with_seen_stereo(mol) if mol.GetConformer().Is3D() else mol
    with rdBase.BlockLogs():
        return Chem.MolToSmiles(Chem.RemoveHs(seen))


def _energy(mol: Chem.Mol) -> float:
    for name in _ENERGY_FIELDS:
        if mol.HasProp(name):
            try:
                return float(mol.GetProp(name))
            except ValueError:
                return math.nan
    return math.nan


def _has_all_hydrogens(mol: Chem.Mol) -> bool:
    return all(atom.GetTotalNumHs() == 0 for atom in mol.GetAtoms())
