"""Where backbones go: a folder with one PDB file a structure, or one PDB file with a model a structure."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from applications.molecular.proteins.batching import BackboneFeatures
from applications.molecular.proteins.pdb_writer import WrittenChain, write_pdb
from applications.molecular.proteins.rebuild import rebuild_backbone
from applications.molecular.proteins.requests import BackboneRequest
from applications.molecular.proteins.results import COLUMNS, BackboneRow, failed_row, made_row
from applications.molecular.resumable_files import Batch, OutputError, Progress, ResumableFiles
from applications.molecular.tables import csv_text, read_table

RESIDUE: Final = "G"
"""Residues are written as glycine, which has no side chain: the model says nothing about the sequence."""

_TABLE: Final = "out"


@final
@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a request: coordinates in Å, shape (n, 3), or a reason."""

    request: BackboneRequest
    positions: NDArray[np.float64] | None
    reason: str = ""


class BackboneOutput(abc.ABC):
    """Structures, `out.csv` and `out.json` of a generation (see `ResumableFiles`).

    Attributes:
        csv: path of the table.
        files: the table and whatever else grows.
        rebuilt: whether N, C and O are written beside CA.
        remarks: lines in every file.
    """

    csv: Path
    files: ResumableFiles
    rebuilt: bool
    remarks: tuple[str, ...]

    @property
    def progress(self) -> Progress:
        """How far the generation is."""
        return self.files.progress

    @abc.abstractmethod
    def _keep(self, request: BackboneRequest, chain: WrittenChain, number: int) -> tuple[str, int, str]:
        """Write a structure, the `number`-th made: name of its file, its model there, and what that file grows by.

        Raises:
            StructureFormatError: a PDB file cannot hold it.
        """

    @final
    def append(self, outcomes: Sequence[Outcome], *, sampling_seconds: float, total_seconds: float) -> None:
        """Write the results of one window; afterwards they survive an interruption."""
        rows: list[BackboneRow] = []
        grown, made = "", self.progress.made
        for outcome in outcomes:
            if outcome.positions is None:
                rows.append(failed_row(outcome.request, outcome.reason))
                continue
            try:
                chain = written_chain(outcome.positions, rebuilt=self.rebuilt)
                file, model, text = self._keep(outcome.request, chain, made + 1)
            except ValueError as error:
                rows.append(failed_row(outcome.request, str(error)))
                continue
            grown, made = grown + text, made + 1
            rows.append(made_row(outcome.request, outcome.positions, file=file, model=model))
        texts = {"csv": csv_text(row.cells() for row in rows)}
        if grown:
            texts["pdb"] = grown
        self.files.append(
            Batch(
                texts=texts,
                made=sum(row.ok for row in rows),
                failed=sum(not row.ok for row in rows),
                sampling_seconds=sampling_seconds,
            ),
            total_seconds=total_seconds,
        )


@final
class BackboneFolder(BackboneOutput):
    """One PDB file for each structure.

    With `force`, the files that the table of another generation names are removed, and nothing else.

    Args:
        folder: made if missing.
        fingerprint: identifies requests, options and weights; a rerun with another one is refused.
        account: what `out.json` says beside the progress.
        rebuilt: whether N, C and O are written.
        remarks: lines in every file.
        force: overwrite results of another run.

    Raises:
        OutputError: the files belong to another run, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        fingerprint: str,
        account: Mapping[str, Any],
        rebuilt: bool,
        remarks: Sequence[str],
        force: bool,
    ) -> None:
        self._folder, self.rebuilt, self.remarks = folder, rebuilt, tuple(remarks)
        self.csv = folder / f"{_TABLE}.csv"
        if force:
            _remove_named(self.csv)
        self.files = ResumableFiles(
            {"csv": self.csv},
            folder / f"{_TABLE}.json",
            headers={"csv": csv_text([COLUMNS])},
            fingerprint=fingerprint,
            account=account,
            unit="structures",
            force=force,
        )

    @override
    def _keep(self, request: BackboneRequest, chain: WrittenChain, number: int) -> tuple[str, int, str]:
        path = self._folder / f"{request.name}.pdb"
        write_pdb(path, [chain], remarks=[*self.remarks, f"seed {request.seed}"])
        return path.name, 1, ""


@final
class BackboneFile(BackboneOutput):
    """One PDB file with a model for each structure, which then have one length.

    Args:
        pdb: path of the file; a `.csv` and a `.json` go beside it.
        fingerprint: identifies requests, options and weights; a rerun with another one is refused.
        account: what the JSON says beside the progress.
        rebuilt: whether N, C and O are written.
        force: overwrite results of another run.

    Raises:
        OutputError: the files belong to another run, or cannot be written.
    """

    def __init__(self, pdb: Path, *, fingerprint: str, account: Mapping[str, Any], rebuilt: bool, force: bool) -> None:
        self._pdb, self.rebuilt, self.remarks = pdb, rebuilt, ()
        self.csv = pdb.with_suffix(".csv")
        self.files = ResumableFiles(
            {"pdb": pdb, "csv": self.csv},
            pdb.with_suffix(".json"),
            headers={"csv": csv_text([COLUMNS])},
            fingerprint=fingerprint,
            account=account,
            unit="structures",
            force=force,
        )

    @override
    def _keep(self, request: BackboneRequest, chain: WrittenChain, number: int) -> tuple[str, int, str]:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "model.pdb"
            write_pdb(path, [chain])
            records = path.read_text(encoding="ascii").removesuffix("END\n")
        return self._pdb.name, number, f"MODEL     {number:4d}\n{records}ENDMDL\n"


def open_output(
    path: Path,
    *,
    lengths: Sequence[int],
    fingerprint: str,
    account: Mapping[str, Any],
    rebuilt: bool,
    remarks: Sequence[str],
    force: bool,
) -> BackboneOutput:
    """A file for a name that ends in .pdb, a folder otherwise.

    Raises:
        OutputError: for another kind of file, several lengths in one file, or files that belong to another run.
    """
    ending = path.suffix.lower()
    if ending in (".sdf", ".cif", ".mmcif", ".bcif", ".xyz", ".csv", ".json"):
        raise OutputError(f"got -o {path}, expected a folder, or a name that ends in .pdb")
    if ending != ".pdb":
        return BackboneFolder(
            path, fingerprint=fingerprint, account=account, rebuilt=rebuilt, remarks=remarks, force=force
        )
    if len(lengths) > 1:
        raise OutputError(f"got {len(lengths)} lengths for the one file {path}, expected one length. Give a folder.")
    return BackboneFile(path, fingerprint=fingerprint, account=account, rebuilt=rebuilt, force=force)


def written_chain(positions: NDArray[np.float64], *, rebuilt: bool) -> WrittenChain:
    """CA coordinates [..., n, 3] of one or several models as a chain for a file, with numbers from 1."""
    n = positions.shape[-2]
    models = positions.reshape(-1, n, 3)
    return WrittenChain(
        atoms=rebuild_backbone(models) if rebuilt else models,
        residue_index=BackboneFeatures.of_length(n).residue_index + 1,
        sequence=RESIDUE * n,
    )


def _remove_named(table: Path) -> None:
    if not table.is_file():
        return
    for row in read_table(table):
        name = row.get("file") or ""
        if name.startswith("length_") and Path(name).name == name:
            (table.parent / name).unlink(missing_ok=True)
