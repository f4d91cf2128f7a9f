"""Groups of molecules of like size, from which batches are drawn, so that little of a batch is padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

_BATCHES: Final = 2
"""A group holds at least this many batches before it ends: less would repeat the company of a molecule."""


def size_groups(sizes: Sequence[int], *, batch_size: Callable[[int], int], most: int) -> list[range]:
    """Cut sorted molecules into groups.

    A group ends where the next molecule is larger and the group holds two batches, or at `most` molecules. Common
    sizes thus get groups of their own, and rare ones are joined to their neighbours.

    Args:
        sizes: Numbers of atoms, increasing.
        batch_size: Molecules in a batch whose largest molecule has so many atoms.
        most: Number of molecules at which a group ends.

    Returns:
        Consecutive ranges of positions in `sizes`.
    """
    groups, start = [], 0
    for end in range(1, len(sizes) + 1):
        held = end - start
        last = end == len(sizes)
        if last or held >= most or (sizes[end] > sizes[end - 1] and held >= _BATCHES * batch_size(sizes[end - 1])):
            groups.append(range(start, end))
            start = end
    if len(groups) > 1 and len(groups[-1]) < min(batch_size(sizes[-1]), most):
        *groups, before, rest = groups
        groups.append(range(before.start, rest.stop))
    return groups


def padded_share(batch: Sequence[int]) -> float:
    """Share of the pairs of atoms of a batch of molecules of these sizes that is padding, in [0, 1)."""
    return 1.0 - sum(n * n for n in batch) / (len(batch) * max(batch) ** 2)
