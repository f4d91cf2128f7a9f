"""PSF files of CHARMM, NAMD and X-PLOR: names and numbers of residues, no coordinates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from applications.molecular.proteins.structure_parsing import (
    BackboneAtoms,
    StructureFileError,
    place_of,
    unpacked,
)


def read_psf(path: Path) -> BackboneAtoms:
    """Backbone atoms of a PSF file; chains are its segments, coordinates are NaN.

    Raises:
        StructureFileError: the file is missing, truncated, or no PSF file.
    """
    lines = unpacked(path).decode("latin-1").splitlines()
    if not lines or not lines[0].startswith("PSF"):
        raise StructureFileError(f"{path} is no PSF file: it does not begin with PSF. Name a PSF or PDB file.")
    start = next((number for number, line in enumerate(lines) if "!NATOM" in line), None)
    try:
        n_atoms = int(lines[start].split()[0]) if start is not None else 0
        rows = [line.split() for line in lines[(start or 0) + 1 :][:n_atoms]]
        if not n_atoms or len(rows) < n_atoms or any(len(row) < 5 for row in rows):
            raise ValueError(f"got {len(rows)} atoms of {n_atoms}")
        places = [place_of(row[4], "", row[3]) for row in rows]
        kept = [number for number, place in enumerate(places) if place >= 0]
        numbers = [(row[2].rstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), row[2]) for row in rows]
        return BackboneAtoms(
            chain=[rows[i][1] for i in kept],
            number=[int(numbers[i][0]) for i in kept],
            insertion=[numbers[i][1].removeprefix(numbers[i][0]) for i in kept],
            residue=[rows[i][3] for i in kept],
            hetero=[False] * len(kept),
            atom=[places[i] for i in kept],
            location=[""] * len(kept),
            occupancy=[0.0] * len(kept),
            position=np.full((len(kept), 3), np.nan),
            row=kept,
            n_atoms=n_atoms,
        )
    except ValueError as error:
        raise StructureFileError(f"{path} cannot be read: {error}. The file is truncated.") from error
