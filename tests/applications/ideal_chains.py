"""Chains with known geometry, and files of chains, for the tests of backbones."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from applications.molecular.proteins.chains import BackboneChain

HELIX = (2.3, np.radians(100.0), 1.5)
"""Radius in Å, turn and rise in Å of the CA atoms of an alpha helix."""


def helix(n: int, *, radius: float = HELIX[0], turn: float = HELIX[1], rise: float = HELIX[2]) -> NDArray[np.float64]:
    """Points [n, 3] of a screw, right-handed for a positive turn and rise."""
    k = np.arange(n)
    return np.stack([radius * np.cos(turn * k), radius * np.sin(turn * k), rise * k], axis=-1).astype(np.float64)


def strand(n: int, *, bond: float = 3.8, angle: float = 120.0) -> NDArray[np.float64]:
    """A flat zigzag [n, 3]: every pseudo dihedral is 180 degrees."""
    half = np.radians(angle) / 2
    k = np.arange(n)
    return np.stack([bond * np.sin(half) * k, bond * np.cos(half) * (k % 2), 0.0 * k], axis=-1).astype(np.float64)


def chain(positions: NDArray[np.floating], name: str = "x", breaks: Sequence[int] = ()) -> BackboneChain:
    """A chain of coordinates [L, 3] or [K, L, 3]; after each row of `breaks` ten numbers are left out."""
    x = np.asarray(positions, dtype=np.float32)
    x = x if x.ndim == 3 else x[None]
    n = x.shape[1]
    numbers = np.arange(1, n + 1) + 10 * sum((np.arange(n) > row).astype(np.int64) for row in breaks)
    return BackboneChain(name=name, positions=x, residue_index=numbers.astype(np.int64), sequence="X" * n)


def moved(positions: NDArray[np.floating], seed: int) -> NDArray[np.float64]:
    """The same after a rotation and a translation."""
    rng = np.random.default_rng(seed)
    return positions @ Rotation.random(rng=rng).as_matrix().T + rng.normal(scale=20, size=3)


def mirrored(positions: NDArray[np.floating]) -> NDArray[np.floating]:
    return positions * np.array([-1.0, 1.0, 1.0])


def write_pdb(path: Path, frames: NDArray[np.floating], numbers: Sequence[int] | None = None) -> Path:
    """A PDB file of CA atoms, one model a frame [K, L, 3]."""
    numbers = numbers or range(1, frames.shape[1] + 1)
    lines = []
    for k, frame in enumerate(frames, start=1):
        lines.append(f"MODEL     {k:4d}")
        for i, (number, (x, y, z)) in enumerate(zip(numbers, frame, strict=True), start=1):
            lines.append(f"ATOM  {i:5d}  CA  ALA A{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           C  ")
        lines.append("ENDMDL")
    path.write_text("\n".join([*lines, "END", ""]))
    return path
