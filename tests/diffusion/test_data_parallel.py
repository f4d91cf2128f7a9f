"""Training on several processes has the gradients of training on one: real processes, Lightning's Trainer, gloo."""

import os
import subprocess
import sys
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from diffusion.data_parallel import Share
from diffusion.training import TrainingBatch

RUN = Path(__file__).with_name("data_parallel_run.py")
ROOT = Path(__file__).parents[2]


def fits(folder: Path, *, devices: int, accumulate: int = 1) -> list[dict[str, Any]]:
    """What each process found, by rank."""
    out = folder / f"{devices}-{accumulate}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, str(RUN), str(out), str(devices), str(accumulate)],
        check=True,
        capture_output=True,
        timeout=300,
        env=environment,
    )
    return [torch.load(f"{out}.{rank}") for rank in range(devices)]


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    (alone,) = fits(tmp_path, devices=1)
    first, second = fits(tmp_path, devices=2)
    (parts,) = fits(tmp_path, devices=1, accumulate=3)
    for name in ("seven", "one", "even"):
        for other in (first, second, parts):
            for what in ("gradients", "weights"):
                torch.testing.assert_close(other[name][what], alone[name][what], rtol=1e-9, atol=1e-12)
    # The control: the plain average of means, which is what DDP does by itself, is another function.
    wrong, right = first["seven, unweighted"], alone["seven"]
    assert torch.equal(alone["seven, unweighted"]["gradients"], right["gradients"])
    gap = (wrong["gradients"][0] - right["gradients"][0]).norm() / right["gradients"][0].norm()
    assert gap > 0.01
    assert (wrong["weights"] - right["weights"]).abs().max() > 1e-4


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 10))
def test_shares_split_a_batch_and_their_weights_are_those_of_its_mean(size: int, world_size: int, item: int) -> None:
    item %= size
    shares = [Share.of(size, rank=rank, world_size=world_size) for rank in range(world_size)]
    taken = sorted(i for share in shares if share.weight > 0 for i in share.items)
    assert taken == list(range(size))
    assert all(len(share.items) >= 1 for share in shares)
    lengths = [len(share.items) if share.weight > 0 else 0 for share in shares]
    assert all(a - b in (0, 1) for a, b in pairwise(lengths))
    # The weight of one item in the average over processes of weighted means.
    of_item = sum(share.weight / len(share.items) for share in shares if item in share.items) / world_size
    assert abs(of_item - Fraction(1, size)) < 1e-12
    if size % world_size == 0:
        assert {share.weight for share in shares} == {1.0}


def test_shares_of_nothing_and_ranks_beyond_the_last_are_refused() -> None:
    for size, rank, world_size in ((0, 0, 1), (3, 2, 2), (3, -1, 2), (3, 0, 0)):
        with pytest.raises(ValueError, match="at least one item and a rank below"):
            Share.of(size, rank=rank, world_size=world_size)


def test_a_batch_with_a_condition_is_taken_apart_by_its_maker() -> None:
    batch = TrainingBatch(points=torch.zeros(3, 2), t=torch.zeros(3), seeds=torch.arange(3), condition=torch.zeros(3))
    with pytest.raises(ValueError, match=r"take the items of `Share\.of`"):
        batch.share(rank=0, world_size=2)
