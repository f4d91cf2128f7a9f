import io
from pathlib import Path

import numpy as np
import pytest

from applications.molecular.generate import batches_by_size
from applications.molecular.requests import collect_requests


def test_requests_from_everywhere(tmp_path: Path) -> None:
    listed = tmp_path / "in.smi"
    listed.write_text("CCO ethanol\nCCO ethanol\nCCO spirit\nxx bad\n")
    found = collect_requests([str(listed), "-", "CC"], stdin=io.StringIO("CCC propane\nCCCC\n"))
    assert [r.name for r in found] == ["ethanol", "spirit", "bad", "propane", "CCCC", "CC"]
    assert collect_requests(["C" * 5000], stdin=io.StringIO())[0].given == "C" * 5000


@pytest.mark.parametrize("limit", [1, 3, 64])
def test_batches_hold_everything_once_and_bound_padding_and_memory(limit: int) -> None:
    rng = np.random.default_rng(0)
    sizes = dict(enumerate(rng.integers(2, 150, size=400).tolist()))
    batches = batches_by_size(sizes, limit=limit)
    assert sorted(i for batch in batches for i in batch) == sorted(sizes)
    for batch in batches:
        largest, smallest = max(sizes[i] for i in batch), min(sizes[i] for i in batch)
        assert len(batch) <= limit
        assert largest <= 1.25 * smallest + 2
        assert len(batch) == 1 or len(batch) * largest**2 <= limit * 32**2
    assert len(batches_by_size(dict.fromkeys(range(128), 20), limit=64)) == 2
