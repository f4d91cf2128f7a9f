"""Backbones that come with the package: 50 crystal structures, and an ensemble of ubiquitin in solution.

Both are CA traces of the Protein Data Bank, whose coordinates are in the public domain (CC0 1.0); `data/DATA.md` names
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.chains import BackboneChain

CHAINS_FILE: Final = "chains.npz"
ENSEMBLE_FILE: Final = "ubiquitin.npz"

_PER_ANGSTROM: Final = 1000


@final
class BundleError(ValueError):
    """Files of the package that are missing or damaged."""


def bundled_chains() -> list[BackboneChain]:
    """50 chains of 79 to 173 residues, in alphabetic order, one model each.

    Raises:
        BundleError: the file of the package is missing or damaged.
    """
    return read_bundle(CHAINS_FILE)


def bundled_ensemble() -> BackboneChain:
    """Ubiquitin in solution (2k39): 116 models of 76 residues.

    Raises:
        BundleError: the file of the package is missing or damaged.
    """
    return read_bundle(ENSEMBLE_FILE)[0]


def read_bundle(name: str) -> list[BackboneChain]:
    """Chains of a file of the package.

    Raises:
        BundleError: it is missing or damaged.
    """
    try:
        with as_file(files("applications.molecular.proteins") / "data" / name) as path:
            return unpack(path)
    except (OSError, ValueError, KeyError) as error:
        raise BundleError(f"{name} of the package cannot be read: {error}. Install it again.") from error


def pack(path: Path, chains: Sequence[BackboneChain]) -> None:
    """Write chains with coordinates rounded to 0.001 Å, the precision of PDB files; equal chains give equal bytes.

    Neighbours differ by little, so differences along the chain are stored, and the packing gets small.
    """
    arrays: dict[str, NDArray[np.generic]] = {
        "names": _text([chain.name for chain in chains]),
        "sequences": _text([chain.sequence for chain in chains]),
        "models": np.array([chain.n_models for chain in chains], dtype=np.int32),
        "numbers": np.concatenate([chain.residue_index for chain in chains]).astype(np.int32),
        "steps": np.concatenate([_steps(chain.positions) for chain in chains]),
    }
    with path.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)


def unpack(path: Path) -> list[BackboneChain]:
    """Read chains that `pack` wrote."""
    with np.load(path, allow_pickle=False) as arrays:
        names, sequences = (arrays[name].tobytes().decode().split("\n") for name in ("names", "sequences"))
        models, numbers, steps = arrays["models"].tolist(), arrays["numbers"], arrays["steps"]
    chains, residue, step = [], 0, 0
    for name, sequence, k in zip(names, sequences, models, strict=True):
        n = len(sequence)
        counts = steps[step : step + 3 * k * n].reshape(3, k, n).cumsum(axis=2, dtype=np.int64)
        chains.append(
            BackboneChain(
                name=name,
                positions=(np.moveaxis(counts, 0, 2) / _PER_ANGSTROM).astype(np.float32),
                residue_index=numbers[residue : residue + n].astype(np.int64),
                sequence=sequence,
            )
        )
        residue, step = residue + n, step + 3 * k * n
    return chains


def _steps(positions: NDArray[np.float32]) -> NDArray[np.int32]:
    counts = np.moveaxis(np.rint(positions.astype(np.float64) * _PER_ANGSTROM).astype(np.int32), 2, 0)
    return np.diff(counts, axis=2, prepend=0).ravel()


def _text(lines: Sequence[str]) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(lines).encode(), dtype=np.uint8)
