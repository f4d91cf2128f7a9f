"""What a window of generation puts into the files, as text: the same bytes from whichever process it comes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rdkit import Chem

from applications.molecular.results import ConformerRow, GeneratedConformer, csv_cells
from applications.molecular.tables import csv_text


@final
@dataclass(frozen=True)
class RunLabel:
    """What every record of the SDF says about the run.

    Attributes:
        model: name of the model.
        steps: steps of the sampler.
        sampler: name of the process.
    """

    model: str
    steps: int
    sampler: str


@final
@dataclass(frozen=True, kw_only=True)
class WindowRecords:
    """Results of some requests, ready to be written.

    Attributes:
        sdf: records of the conformers made.
        csv: one line for each conformer asked for.
        made: conformers in the SDF.
        failed: rows with a reason instead.
        duplicates: rows that repeat another one instead.
        sampling_seconds: time spent in the model.
    """

    sdf: str
    csv: str
    made: int
    failed: int
    duplicates: int
    sampling_seconds: float


def window_records(
    conformers: Sequence[GeneratedConformer], *, label: RunLabel, sampling_seconds: float
) -> WindowRecords:
    """Turn results into text."""
    made = [(c.mol, c.row) for c in conformers if c.mol is not None]
    repeated = sum(c.row.duplicate_of is not None for c in conformers)
    return WindowRecords(
        sdf="".join(_sdf_record(mol, row, label) for mol, row in made),
        csv=csv_text(csv_cells(c.row) for c in conformers),
        made=len(made),
        failed=len(conformers) - len(made) - repeated,
        duplicates=repeated,
        sampling_seconds=sampling_seconds,
    )


def joined(parts: Sequence[WindowRecords]) -> WindowRecords:
    """The records of all parts in order."""
    return WindowRecords(
        sdf="".join(part.sdf for part in parts),
        csv="".join(part.csv for part in parts),
        made=sum(part.made for part in parts),
        failed=sum(part.failed for part in parts),
        duplicates=sum(part.duplicates for part in parts),
        sampling_seconds=sum(part.sampling_seconds for part in parts),
    )


def _sdf_record(mol: Chem.Mol, row: ConformerRow, label: RunLabel) -> str:
    record = Chem.Mol(mol)
    for name in record.GetPropNames():
        record.ClearProp(name)
    title = " ".join(row.name.split())
    # A line of four dollars ends a record.
    record.SetProp("_Name", f"_{title}" if title.startswith("$$$$") else title)
    properties = {
        "smiles": row.smiles,
        "conf_id": row.conf_id,
        "seed": row.seed,
        "model": label.model,
        "steps": label.steps,
        "sampler": label.sampler,
        "stereo_ok": str(row.stereo_ok).lower(),
        "mmff_energy": None if row.mmff_energy is None else f"{row.mmff_energy:.4f}",
        "rel_energy": None if row.rel_energy is None else f"{row.rel_energy:.4f}",
    }
    for name, value in properties.items():
        if value is not None:
            record.SetProp(name, str(value))
    stream = io.StringIO()
    with Chem.SDWriter(stream) as writer:
        writer.write(record)
    return stream.getvalue()
