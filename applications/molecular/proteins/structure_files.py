"""Backbones from structure files: one entry a chain, and a reason for every chain that gives none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.numbering import (
    BREAK_DISTANCE,
    increasing_numbers,
    neighbour_distances,
    peptide_bonds,
)
from applications.molecular.proteins.residue_letters import letter
from applications.molecular.proteins.residues import ChainModels, Residue, chains_of
from applications.molecular.proteins.structure_parsing import entry_name, parse_models


@final
class UnitError(ValueError):
    """Coordinates in another unit of length than was said."""


@final
class LengthUnit(Enum):
    """Unit of length of a file; the value is its size in Å."""

    ANGSTROM = 1.0
    NANOMETRE = 10.0


@final
class ChainSkip(Enum):
    """Why a chain gives no entry; the value says so in words."""

    NO_CA = "no CA atoms: nucleic acid, ligands or water"
    HETERO_ONLY = "only HETATM records: ligands, no polymer"
    ONE_RESIDUE = "a single residue with a CA atom"
    TOO_SHORT = "fewer residues than the lower limit"
    TOO_LONG = "more residues than the upper limit"
    NOT_FINITE = "coordinates that are not finite numbers"
    NO_TRACE = "neighbouring CA atoms are not 2.5 to 4.5 Å apart"
    MODELS_DIFFER = "models without two residues in common"


@final
@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Attributes:
        unit: of the coordinates in the file.
        min_residues: fewest residues of a chain, at least 2.
        max_residues: most residues of a chain.
        as_numbered: residues follow each other as their numbers say, however far apart they are. For generated
            chains, whose bad bonds are errors and neither breaks nor a reason to leave a chain out.
    """

    unit: LengthUnit = LengthUnit.ANGSTROM
    min_residues: int = 2
    max_residues: int = 100_000
    as_numbered: bool = False

    def __post_init__(self) -> None:
        if not 2 <= self.min_residues <= self.max_residues:
            raise ValueError(
                f"got limits of {self.min_residues} to {self.max_residues} residues, expected 2 <= lower <= upper"
            )


@final
@dataclass(frozen=True)
class Skipped:
    """A chain without an entry.

    Attributes:
        name: of the chain.
        reason: why.
    """

    name: str
    reason: ChainSkip


@final
@dataclass(frozen=True)
class Reading:
    """What a file gave.

    Attributes:
        chains: the entries.
        skipped: chains without an entry.
        remarks: what was left out of entries, in words.
    """

    chains: list[BackboneChain]
    skipped: list[Skipped]
    remarks: list[str] = field(default_factory=list)


@final
@dataclass(frozen=True)
class FullBackbone:
    """The backbone atoms of a chain.

    Attributes:
        chain: its CA trace.
        atoms: N, CA, C and O in Å, NaN where the file has none, [K, L, 4, 3].
    """

    chain: BackboneChain
    atoms: NDArray[np.float32]


_NANOMETRE_RANGE: Final = (0.25, 0.45)
_ANGSTROM_RANGE: Final = (2.5, BREAK_DISTANCE)


def read_backbones(path: Path, options: ReadOptions | None = None) -> Reading:
    """CA traces of the chains of a structure file.

    Of alternate locations that of the highest occupancy of its CA atom is taken. Residues without a CA atom are left
    out, and a jump in the residue numbers remains. Modified residues (HETATM with a CA atom bonded to a neighbour)
    count. Chains are named by the file, with their identifier behind it if there are several: 1abc_A, 1abc_B.
    Several models become the K models of an entry; if their residues differ, those that all have remain, and a
    remark says so.

    Args:
        path: PDB, mmCIF or BinaryCIF, possibly packed with gzip.
        options: unit and limits.

    Returns:
        Chains in the order of the file, what was skipped, and remarks.

    Raises:
        MissingExtraError: biotite is not installed.
        StructureFileError: the file cannot be read.
        UnitError: neighbouring CA atoms are about 3.8 of the other unit apart.
    """
    full, skipped, remarks = _read(path, options or ReadOptions())
    return Reading([entry.chain for entry in full], skipped, remarks)


def read_full_backbone(path: Path, options: ReadOptions | None = None) -> list[FullBackbone]:
    """The chains of `read_backbones` with their N, CA, C and O atoms; raises what it raises."""
    return _read(path, options or ReadOptions())[0]


def _read(path: Path, options: ReadOptions) -> tuple[list[FullBackbone], list[Skipped], list[str]]:
    chains = chains_of(parse_models(path))
    found: list[FullBackbone] = []
    skipped: list[Skipped] = []
    remarks: list[str] = []
    for name, models in named(chains, entry_name(path)).items():
        residues = models.common()
        if not residues:
            skipped.append(Skipped(name, ChainSkip.MODELS_DIFFER))
            continue
        outcome = assemble(residues, models.positions(residues), name=name, options=options, origin=str(path))
        if isinstance(outcome, ChainSkip):
            skipped.append(Skipped(name, outcome))
            continue
        found.append(outcome)
        if models.n_seen > len(residues):
            remarks.append(
                f"{name}: {len(residues)} residues that all {models.n_models} models have, of {models.n_seen}"
            )
    if not chains:
        skipped.append(Skipped(entry_name(path), ChainSkip.NO_CA))
    return found, skipped, remarks


def named(chains: Mapping[str, ChainModels], entry: str) -> dict[str, ChainModels]:
    """Chains by the name of the file, with their identifier behind it if there are several."""
    return {
        f"{entry}_{identifier}" if len(chains) > 1 and identifier else entry: models
        for identifier, models in chains.items()
    }


def assemble(
    residues: Sequence[Residue], atoms: NDArray[np.floating], *, name: str, options: ReadOptions, origin: str
) -> FullBackbone | ChainSkip:
    """The entry of one chain, or why there is none.

    Args:
        residues: at least one.
        atoms: their N, CA, C and O, NaN where missing, in the unit of the options, [K, L, 4, 3].
        name: of the entry.
        options: unit and limits.
        origin: what an error names.

    Raises:
        UnitError: neighbouring CA atoms are about 3.8 of the other unit apart.
    """
    if all(residue.hetero for residue in residues):
        return ChainSkip.HETERO_ONLY
    if not np.isfinite(atoms[:, :, 1]).all():
        return ChainSkip.NOT_FINITE
    polymer = [place for place, residue in enumerate(residues) if not residue.hetero]
    if not options.as_numbered:
        refusal = _check_unit(atoms[:, polymer, 1], [residues[i] for i in polymer], options.unit, origin)
        if refusal:
            return refusal
    atoms = atoms * options.unit.value
    kept = _bonded_or_polymer(residues, atoms[:, :, 1])
    residues, atoms = [residues[i] for i in kept], atoms[:, kept]
    if len(residues) < options.min_residues:
        return ChainSkip.ONE_RESIDUE if len(residues) == 1 else ChainSkip.TOO_SHORT
    if len(residues) > options.max_residues:
        return ChainSkip.TOO_LONG
    # all atoms in one place are never too far apart
    spacing = np.zeros_like(atoms[:, :, 1]) if options.as_numbered else atoms[:, :, 1]
    numbers = increasing_numbers([residue.number for residue in residues], spacing, peptide_bonds(atoms))
    atoms = atoms.astype(np.float32)
    chain = BackboneChain(
        name=name,
        positions=np.ascontiguousarray(atoms[:, :, 1]),
        residue_index=numbers,
        sequence="".join(letter(residue.name) for residue in residues),
    )
    return FullBackbone(chain, atoms)


def _check_unit(
    positions: NDArray[np.floating], residues: Sequence[Residue], unit: LengthUnit, origin: str
) -> ChainSkip | None:
    """Compare the distance of residues that follow each other with 3.8 Å.

    Raises:
        UnitError: it is about 3.8 of the other unit.
    """
    if len(residues) < 2:
        return None
    follows = np.diff([residue.number for residue in residues]) == 1
    if not follows.any():
        return None
    distance = float(np.median(neighbour_distances(positions)[follows]))
    if unit is LengthUnit.ANGSTROM and _NANOMETRE_RANGE[0] < distance < _NANOMETRE_RANGE[1]:
        raise UnitError(f"{origin}: neighbouring CA atoms are {distance:.2f} Å apart: nanometres? Use --unit nm.")
    if unit is LengthUnit.NANOMETRE and _ANGSTROM_RANGE[0] < distance < _ANGSTROM_RANGE[1]:
        raise UnitError(f"{origin}: neighbouring CA atoms are {distance:.2f} nm apart: Å? Use --unit angstrom.")
    low, high = _ANGSTROM_RANGE
    return None if low <= distance * unit.value <= high else ChainSkip.NO_TRACE


def _bonded_or_polymer(residues: Sequence[Residue], positions: NDArray[np.floating]) -> list[int]:
    """Places of polymer residues and of HETATM residues next to another one: a ligand may have a CA atom too."""
    if len(residues) < 2:
        return list(range(len(residues)))
    bonded = neighbour_distances(positions) <= BREAK_DISTANCE
    beside = np.concatenate([[False], bonded]) | np.concatenate([bonded, [False]])
    return [place for place, residue in enumerate(residues) if not residue.hetero or beside[place]]
