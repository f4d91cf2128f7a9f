"""The experiment on exact optima: their samples are the data."""

import json
from importlib import import_module

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("experiment_scripts")


def test_optima_end_in_their_data_and_are_shown() -> None:
    optima, tables = import_module("optima"), import_module("optima_tables")
    rng = np.random.default_rng(0)
    known = rng.normal(size=(3, 5, 3))
    known -= known.mean(1, keepdims=True)
    distances = np.linalg.norm(known[:, :, None] - known[:, None], axis=-1)
    for row in optima.ROWS:
        x = optima.drawn(row, known, 0.8, 3, 30, "a name")
        found = np.linalg.norm(x[:, :, None] - x[:, None], axis=-1)
        # without jitter every path ends on an orbit of the data, but for the spread of the orbit before the last step
        assert np.abs(found[:, None] - distances).max((2, 3)).min(1).max() < 3e-3
        steps = optima.path(row, known, 0.8, 3, 30, "a name")
        assert steps.shape == (31, *known.shape)
        np.testing.assert_array_equal(x, steps[-1])
        np.testing.assert_allclose(steps[0], 0.8 * optima.noise(3, 5, optima.derived_seed(0, "a name", 30, 0)))
    assert optima.mean_radius(known + 1.0) == pytest.approx(np.sqrt((known**2).sum((1, 2)) / 5).mean())
    figures = {name: 0.25 for name, _ in tables.MOLECULES}
    lines = [
        {
            **cell.key(),
            "by_evaluations": [{"sampler": "ode", "steps": n, **figures} for n in optima.STEP_COUNTS],
            "floor": figures,
        }
        for cell in optima.cells()[:4]
    ]
    text = tables.optima_tables(json.loads(json.dumps(lines)))
    assert text.count("\n| ") == 7
    assert "| quotient, aligned coupling | 0.250 |" in text
    assert len({json.dumps(cell.key()) for cell in optima.cells()}) == len(optima.cells()) == 12
