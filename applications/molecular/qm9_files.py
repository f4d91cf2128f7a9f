"""QM9 as the package qm9pack ships it: three CSV files, one B3LYP minimum a molecule [Ramakrishnan2014]."""

from __future__ import annotations

import ast
import csv
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Geometry import Point3D
from typing_extensions import override

from applications.molecular.chemistry import MoleculeRefused, Refusal
from applications.molecular.ensembles import Ensemble, EnsembleOptions
from applications.molecular.given_ensembles import GivenConformer, given_ensemble
from applications.molecular.sources import SourceError, SourceItem

_COLUMNS = ("XYZ_file", "SMILES", "Elements", "XYZ_Ang")


@final
@dataclass(frozen=True)
class QM9Item(SourceItem):
    """One row of the CSV files.

    Attributes:
        path: the file.
        start: first byte of the row.
        columns: where its elements and its coordinates stand.
    """

    method = "QM9, B3LYP/6-31G(2df,p)"

    path: Path
    start: int
    columns: tuple[int, int]

    @property
    @override
    def stamp(self) -> str:
        return f"{self.path.name} {self.start}"

    @override
    def ensemble(self, options: EnsembleOptions) -> Ensemble:
        with self.path.open("rb") as stream:
            stream.seek(self.start)
            line = stream.readline()
        try:
            row = next(csv.reader([line.decode("utf-8")]), [])
            elements = ast.literal_eval(row[self.columns[0]])
            positions = np.array(json.loads(row[self.columns[1]]), dtype=np.float64)
        except (ValueError, TypeError, SyntaxError, IndexError, RecursionError, csv.Error) as error:
            raise MoleculeRefused(self.smiles, Refusal.SOURCE_DAMAGED, f"{self.source_id}: {error}") from error
        # one minimum: its energy relative to itself
        return given_ensemble(self.smiles, [GivenConformer(self._molecule(elements, positions), 0.0)], options)

    def _molecule(self, elements: list[str], positions: np.ndarray) -> Chem.Mol:
        """The molecule in the order of the file, which is that of the SMILES with hydrogens added."""
        with rdBase.BlockLogs():
            bare = Chem.MolFromSmiles(self.smiles)
            mol = None if bare is None else Chem.AddHs(bare)
        if mol is None:
            raise MoleculeRefused(self.smiles, Refusal.UNPARSABLE)
        if [atom.GetSymbol() for atom in mol.GetAtoms()] != elements or positions.shape != (len(elements), 3):
            raise MoleculeRefused(self.smiles, Refusal.CONSTITUTION_CHANGED, "the SMILES has other atoms than the file")
        conformer = Chem.Conformer(len(elements))
        conformer.Set3D(True)
        for index, (x, y, z) in enumerate(positions.tolist()):
            conformer.SetAtomPosition(index, Point3D(x, y, z))
        mol.AddConformer(conformer)
        return mol


def read_qm9(folder: Path | None) -> list[QM9Item]:
    """Rows of `qm9_part*.csv`, found by their place in the files: coordinates are read where they are needed.

    Args:
        folder: where the files are; None for those of an installed qm9pack, which is not imported.

    Raises:
        SourceError: there are no such files, or they are not those of QM9.
    """
    where = _installed() if folder is None else folder
    paths = sorted(where.glob("qm9_part*.csv"))
    if not paths:
        raise SourceError(f"{where} has no qm9_part*.csv. Give the folder `data` of the package qm9pack.")
    return [item for path in paths for item in _rows(path)]


def _rows(path: Path) -> list[QM9Item]:
    items = []
    with path.open("rb") as stream:
        header = next(csv.reader([stream.readline().decode("utf-8", errors="replace")]), [])
        if missing := [name for name in _COLUMNS if name not in header]:
            raise SourceError(f"{path} has no columns {', '.join(missing)}. Give the files of the package qm9pack.")
        name, smiles, elements, positions = (header.index(column) for column in _COLUMNS)
        start = stream.tell()
        for line in iter(stream.readline, b""):
            # coordinates come after the first two: a short prefix of the row is enough
            try:
                row = next(csv.reader([line[:400].decode("utf-8", errors="replace")]), [])
            except csv.Error as error:
                raise SourceError(f"{path}: {error} at byte {start}. Install the package qm9pack again.") from error
            if len(row) > max(name, smiles):
                items.append(QM9Item(row[name], row[smiles], path, start, (elements, positions)))
            start += len(line)
    return items


def _installed() -> Path:
    spec = importlib.util.find_spec("qm9pack")
    if spec is None or spec.origin is None:
        raise SourceError(
            "qm9pack is not installed. Run `pip install --no-deps qm9pack` (104 MB), or give the folder of its CSV "
            "files as qm9:FOLDER."
        )
    return Path(spec.origin).parent / "data"
