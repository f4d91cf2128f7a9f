"""Batches of conformers: functions of seed and step, with the laws that they should have."""

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from applications.molecular.features import Hydrogens, featurize
from applications.molecular.training_data import BatchConfig, ConformerBatches, Example
from applications.molecular.training_draws import random_rotations

ALCOHOLS = [
    "CCO",
    "CCCO",
    "CC(C)O",
    "OCCO",
    "CC(O)CO",
    "OCC(O)CO",
    "C1CC1O",
    "CCOC",
    "CCCCO",
    "CC(C)CO",
    "COCO",
    "CCC(C)O",
]


def examples() -> list[Example]:
    out = []
    for smiles in ALCOHOLS:
        mol = Chem.MolFromSmiles(Chem.MolToSmiles(Chem.MolFromSmiles(smiles)))
        features = featurize(mol, hydrogens=Hydrogens.PLACED)
        full = Chem.AddHs(mol)
        ids = rdDistGeom.EmbedMultipleConfs(full, 3, randomSeed=1)
        frames = np.stack([full.GetConformer(i).GetPositions() for i in ids])
        x = torch.from_numpy(frames).float()[:, features.atom_index]
        out.append(Example(features=features, positions=x - x.mean(1, keepdim=True)))
    return out


def test_batches_are_functions_of_seed_and_step() -> None:
    make = [ConformerBatches(examples(), config=BatchConfig(seed=s), scale=1.0, group_size=6) for s in (0, 0, 1)]
    one, same, other = (stream.at(5) for stream in make)
    assert torch.equal(one.points, same.points)
    assert torch.equal(one.t, same.t)
    assert torch.equal(one.seeds, same.seeds)
    assert not torch.equal(one.seeds[:3], other.seeds[:3])
    assert not torch.equal(one.seeds[:3], make[0].at(6).seeds[:3])


@pytest.mark.parametrize("world_size", [2, 3, 7])
def test_the_shares_of_a_batch_are_the_batch_of_one_process(world_size: int) -> None:
    """Molecules, conformers, rotations, times and noise do not depend on the number of processes."""
    stream = ConformerBatches(examples(), config=BatchConfig(max_molecules=5), scale=1.0)
    whole = stream.at(4)
    gaps = []
    for rank in range(world_size):
        part = stream.at(4, rank=rank, world_size=world_size)
        own = range(rank, 5, world_size) or range(1)
        assert part.weight == pytest.approx(world_size * len(range(rank, 5, world_size)) / 5)
        for row, i in enumerate(own):
            n = int(part.condition.mask[row].sum())
            assert torch.equal(part.points[row, :n], whole.points[i, :n])
            assert whole.condition.mask[i].sum() == n
            assert torch.equal(part.t[row], whole.t[i])
            assert torch.equal(part.seeds[row], whole.seeds[i])
            assert torch.equal(part.condition.pairs[row, :n, :n], whole.condition.pairs[i, :n, :n])
        gaps.append(part.weight - 1.0)
    assert max(abs(gap) for gap in gaps) > 0.1


def test_batches_rotate_conformers_and_do_nothing_else() -> None:
    pool = examples()
    batch = ConformerBatches(pool, config=BatchConfig(max_molecules=3), scale=1.0).at(2)
    known = [torch.cdist(p, p) for e in pool for p in e.positions]
    for points, mask in zip(batch.points, batch.condition.mask, strict=True):
        real = points[mask]
        distances = torch.cdist(real, real)
        assert points[~mask].abs().sum() == 0.0
        gaps = [(distances - k).abs().max().item() for k in known if k.shape == distances.shape]
        assert min(gaps) < 1e-4
        assert all((real - p).abs().max() > 1e-2 for e in pool for p in e.positions if p.shape == real.shape)


def test_every_molecule_is_drawn_equally_often() -> None:
    pool = examples()
    stream = ConformerBatches(pool, config=BatchConfig(pair_budget=40, max_molecules=3), scale=1.0, group_size=4)
    counts: dict[tuple[float, ...], int] = {}
    total = 0
    for step in range(600):
        condition = stream.at(step).condition
        for pairs, mask in zip(condition.pairs, condition.mask, strict=True):
            key = (float(mask.sum()), round(float(pairs.sum()), 3))
            counts[key] = counts.get(key, 0) + 1
            total += 1
    expected: dict[tuple[float, ...], int] = {}
    for e in pool:
        key = (float(e.features.n_atoms), round(float(e.features.pairs.sum()), 3))
        expected[key] = expected.get(key, 0) + 1
    assert counts.keys() == expected.keys()
    for key, share in expected.items():
        wanted = total * share / len(pool)
        assert abs(counts[key] - wanted) < 5.0 * wanted**0.5


def test_times_follow_their_law() -> None:
    config = BatchConfig(max_molecules=12, pair_budget=10_000)
    stream = ConformerBatches(examples(), config=config, scale=1.0)
    t = torch.cat([stream.at(step).t for step in range(400)])
    assert ((t >= 0) & (t <= 1)).all()
    mean = 0.02 * 0.5 + 0.98 * 1.9 / 2.9
    assert abs(t.mean().item() - mean) < 5.0 * t.std().item() / len(t) ** 0.5


def test_random_rotations_are_proper_and_isotropic() -> None:
    turns = random_rotations(np.random.default_rng(0), 4000)
    identity = torch.eye(3).expand_as(turns)
    torch.testing.assert_close(turns @ turns.mT, identity, rtol=0.0, atol=1e-5)
    torch.testing.assert_close(torch.linalg.det(turns), torch.ones(4000), rtol=0.0, atol=1e-5)
    assert turns.mean(0).abs().max() < 5.0 * (1 / 3 / 4000) ** 0.5
