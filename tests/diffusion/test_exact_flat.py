"""Samplers on nine flat quotients driven by exact fields: the target is met in law, and every rival misses it.

The targets and the comparisons are those of the tables in docs/paper. Each sampler is run with five seeds, and every
one of them must pass: Kolmogorov-Smirnov tests of one to three invariants, p > 1e-4. What must fail, fails for every
seed.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

PAPER = Path(__file__).resolve().parents[2] / "docs" / "paper"
CURVED = ["R²/SO(2)", "R³/SO(3)", "C³/U(1)", "R⁴ˣ³/SE(3)", "R⁴ˣ³/SE(3), wide", "Herm(3)/U(3)"]
FLAT = ["R²/C₅", "R³ˣ³/S₃", "R⁸ˣ³/T(3)"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tables() -> Any:
    """The script of the tables, whose neighbours it imports by name."""
    sys.path.insert(0, str(PAPER))
    try:
        return import_module("table_samplers")
    finally:
        sys.path.remove(str(PAPER))


@pytest.fixture(scope="module")
def targets(tables: Any) -> dict[str, Any]:
    return tables.cases()


def compared(tables: Any, case: Any, sampler: Any, field: Any) -> Any:
    with torch.no_grad():
        return tables.Comparison.of(case, case.draw(sampler, field), case.reference())


def test_no_target_is_left_out(targets: dict[str, Any]) -> None:
    assert list(targets) == CURVED + FLAT
    assert [case.curved for case in targets.values()] == [True] * len(CURVED) + [False] * len(FLAT)


@pytest.mark.parametrize("name", CURVED + FLAT)
def test_exact_fields_recover_the_target(tables: Any, targets: dict[str, Any], name: str) -> None:
    """By the ODE, whatever vertical motion is added to the denoiser, and by the SDE."""
    case = targets[name]
    ode = compared(tables, case, case.ode(), tables.with_vertical_part(case))
    assert ode.recovered, str(ode)
    sde = compared(tables, case, case.sde(), case.mixture.velocity)
    assert sde.recovered, str(sde)


@pytest.mark.parametrize("name", CURVED + FLAT[:2])
def test_aligned_targets_miss_it(tables: Any, targets: dict[str, Any], name: str) -> None:
    case = targets[name]
    found = compared(tables, case, case.ode(), tables.AlignedTargetOptimum(case.mixture).velocity)
    assert found.missed, str(found)


def test_aligned_predictions_miss_it(tables: Any, targets: dict[str, Any]) -> None:
    case = targets["R³/SO(3)"]
    found = compared(tables, case, case.ode(), tables.AlignedPredictionOptimum(case.mixture).velocity)
    assert found.missed, str(found)


def test_aligned_targets_stretch_the_long_chains(tables: Any, targets: dict[str, Any]) -> None:
    """The ends of the long conformer are 3.56 apart; those of the chains that the rival makes are farther."""
    case = targets["R⁴ˣ³/SE(3)"]
    with torch.no_grad():
        exact, rival = (
            tables.ends_of_long_chains(case, case.draw(case.ode(), field))
            for field in (case.mixture.velocity, tables.AlignedTargetOptimum(case.mixture).velocity)
        )
    wanted = tables.ends_of_long_chains(case, case.reference())
    assert abs(exact - wanted) < 0.02
    assert rival - wanted > 0.1


@pytest.mark.parametrize("name", CURVED)
@pytest.mark.parametrize("drift", [0.0, -1.0], ids=["dropped", "flipped"])
def test_wrong_curvature_drift_misses_it(tables: Any, targets: dict[str, Any], name: str, drift: float) -> None:
    case = targets[name]
    found = compared(tables, case, case.sde(drift=drift, lifted=True), case.mixture.velocity)
    assert found.missed, str(found)


@pytest.mark.parametrize("name", FLAT)
def test_the_drift_of_another_action_misses_it(tables: Any, targets: dict[str, Any], name: str) -> None:
    case = targets[name]
    found = compared(tables, case, case.sde(), tables.with_drift_of(case.neighbour, case))
    assert found.missed, str(found)


@pytest.mark.parametrize("name", FLAT[1:])
@pytest.mark.parametrize("scale", [0.95, 1.05])
def test_noise_that_is_off_by_a_twentieth_misses_it(
    tables: Any, targets: dict[str, Any], name: str, scale: float
) -> None:
    case = targets[name]
    assert case.noise
    found = compared(tables, case, case.sde(noise=scale), case.mixture.velocity)
    assert found.missed, str(found)
