"""Training batches of backbones: functions of (seed, step), crops, whole ensembles, shares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.training_data import (
    BackboneBatchConfig,
    BackboneBatches,
    BackboneDataError,
    coordinate_scale,
)
from tests.applications.backbone_material import helix

CONFIG = BackboneBatchConfig(min_residues=6, max_residues=12, pair_budget=600, max_chains=16)


def chain(name: str, n: int, *, models: int = 1, seed: int = 0, gap: int | None = None) -> BackboneChain:
    rng = np.random.default_rng(seed)
    positions = helix(n) + rng.normal(scale=0.5, size=(models, n, 3)) + 100.0 * rng.normal(size=(1, 1, 3))
    index = np.arange(n, dtype=np.int64)
    if gap is not None:
        index[gap:] += 5
    return BackboneChain(
        name=name, positions=positions.astype(np.float32), residue_index=index, sequence=("ACDEFGHIKL" * n)[:n]
    )


CHAINS = [chain("a", 9, seed=1), chain("b", 20, seed=2, gap=8), chain("c", 30, seed=3), chain("short", 5)]


def stream(config: BackboneBatchConfig = CONFIG, chains: list[BackboneChain] | None = None) -> BackboneBatches:
    return BackboneBatches(CHAINS if chains is None else chains, config=config, scale=5.0)


def distances(x: Tensor) -> Tensor:
    return torch.cdist(x.double(), x.double(), compute_mode="donot_use_mm_for_euclid_dist")


def _same_shape(positions: NDArray[np.float32], points: Tensor) -> bool:
    return torch.allclose(distances(torch.from_numpy(positions)), distances(points), atol=1e-3)


def test_batches_are_functions_of_seed_and_step() -> None:
    one, other = stream(), stream()
    for step in (0, 5):
        a, b = one.at(step), other.at(step)
        assert torch.equal(a.points, b.points)
        assert torch.equal(a.t, b.t)
        assert torch.equal(a.seeds, b.seeds)
        assert torch.equal(a.condition.self_conditioned, b.condition.self_conditioned)
    assert not torch.equal(one.at(0).seeds, one.at(1).seeds)
    assert not torch.equal(one.at(0).seeds[:4], stream(replace(CONFIG, seed=1)).at(0).seeds[:4])


@pytest.mark.parametrize("world_size", [2, 3])
def test_the_shares_of_a_batch_are_the_batch_of_one_process(world_size: int) -> None:
    whole = stream().at(3)
    shares = [stream().at(3, rank=rank, world_size=world_size) for rank in range(world_size)]
    assert sum(share.weight for share in shares) == pytest.approx(world_size)
    for rank, share in enumerate(shares):
        rows = torch.arange(rank, len(whole.points), world_size)
        assert torch.equal(share.points, whole.points[rows])
        assert torch.equal(share.condition.residue_index, whole.condition.residue_index[rows])
        assert torch.equal(share.condition.self_conditioned, whole.condition.self_conditioned[rows])


def test_crops_are_consecutive_residues_turned_and_centred() -> None:
    """Each crop is found again in its chain by its sequence and numbers, with the distances that it has there."""
    letters = "ACDEFGHIKLMNPQRSTVWY"
    lengths, chains_seen, determinants = set(), set(), []
    for step in range(60):
        batch = stream().at(step)
        condition = batch.condition
        assert condition.mask.all()
        n = condition.n_residues
        lengths.add(n)
        assert len(batch.points) == CONFIG.batch_size(n)
        assert batch.points.mean(dim=1).abs().max() < 1e-6
        for row in range(len(batch.points)):
            text = "".join(letters[code] for code in condition.sequence[row].tolist())
            found = [
                (c, s)
                for c in CHAINS
                for s in range(c.n_residues - n + 1)
                if c.sequence[s : s + n] == text
                and np.array_equal(c.residue_index[s : s + n] - c.residue_index[s], condition.residue_index[row])
                and _same_shape(c.positions[0, s : s + n], 5.0 * batch.points[row])
            ]
            assert len(found) == 1
            (origin, start) = found[0]
            chains_seen.add(origin.name)
            there = torch.from_numpy(origin.positions[0, start : start + n] / 5.0).double()
            turn = torch.linalg.lstsq(there - there.mean(0), batch.points[row].double()).solution
            determinants.append(float(torch.linalg.det(turn)))
    assert lengths == set(range(6, 13))
    assert chains_seen == {"a", "b", "c"}
    # turned, never mirrored
    assert min(determinants) > 0.99


def test_chains_in_several_models_are_taken_whole_and_every_model_is_drawn() -> None:
    ensemble = chain("e", 40, models=7, seed=4)
    seen = set()
    for step in range(80):
        batch = stream(chains=[ensemble]).at(step)
        assert batch.points.shape[1] == 40
        for points in batch.points:
            gaps = [(distances(torch.from_numpy(m)) - 5.0 * distances(points)).abs().max() for m in ensemble.positions]
            seen.add(int(np.argmin(gaps)))
            assert min(gaps) < 1e-3
    assert seen == set(range(7))


def test_whole_chains_of_like_length_stand_together() -> None:
    chains = [chain(f"{n}-{k}", n, seed=n + k) for n in (8, 9, 30) for k in range(12)]
    config = replace(CONFIG, whole=True, pair_budget=300)
    lengths = [stream(config, chains).at(step).condition.lengths for step in range(40)]
    assert {int(n) for found in lengths for n in found} == {8, 9, 30}
    assert all(found.max() - found.min() <= 1 for found in lengths)


def test_times_and_marks_follow_their_laws() -> None:
    config = replace(CONFIG, uniform_fraction=0.0)
    batches = [stream(config).at(step) for step in range(300)]
    t = torch.cat([b.t for b in batches]).double()
    assert float(t.max()) <= 1.0
    n = len(t)
    # Beta(1.9, 1) has mean 1.9 / 2.9
    assert abs(float(t.mean()) - 1.9 / 2.9) < 4.0 * float(t.std()) / n**0.5
    marks = torch.cat([b.condition.self_conditioned for b in batches]).double()
    assert abs(float(marks.mean()) - 0.5) < 4.0 * 0.5 / n**0.5


def test_what_cannot_be_learned_from_is_refused() -> None:
    with pytest.raises(BackboneDataError, match="got chains of at most 5 residues, expected one of 6"):
        stream(chains=[CHAINS[3]])
    with pytest.raises(BackboneDataError, match="the shortest first"):
        BackboneBatchConfig(min_residues=50, max_residues=40)


def test_the_scale_makes_coordinates_of_unit_size() -> None:
    scale = coordinate_scale(CHAINS, CONFIG)
    squares = [BackboneBatches(CHAINS, config=CONFIG, scale=scale).at(k).points.square().mean() for k in range(64)]
    assert abs(float(torch.stack(squares).mean()) - 1.0) < 0.1
