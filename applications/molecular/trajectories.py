"""The way from noise to a conformer, as numbered models of a PDB file."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

from applications.molecular.chemistry import Molecule, parse_smiles
from applications.molecular.sampling import ModelSampler
from applications.molecular.structures import with_conformers
from applications.molecular.tables import read_table


def write_trajectories(
    table: Path, sampler: ModelSampler, *, batch_size: int, advance: Callable[[int, int], None] | None = None
) -> list[Path]:
    """Sample the conformers of a table again, by their seeds, and write one PDB file for each.

    The files hold the modelled atoms (without the hydrogens that are placed afterwards), one model for each time. The
    sampled path is horizontal: it has no rotation of its own that would need alignment. The path to a conformer that
    was mirrored is mirrored. They go to a folder named after the table: `out.csv` gives
    `out_trajectories/0001_NAME_0.pdb`.

    Args:
        table: the CSV of a generation.
        sampler: with the model and the settings of that generation.
        batch_size: conformers per evaluation of the network.
        advance: called with (files written, files in all).

    Returns:
        The files, in the order of the rows that are in the SDF.
    """
    rows = [row for row in read_table(table) if row["ok"] == "true"]
    folder = table.with_name(f"{table.stem}_trajectories")
    folder.mkdir(exist_ok=True)
    paths = []
    for start in range(0, len(rows), batch_size):
        chosen = rows[start : start + batch_size]
        molecules = [parse_smiles(row["smiles"]) for row in chosen]
        descriptions = [sampler.describe(molecule) for molecule in molecules]
        frames = sampler.trajectories(descriptions, [int(row["seed"]) for row in chosen])
        for row, molecule, description, path in zip(chosen, molecules, descriptions, frames, strict=True):
            name = re.sub(r"[^A-Za-z0-9._-]+", "_", row["name"])[:40]
            paths.append(folder / f"{len(paths) + 1:04d}_{name}_{row['conf_id']}.pdb")
            hand = -1.0 if row["mirrored"] == "true" else 1.0
            paths[-1].write_text(_models(molecule, sampler.modelled_atoms(description), hand * path))
            if advance:
                advance(len(paths), len(rows))
    return paths


def _models(molecule: Molecule, modelled: NDArray[np.int64], frames: NDArray[np.float64]) -> str:
    bare = molecule.full if len(modelled) == molecule.full.GetNumAtoms() else molecule.heavy
    ordered = np.empty_like(frames)
    ordered[:, modelled] = frames
    return Chem.MolToPDBBlock(with_conformers(bare, ordered))
