from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem, RDConfig, rdBase

from applications.molecular.size_groups import padded_share, size_groups
from applications.molecular.training_data import BatchConfig


def batch_size(n_atoms: int) -> int:
    config = BatchConfig()
    return max(1, min(config.pair_budget // n_atoms**2, config.max_molecules))


@given(st.lists(st.integers(2, 60), min_size=1, max_size=400), st.integers(1, 256))
def test_groups_are_a_partition_and_each_fills_batches(sizes: list[int], most: int) -> None:
    sizes = sorted(sizes)
    groups = size_groups(sizes, batch_size=batch_size, most=most)
    assert [i for group in groups for i in group] == list(range(len(sizes)))
    for group in groups[:-1]:
        assert len(group) == most or len(group) >= 2 * batch_size(sizes[group[-1]])
        assert len(group) <= most
    assert len(groups[-1]) < 2 * most
    assert len(groups) == 1 or len(groups[-1]) >= min(most, batch_size(sizes[-1]))


def test_padding_of_a_batch() -> None:
    assert padded_share([5, 5, 5]) == 0.0
    assert padded_share([1, 2]) == pytest.approx(1 - 5 / 8)


def expected_padding(sizes: list[int], groups: list[range]) -> float:
    """Padded share of pairs over many batches: groups by their weight, molecules without replacement."""
    rng = np.random.default_rng(0)
    lengths = [min(batch_size(sizes[g[-1]]), len(g)) for g in groups]
    weights = np.array([len(g) / b for g, b in zip(groups, lengths, strict=True)])
    real = total = 0.0
    for number in rng.choice(len(groups), p=weights / weights.sum(), size=2000):
        batch = rng.choice(sizes[groups[number][0] : groups[number][-1] + 1], size=lengths[number], replace=False)
        pairs = len(batch) * int(batch.max()) ** 2
        total, real = total + pairs, real + pairs * (1 - padded_share(batch.tolist()))
    return 1 - real / total


def test_less_than_a_tenth_of_the_pairs_is_padding_on_a_realistic_distribution_of_sizes() -> None:
    """Every third molecule of RDKit's NCI list: about as many as the model in the package was trained on."""
    lines = (Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi").read_text().splitlines()[::3]
    with rdBase.BlockLogs():
        mols = [Chem.MolFromSmiles(line.split()[0]) for line in lines]
    sizes = sorted(m.GetNumAtoms() for m in mols if m and 4 <= m.GetNumAtoms() <= 30)
    assert 1400 < len(sizes) < 1700
    assert expected_padding(sizes, size_groups(sizes, batch_size=batch_size, most=256)) < 0.1
    even = [range(s, min(s + 256, len(sizes))) for s in range(0, len(sizes), 256)]
    assert expected_padding(sizes, even) > 0.15
