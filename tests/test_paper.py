"""The scripts of the page on the paper run at a tiny size, and the page holds what they wrote."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "paper"
PAGE = FOLDER / "index.md"
TINY: dict[str, dict[str, Any]] = {
    "figure1": {"count": 40, "n_steps": 3, "n_paths": 3},
    "figure3": {"starts": 6, "n_steps": 3, "nodes": 9, "count": 4, "times": 3},
    "misprint": {"sizes": (4,), "count": 20, "n_steps": 3},
    "variance": {"times": 2, "count": 3, "nodes": 1, "copies": 1},
    "path_length": {"count": 2, "steps": (2, 4)},
}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of the scripts comes first, as when they are run by path; none stays imported."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(FOLDER)
    yield
    for name in set(sys.modules) - before:
        if str(FOLDER) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, dtype=torch.float64)


@pytest.mark.parametrize("name", list(TINY))
def test_scripts_run(name: str, tmp_path: Path) -> None:
    """A table without holes, and a picture where there is one on the page."""
    import_module(name).make(tmp_path, **TINY[name])
    lines = (tmp_path / f"table_{name}.md").read_text().splitlines()
    assert len(lines) > 2
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
    assert "nan" not in lines[-1]
    assert (tmp_path / f"{name}.png").exists() == (FOLDER / f"{name}.png").exists()


def test_every_script_is_in_the_list_of_the_command() -> None:
    make = import_module("make")
    assert set(TINY) < set(make.SCRIPTS)
    for name in make.SCRIPTS:
        assert callable(import_module(name).main), name
    with pytest.raises(SystemExit, match="no script makes figure9: choose from figure1"):
        make.main(("figure9",))


def test_the_page_holds_the_tables_and_pictures() -> None:
    """The slots are those of the scripts, and filling them again changes nothing but the versions."""
    make = import_module("make")
    page = PAGE.read_text()
    slots = re.findall(r"<!-- begin (\w+) -->", page)
    assert sorted(slots) == sorted([*(f"table_{name.removeprefix('table_')}" for name in make.SCRIPTS), "versions"])
    assert page.count("<!-- end -->") == len(slots)
    assert "Not made yet" not in page
    assert set(re.findall(r"\]\((\w+)\.png\)", page)) == {path.stem for path in FOLDER.glob("*.png")}
    kept = r"<!-- begin versions -->.*"
    assert re.sub(kept, "", make.filled(page), flags=re.DOTALL) == re.sub(kept, "", page, flags=re.DOTALL)


def test_the_density_of_the_radius_is_a_mixture_of_rice_laws() -> None:
    """Figure 1: the density of the oracle times the length of the circle, against scipy's distribution function."""
    figure1 = import_module("figure1")
    radius, step = torch.linspace(0.2, 3.0, 15, dtype=torch.float64), 1e-5
    slope = (
        figure1.radial_distribution(radius.numpy() + step) - figure1.radial_distribution(radius.numpy() - step)
    ) / (2 * step)
    np.testing.assert_allclose(figure1.radial_density(radius).numpy(), slope, rtol=1e-4, atol=1e-9)


def test_the_interpolated_velocity_is_the_velocity() -> None:
    figure1 = import_module("figure1")
    mixture, x, t = figure1.oracle(), torch.tensor([[0.3, -0.4], [-1.0, 1.2]], dtype=torch.float64), number(0.6)
    torch.testing.assert_close(figure1.radial_velocity(mixture)(x, t), mixture.velocity(x, t), rtol=0, atol=3e-3)


def test_the_quadrature_over_bonds_gives_the_denoiser() -> None:
    """Figure 3: the aligned target is a mean over the same weights that give the exact denoiser."""
    figure3 = import_module("figure3")
    mixture = figure3.data()
    law = figure3.BondLaw(mixture, 49)
    for t in (0.05, 0.4, 0.9):
        x = figure3.molecule(torch.tensor([0.4, 1.5, 2.6], dtype=torch.float64))
        torch.testing.assert_close(law.denoiser(x, number(t)), mixture.denoiser(x, number(t)), rtol=0, atol=1e-6)
        aligned, exact = figure3.bond_of(law.aligned(x, number(t))), figure3.bond_of(mixture.denoiser(x, number(t)))
        assert (aligned > exact).all()


def test_close_rings_follow_the_derivative_of_the_mean() -> None:
    """Variance: above one at high concentration on circles, never on spheres."""
    variance = import_module("variance")
    kappa = torch.tensor([0.5, 2.0, 3.0, 8.0], dtype=torch.float64)
    expected = variance.circle_ratio(kappa.numpy())
    np.testing.assert_allclose(variance.close_rings(kappa).numpy(), expected, rtol=5e-3)
    assert expected[0] < 0.5
    assert (expected[1:] > 1).all()
    assert (variance.sphere_ratio(np.linspace(0.1, 8, 50)) < 1).all()


def test_the_ratio_of_lengths_is_that_of_the_speeds() -> None:
    path_length = import_module("path_length")
    found = path_length.compare(path_length.plane(), 1.0, 30, count=4)
    assert found.ratio == pytest.approx(0.5**0.5, abs=0.02)
