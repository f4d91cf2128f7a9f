"""The records of an SDF, one by one: what can be read of them, whatever else the file holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from rdkit import Chem, rdBase

from applications.molecular.structures import are_sound

_END = re.compile(rb"^\$\$\$\$[^\n]*\n?", re.MULTILINE)


def record_spans(content: bytes) -> list[tuple[int, int]]:
    """First byte and length of the records, without those that are blank."""
    found, start = [], 0
    for end in [*_END.finditer(content), None]:
        stop = len(content) if end is None else end.start()
        if content[start:stop].strip():
            found.append((start, stop - start))
        start = len(content) if end is None else end.end()
    return found


def read_record(record: bytes) -> Chem.Mol | None:
    """The sanitised molecule of a record with all atoms that stand there, and one conformer.

    Text that is not UTF-8 is read with replacement characters.

    Returns:
        None if the record cannot be read, has no atom, or has coordinates that are not finite or beyond any molecule.
    """
    supplier = Chem.SDMolSupplier()
    with rdBase.BlockLogs():
        supplier.SetData(record.decode("utf-8", errors="replace"), sanitize=True, removeHs=False)
        try:
            mol = next(iter(supplier), None)
        except (RuntimeError, OSError):
            return None
    if mol is None or not mol.GetNumAtoms() or not mol.GetNumConformers():
        return None
    return mol if are_sound(mol.GetConformer().GetPositions()) else None


def read_records(path: Path) -> Iterator[Chem.Mol | None]:
    """The molecules of a file, in order; None where a record cannot be read (see `read_record`).

    Raises:
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    return (read_record(content[start : start + length]) for start, length in record_spans(content))
