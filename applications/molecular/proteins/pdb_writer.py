"""Backbones as PDB and mmCIF files.

PDB files are written here, in fixed columns, because generation must work without biotite; mmCIF files by biotite.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.residue_letters import NAMES
from applications.molecular.proteins.structure_parsing import BACKBONE, require_biotite

_MAX_NUMBER: Final = 9_999
_MIN_NUMBER: Final = -999
_MAX_SERIAL: Final = 99_999
_MAX_MODELS: Final = 9_999
_MAX_COORDINATE: Final = 9_999.999
_MIN_COORDINATE: Final = -999.999
_REMARK: Final = "REMARK   6 "
_CA: Final = BACKBONE.index("CA")


@final
class StructureFormatError(ValueError):
    """A structure that a file cannot hold; the message names the remedy."""


@final
@dataclass(frozen=True, kw_only=True)
class WrittenChain:
    """A chain as it is written.

    Attributes:
        atoms: in Å, CA alone [K, L, 3], or N, CA, C and O [K, L, 4, 3]; N, C or O that are NaN in a model are left
            out.
        residue_index: increasing numbers of residues, [L].
        sequence: one letter a residue; X, and any letter that is none of the twenty amino acids, is written as UNK.
        identifier: of the chain; one character in PDB files.

    Raises:
        StructureFormatError: shapes do not fit, or a CA atom is not finite.
    """

    atoms: NDArray[np.floating]
    residue_index: NDArray[np.integer]
    sequence: str
    identifier: str = "A"

    def __post_init__(self) -> None:
        shape, n = self.atoms.shape, len(self.sequence)
        fits = shape[1:] in ((n, 3), (n, len(BACKBONE), 3)) and shape[0] >= 1 and n >= 1
        if not fits or self.residue_index.shape != (n,):
            raise StructureFormatError(
                f"got atoms {shape}, residue numbers {self.residue_index.shape} and {n} letters, expected (K, L, 3) or "
                "(K, L, 4, 3), (L,) and L"
            )
        if not np.isfinite(self.full[:, :, _CA]).all():
            raise StructureFormatError(f"got CA atoms of chain {self.identifier} that are not finite numbers")

    @classmethod
    def of(cls, chain: BackboneChain, *, identifier: str = "A") -> WrittenChain:
        """The CA trace of a chain."""
        return cls(
            atoms=chain.positions,
            residue_index=chain.residue_index,
            sequence=chain.sequence,
            identifier=identifier,
        )

    @property
    def full(self) -> NDArray[np.floating]:
        """All four atoms, NaN where there are none, [K, L, 4, 3]."""
        if self.atoms.ndim == 4:
            return self.atoms
        full = np.full((*self.atoms.shape[:2], len(BACKBONE), 3), np.nan)
        full[:, :, _CA] = self.atoms
        return full

    @property
    def written(self) -> list[tuple[int, int]]:
        """Residue and place in `BACKBONE` of the atoms that all models have."""
        return [(int(i), int(a)) for i, a in np.argwhere(np.isfinite(self.full).all(axis=(0, 3)))]

    def name(self, residue: int) -> str:
        """Name of a residue, for instance GLY."""
        return NAMES.get(self.sequence[residue], "UNK")


def write_pdb(path: Path, chains: Sequence[WrittenChain], *, remarks: Sequence[str] = ()) -> None:
    """Write chains as a PDB file, with MODEL records if there are several models.

    Args:
        path: of the file; an old one is replaced.
        chains: at least one, all with the same number of models and with identifiers that differ.
        remarks: lines of REMARK 6, folded where they are too long; characters beyond ASCII become question marks.

    Raises:
        StructureFormatError: the fixed columns cannot hold it: more than 99,999 atoms or 9,999 models, residue numbers
            beyond -999 to 9,999, coordinates beyond -999.999 to 9,999.999, identifiers longer than a character.
    """
    _check(chains)
    _check_columns(chains)
    lines = [
        _REMARK + line
        for remark in remarks
        for part in remark.encode("ascii", "replace").decode().splitlines()
        for line in textwrap.wrap(part, 80 - len(_REMARK)) or [""]
    ]
    models = len(chains[0].atoms)
    for model in range(models):
        if models > 1:
            lines.append(f"MODEL     {model + 1:4d}")
        lines += _model_lines(chains, model)
        if models > 1:
            lines.append("ENDMDL")
    unfinished = path.with_name(path.name + ".tmp")
    unfinished.write_text("\n".join([*lines, "END", ""]), encoding="ascii")
    unfinished.rename(path)


def write_cif(path: Path, chains: Sequence[WrittenChain], *, name: str = "backbone") -> None:
    """Write chains as an mmCIF file, which has no limits of columns.

    Args:
        path: of the file; an old one is replaced.
        chains: at least one, all with the same number of models and with identifiers that differ.
        name: of the data block.

    Raises:
        MissingExtraError: biotite is not installed.
        StructureFormatError: chains do not fit each other.
    """
    require_biotite()
    from biotite.structure import AtomArrayStack
    from biotite.structure.io.pdbx import CIFFile, set_structure

    _check(chains)
    rows = [(chain, residue, atom) for chain in chains for residue, atom in chain.written]
    stack = AtomArrayStack(len(chains[0].atoms), len(rows))
    stack.coord = np.concatenate([chain.full[:, *zip(*chain.written, strict=True)] for chain in chains], axis=1)
    stack.chain_id = np.array([chain.identifier for chain, _, _ in rows])
    stack.res_id = np.array([int(chain.residue_index[residue]) for chain, residue, _ in rows])
    stack.res_name = np.array([chain.name(residue) for chain, residue, _ in rows])
    stack.atom_name = np.array([BACKBONE[atom] for _, _, atom in rows])
    stack.element = np.array([BACKBONE[atom][0] for _, _, atom in rows])
    file = CIFFile()
    set_structure(file, stack, data_block=name)
    file.write(str(path))


def _model_lines(chains: Sequence[WrittenChain], model: int) -> Iterator[str]:
    serial = 0
    for chain in chains:
        positions = chain.full[model]
        residue = 0
        for residue, atom in chain.written:
            serial += 1
            x, y, z = positions[residue, atom]
            yield (
                f"ATOM  {serial:5d}  {BACKBONE[atom]:<3} {chain.name(residue)} {chain.identifier}"
                f"{chain.residue_index[residue]:4d}    {x:8.3f}{y:8.3f}{z:8.3f}{1:6.2f}{0:6.2f}"
                f"          {BACKBONE[atom][0]:>2}"
            )
        serial += 1
        yield f"TER   {serial:5d}      {chain.name(residue)} {chain.identifier}{chain.residue_index[residue]:4d}"


def _check(chains: Sequence[WrittenChain]) -> None:
    if not chains:
        raise StructureFormatError("got no chain to write, expected at least one")
    if len({len(chain.atoms) for chain in chains}) > 1:
        got = ", ".join(f"{len(chain.atoms)} of {chain.identifier}" for chain in chains)
        raise StructureFormatError(f"got different numbers of models ({got}). Write one file a chain.")
    identifiers = [chain.identifier for chain in chains]
    if len(set(identifiers)) < len(identifiers):
        raise StructureFormatError(f"got chain identifiers {', '.join(identifiers)}, expected ones that differ")


def _check_columns(chains: Sequence[WrittenChain]) -> None:
    remedy = "Write mmCIF (.cif), or divide the structure."
    n_records = sum(len(chain.written) + 1 for chain in chains)
    if n_records > _MAX_SERIAL:
        raise StructureFormatError(f"got {n_records} atoms, a PDB file holds {_MAX_SERIAL}. {remedy}")
    if len(chains[0].atoms) > _MAX_MODELS:
        raise StructureFormatError(f"got {len(chains[0].atoms)} models, a PDB file holds {_MAX_MODELS}. {remedy}")
    for chain in chains:
        if len(chain.identifier) != 1 or not chain.identifier.isascii() or not chain.identifier.isprintable():
            raise StructureFormatError(f"got chain {chain.identifier!r}, PDB files take one ASCII character. {remedy}")
        low, high = int(chain.residue_index.min()), int(chain.residue_index.max())
        if low < _MIN_NUMBER or high > _MAX_NUMBER:
            raise StructureFormatError(
                f"got residue numbers {low} to {high} in chain {chain.identifier}, PDB files hold {_MIN_NUMBER} to "
                f"{_MAX_NUMBER}. {remedy}"
            )
        smallest, largest = float(np.nanmin(chain.atoms)), float(np.nanmax(chain.atoms))
        if smallest < _MIN_COORDINATE or largest > _MAX_COORDINATE:
            raise StructureFormatError(
                f"got coordinates from {smallest:.3f} to {largest:.3f} Å, PDB files hold {_MIN_COORDINATE} to "
                f"{_MAX_COORDINATE}. Centre the structure, or write mmCIF (.cif)."
            )
