"""Backbones from trajectories of molecular dynamics: one entry a chain, whose models are the frames."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.numbering import BREAK_DISTANCE, neighbour_distances
from applications.molecular.proteins.psf_files import read_psf
from applications.molecular.proteins.residues import chains_of
from applications.molecular.proteins.structure_files import (
    ChainSkip,
    Reading,
    ReadOptions,
    Skipped,
    assemble,
    named,
)
from applications.molecular.proteins.structure_parsing import (
    BackboneAtoms,
    StructureFileError,
    parse_models,
    require_biotite,
)

ENDINGS: Final = (".dcd", ".xtc")
"""Endings of trajectories that are read."""

_FRAMES_AT_ONCE: Final = 64


@final
class TopologyError(ValueError):
    """A topology that does not belong to a trajectory."""


def read_trajectory(path: Path, topology: Path, options: ReadOptions | None = None, *, stride: int = 1) -> Reading:
    """CA traces of the chains of a trajectory.

    Chains torn by a periodic box are joined again; frames that remain torn are left out, and a remark says so.

    Args:
        path: DCD (CHARMM, NAMD, OpenMM) or XTC (GROMACS).
        topology: PDB, mmCIF or BinaryCIF file, or PSF, with the same atoms in the same order: it gives names of
            residues, their numbers and chains.
        options: unit and limits; XTC files come in Å here, whatever they hold.
        stride: every how many frames one is taken.

    Returns:
        One entry a chain, named like the trajectory, and what was skipped. Cost: the backbone atoms of all frames in
        memory.

    Raises:
        MissingExtraError: biotite is not installed.
        StructureFileError: a file cannot be read.
        TopologyError: it has another number of atoms than the trajectory.
        UnitError: neighbouring CA atoms are about 3.8 of the other unit apart.
    """
    require_biotite()
    options = options or ReadOptions()
    atoms = read_psf(topology) if topology.suffix.lower() == ".psf" else parse_models(topology)[0]
    frames, boxes = _frames(path, atoms, topology, stride)
    place = {row: i for i, row in enumerate(atoms.row)}
    reading = Reading([], [])
    chains = chains_of([atoms])
    for name, models in named(chains, path.stem).items():
        residues = models.common()
        rows = models.rows(residues)
        coordinates = np.full((len(frames), len(residues), 4, 3), np.nan, dtype=np.float32)
        there = rows >= 0
        coordinates[:, there] = frames[:, [place[row] for row in rows[there]]]
        joined = _joined(coordinates, boxes)
        whole = _whole(joined[:, :, 1] * options.unit.value)
        outcome = assemble(residues, joined[whole], name=name, options=options, origin=str(path))
        if isinstance(outcome, ChainSkip):
            reading.skipped.append(Skipped(name, outcome))
            continue
        reading.chains.append(outcome.chain)
        if not whole.all():
            torn = len(whole) - int(whole.sum())
            reading.remarks.append(f"{name}: {torn} of {len(whole)} frames left out, torn by the periodic box")
    if not chains:
        reading.skipped.append(Skipped(path.stem, ChainSkip.NO_CA))
    return reading


def is_trajectory(path: Path) -> bool:
    """True if the ending of a name is one of `ENDINGS`."""
    return path.suffix.lower() in ENDINGS


def _frames(
    path: Path, atoms: BackboneAtoms, topology: Path, stride: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Backbone atoms of the frames [K, n, 3], and their boxes [K, 3, 3]; every frame has the atoms of the topology."""
    coordinates, boxes = [], []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for coord, box in _read_iter(path, stride):
                if coord.shape[-2] != atoms.n_atoms:
                    raise TopologyError(
                        f"{path} has {coord.shape[-2]} atoms a frame, {topology} has {atoms.n_atoms}. Name the "
                        "topology that the simulation was started with."
                    )
                coordinates.append(np.asarray(coord[:, atoms.row], dtype=np.float32))
                boxes.append(box)
    except TopologyError:
        raise
    except Exception as error:
        # as with structure files: whatever the parser stumbles over
        raise StructureFileError(f"{path} cannot be read: {error}. Is it a whole trajectory?") from error
    if not coordinates:
        raise StructureFileError(f"{path} has no frames. Is it a whole trajectory?")
    periodic = all(box is not None for box in boxes)
    return np.concatenate(coordinates), np.concatenate(boxes) if periodic else None


def _read_iter(path: Path, stride: int) -> Iterator[tuple[Any, Any]]:
    from biotite.structure.io.dcd import DCDFile
    from biotite.structure.io.xtc import XTCFile

    reader = DCDFile if path.suffix.lower() == ".dcd" else XTCFile
    if not is_trajectory(path):
        raise StructureFileError(f"got an unknown ending, expected one of {', '.join(ENDINGS)}")
    if not path.is_file():
        raise StructureFileError("there is no such file")
    for coord, box, _ in reader.read_iter(str(path), step=stride, stack_size=_FRAMES_AT_ONCE):
        yield coord, box


def _joined(atoms: NDArray[np.float32], boxes: NDArray[np.float32] | None) -> NDArray[np.float32]:
    """Atoms whose neighbours are their nearest images, where the box is one."""
    if boxes is None:
        return atoms
    from biotite.structure import remove_pbc_from_coord

    joined = atoms.copy()
    torn = (np.linalg.norm(np.diff(atoms[:, :, 1], axis=1), axis=-1) > BREAK_DISTANCE).any(axis=1)
    for frame in np.flatnonzero(torn & (np.linalg.det(boxes) > 0)):
        trace = atoms[frame, :, 1]
        joined[frame] += (remove_pbc_from_coord(trace, boxes[frame]) - trace)[:, None]
    return joined


def _whole(traces: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Frames [K, L, 3] in which no neighbours are apart that are bonded in most frames; all, if all are torn."""
    if traces.shape[1] < 2 or not np.isfinite(traces).all():
        return np.ones(len(traces), dtype=bool)
    bonded = neighbour_distances(traces) <= BREAK_DISTANCE
    lengths = np.linalg.norm(np.diff(traces, axis=1), axis=-1)
    whole = (lengths[:, bonded] <= BREAK_DISTANCE).all(axis=1)
    return whole if whole.any() else np.ones(len(traces), dtype=bool)
