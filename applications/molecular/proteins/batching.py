"""Padded batches of backbones: what a network knows of chains beside their coordinates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

RESIDUES: Final = "ACDEFGHIKLMNPQRSTVWY"
"""Letters that have a code of their own; every other letter is unknown."""

UNKNOWN: Final = len(RESIDUES)
"""Code of an unknown residue, and of padding."""

BOND: Final = 3.80
"""Distance of consecutive CA in Å (trans peptides)."""

CLOSEST: Final = 3.57
"""Smallest distance in Å of CA that are not consecutive in measured chains."""


@final
@dataclass(frozen=True, kw_only=True)
class BackboneFeatures:
    """Static inputs of one chain or crop.

    Attributes:
        residue_index: Numbers of the residues, increasing, shape (n,).
        sequence: One letter a residue, X where unknown.
    """

    residue_index: NDArray[np.int64]
    sequence: str

    @property
    def n_residues(self) -> int:
        """N."""
        return len(self.residue_index)

    @classmethod
    def of_length(cls, n_residues: int) -> BackboneFeatures:
        """A chain without breaks and of unknown sequence."""
        return cls(residue_index=np.arange(n_residues, dtype=np.int64), sequence="X" * n_residues)

    def crop(self, start: int, length: int) -> BackboneFeatures:
        """Residues start, ..., start + length - 1."""
        end = start + length
        return BackboneFeatures(residue_index=self.residue_index[start:end], sequence=self.sequence[start:end])


@final
@dataclass(frozen=True, kw_only=True)
class BackboneBatch:
    """Static inputs of B chains padded to N residues.

    Attributes:
        mask: True at real residues, shape (B, N).
        residue_index: Numbers of the residues counted from the first, zero at padding, shape (B, N), int64.
        sequence: Codes of the residues in `RESIDUES`, shape (B, N), int64.
        bond: Length of a CA-CA bond in model units, shape (B,).
        self_conditioned: Items that see a prediction in training, shape (B,), boolean; None outside training.
    """

    mask: Tensor
    residue_index: Tensor
    sequence: Tensor
    bond: Tensor
    self_conditioned: Tensor | None = None

    @property
    def size(self) -> int:
        """B."""
        return self.mask.shape[0]

    @property
    def n_residues(self) -> int:
        """N."""
        return self.mask.shape[1]

    @property
    def lengths(self) -> Tensor:
        """Numbers of real residues, shape (B,)."""
        return self.mask.sum(-1)

    @property
    def separation(self) -> Tensor:
        """Number of residue j less that of residue i, zero at padding, shape (B, N, N), int64."""
        both = self.mask[:, :, None] & self.mask[:, None, :]
        return torch.where(both, self.residue_index[:, None, :] - self.residue_index[:, :, None], 0)

    @property
    def linked(self) -> Tensor:
        """True where a residue is bonded to the next one: both real and no chain break, shape (B, N - 1)."""
        return (self.residue_index.diff(dim=1) == 1) & self.mask[:, 1:]

    @property
    def breaks(self) -> Tensor:
        """True where the next residue is real and not bonded to this one, shape (B, N - 1)."""
        return (self.residue_index.diff(dim=1) > 1) & self.mask[:, 1:]

    def to(self, target: torch.device | torch.dtype) -> BackboneBatch:
        """Move all tensors to a device, or the floating-point ones to a dtype."""
        if isinstance(target, torch.dtype):
            return replace(self, bond=self.bond.to(target))
        return self._each(lambda value: value.to(target))

    def rows(self, index: Tensor) -> BackboneBatch:
        """The batch of some items, by their positions."""
        return self._each(lambda value: value[index])

    def _each(self, change: Callable[[Tensor], Tensor]) -> BackboneBatch:
        marks = self.self_conditioned
        return BackboneBatch(
            mask=change(self.mask),
            residue_index=change(self.residue_index),
            sequence=change(self.sequence),
            bond=change(self.bond),
            self_conditioned=None if marks is None else change(marks),
        )


def collate(
    chains: Sequence[BackboneFeatures],
    *,
    scale: float,
    pad_to: int | None = None,
    self_conditioned: Tensor | None = None,
) -> BackboneBatch:
    """Pad and stack several chains.

    Args:
        chains: Features, one entry a chain; at least one.
        scale: Å per model unit.
        pad_to: Number of residues to pad to, or None for the longest chain.
        self_conditioned: Items that see a prediction in training.

    Returns:
        The batch, in the order given.
    """
    size, n = len(chains), max(pad_to or 1, *(c.n_residues for c in chains), 1)
    mask = torch.zeros(size, n, dtype=torch.bool)
    index = torch.zeros(size, n, dtype=torch.int64)
    sequence = torch.full((size, n), UNKNOWN, dtype=torch.int64)
    for row, chain in enumerate(chains):
        length = chain.n_residues
        mask[row, :length] = True
        index[row, :length] = torch.from_numpy(chain.residue_index - chain.residue_index[0])
        codes = [RESIDUES.find(letter) for letter in chain.sequence]
        sequence[row, :length] = torch.tensor([UNKNOWN if code < 0 else code for code in codes])
    return BackboneBatch(
        mask=mask,
        residue_index=index,
        sequence=sequence,
        bond=torch.full((size,), BOND / scale),
        self_conditioned=self_conditioned,
    )
