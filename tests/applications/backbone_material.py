"""Small structure files for tests of backbones, made up line by line."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.bundled import bundled_chains, unpack
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.pdb_writer import WrittenChain, write_pdb

MATERIAL = Path(__file__).parent / "material" / "full_backbones.npz"


def helix(n: int) -> NDArray[np.float64]:
    """CA atoms of an ideal helix, [n, 3], 3.8 Å apart."""
    turn = np.deg2rad(100.0) * np.arange(n)
    found = np.stack([2.3 * np.cos(turn), 2.3 * np.sin(turn), 1.5 * np.arange(n)], axis=-1)
    return found.astype(np.float64)


def atom(
    position: Iterable[float],
    number: int,
    *,
    name: str = " CA ",
    residue: str = "ALA",
    chain: str = "A",
    record: str = "ATOM",
    location: str = " ",
    insertion: str = " ",
    occupancy: float = 1.0,
    element: str = "C",
) -> str:
    """A line of a PDB file."""
    x, y, z = position
    return (
        f"{record:<6}{1:5d} {name}{location}{residue:>3} {chain}{number:4d}{insertion}   "
        f"{x:8.3f}{y:8.3f}{z:8.3f}{occupancy:6.2f}{0:6.2f}          {element:>2}"
    )


def trace(n: int, *, first: int = 1, chain: str = "A", record: str = "ATOM", scale: float = 1.0) -> list[str]:
    """Lines of a helix."""
    return [atom(scale * p, number, chain=chain, record=record) for number, p in enumerate(helix(n), start=first)]


def write_lines(path: Path, lines: Iterable[str]) -> Path:
    """Write lines, packed if the name says so."""
    content = "\n".join([*lines, "END", ""]).encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


def full_backbones() -> list[tuple[BackboneChain, NDArray[np.float64]]]:
    """Four chains that the peptide planes were not fitted on, with their N, CA, C and O atoms [L, 4, 3]."""
    return [(chain, np.moveaxis(chain.positions, 0, 1).astype(np.float64)) for chain in unpack(MATERIAL)]


def folder_of_structures(folder: Path, n: int) -> Path:
    """The first bundled chains as PDB files."""
    folder.mkdir()
    for chain in bundled_chains()[:n]:
        write_pdb(folder / f"{chain.name}.pdb", [WrittenChain.of(chain)])
    return folder
