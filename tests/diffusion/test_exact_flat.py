"""Samplers on nine flat quotients driven by exact fields: the target is met in law, and every rival misses it.

The targets and the comparisons are those of the tables in docs/paper. Each sampler is run with five seeds, and every
one of them must pass: Kolmogorov-Smirnov tests of one to three invariants, p > 1e-4. What must fail, fails for every
seed on the same statistic and the same number of samples.

Where H does not vanish the lifted step is taken at small orbits too, with the right drift as with the wrong ones: the
unprojected step, which the default rule takes there, has no curvature drift to lose.
"""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

PAPER = Path(__file__).resolve().parents[2] / "docs" / "paper"
CURVED = ["R²/SO(2)", "R³/SO(3)", "C³/U(1)", "R⁴ˣ³/SE(3)", "R⁴ˣ³/SE(3), wide", "Herm(3)/U(3)"]
#: The narrow chains miss their drift by less than the samples see; the wide ones are the same quotient.
CONTROLLED = [name for name in CURVED if name != "R⁴ˣ³/SE(3)"]
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
        return tables.Comparison.of(case, case.draw(sampler, field))


def test_no_target_is_left_out(targets: dict[str, Any]) -> None:
    assert list(targets) == CURVED + FLAT
    assert [case.curved for case in targets.values()] == [True] * len(CURVED) + [False] * len(FLAT)


@pytest.mark.parametrize("name", CURVED + FLAT)
def test_exact_fields_recover_the_target(tables: Any, targets: dict[str, Any], name: str) -> None:
    """By the ODE, whatever vertical motion is added to the denoiser, and by the SDE."""
    case = targets[name]
    ode = compared(tables, case, case.ode(), tables.with_vertical_part(case))
    assert ode.recovered, str(ode)
    sde = compared(tables, case, case.sde(lifted=case.curved), case.mixture.velocity)
    assert sde.recovered, str(sde)


@pytest.mark.parametrize("name", ["R²/SO(2)", "R⁴ˣ³/SE(3), wide"])
def test_unprojected_steps_near_small_orbits_recover_it_too(tables: Any, targets: dict[str, Any], name: str) -> None:
    case = targets[name]
    found = compared(tables, case, case.sde(), case.mixture.velocity)
    assert found.recovered, str(found)


@pytest.mark.parametrize("name", CONTROLLED + FLAT[:2])
def test_aligned_targets_miss_it(tables: Any, targets: dict[str, Any], name: str) -> None:
    case = targets[name]
    found = compared(tables, case, case.ode(), tables.AlignedTargetOptimum(case.mixture).velocity)
    assert found.missed, str(found)


@pytest.mark.parametrize("rival", ["AlignedTargetOptimum", "AlignedPredictionOptimum"])
def test_rivals_miss_the_law_and_stretch_the_long_chains(tables: Any, targets: dict[str, Any], rival: str) -> None:
    """The ends of the long conformer are 3.56 apart; those of the chains that the rivals make are farther."""
    case = targets["R⁴ˣ³/SE(3)"]
    with torch.no_grad():
        samples = case.draw(case.ode(), getattr(tables, rival)(case.mixture).velocity)
    found = tables.Comparison.of(case, samples)
    assert found.missed, str(found)
    assert abs(tables.long_end(case.expected["ends"]) - 3.56) < 0.02
    assert tables.long_end(case.invariants["ends"](samples)) > 3.66


@pytest.mark.parametrize("name", CONTROLLED)
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


@pytest.mark.parametrize(("name", "scale"), [(FLAT[1], 0.95), (FLAT[2], 0.95), (FLAT[2], 1.05)])
def test_noise_that_is_off_by_a_twentieth_misses_it(
    tables: Any, targets: dict[str, Any], name: str, scale: float
) -> None:
    case = targets[name]
    assert case.noise
    found = compared(tables, case, case.sde(noise=scale), case.mixture.velocity)
    assert found.missed, str(found)
