"""Molecules of a data set as training examples, featurised once and kept in memory."""

from __future__ import annotations

from collections.abc import Callable

import torch

from applications.molecular.dataset import ConformerStore
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.training_data import Example


def load_examples(
    store: ConformerStore,
    rows: list[int],
    *,
    hydrogens: Hydrogens,
    scale: float,
    advance: Callable[[int, int], None] | None = None,
) -> list[Example]:
    """Featurise molecules of a data set once; those with fewer than two modelled atoms are left out.

    Args:
        store: The data set.
        rows: Rows to read.
        hydrogens: Which atoms are modelled.
        scale: Å per model unit.
        advance: Called with (molecules done, molecules in all).

    Returns:
        Centred examples in model units.
    """
    examples = []
    for done, row in enumerate(rows, start=1):
        record = store[row]
        features = featurize(record.molecule(), hydrogens=hydrogens)
        if features.n_atoms > 1:
            positions = torch.from_numpy(record.positions[:, features.atom_index.numpy()])
            positions = (positions - positions.mean(dim=1, keepdim=True)) / scale
            examples.append(Example(features=features, positions=positions, energies=record.energies))
        if advance is not None:
            advance(done, len(rows))
    return examples


def coordinate_scale(examples: list[Example]) -> float:
    """Root mean square of the centred coordinates in Å, rounded to 1e-4."""
    squares = sum(float(e.positions.double().square().sum()) for e in examples)
    return round((squares / sum(e.positions.numel() for e in examples)) ** 0.5, 4)
