"""The models of the gallery have the law of their target, their negative controls have not, and the page says so."""

import ast
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "gallery"
PAGE = FOLDER / "index.md"
#: Smaller than on the page where that would take too long.
FAST: dict[str, dict[str, Any]] = {
    "qubit_pairs": {"count": 200},
    "energy_levels": {"count": 80},
    "crystal": {},
    "covariances": {"count": 600},
    "point_sets": {},
}
#: With a network to train.
SLOW: dict[str, dict[str, Any]] = {"quantum_states": {}, "cell_outlines": {}}
OURS = ("groups", "quotient", "diffusion")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The folder of the scripts comes first, as when they are run by path; none stays imported."""
    before, path = set(sys.modules), list(sys.path)
    monkeypatch.syspath_prepend(FOLDER)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        if str(FOLDER.parent) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.mark.parametrize(
    "name", [*FAST, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)], ids=[*FAST, *SLOW]
)
def test_the_sampler_has_the_law_of_the_target_and_the_control_has_not(name: str) -> None:
    found = import_module(name).check(**{**FAST, **SLOW}[name])
    assert found.right
    assert found.wrong
    for sampler, law in found.right.items():
        assert len(law.p_values) == 3
        assert law.recovered, f"{sampler}: {law}"
    for sampler, law in found.wrong.items():
        assert len(law.p_values) == 3
        assert law.missed, f"{sampler}: {law}"


def test_a_comparison_tells_laws_apart() -> None:
    """Normal draws against normal ones, and against ones that are a fifth larger."""
    kit = import_module("kit")
    exact = kit.noise((9,), 20_000).normal(import_module("torch").zeros(20_000, 1))
    samples = kit.noise((0, 1, 2), 2000).normal(import_module("torch").zeros(6000, 1)).unflatten(0, (3, 2000))
    invariants = {"value": lambda x: x[..., 0], "square": lambda x: x[..., 0] ** 2}
    assert kit.Law.of(samples, exact, invariants).recovered
    assert kit.Law.of(1.2 * samples, exact, invariants).missed


@pytest.mark.parametrize("name", ["energy_levels", "crystal", "point_sets"])
def test_formulas_are_those_on_the_page(name: str) -> None:
    text = import_module(name).formulas()
    assert text
    assert text in PAGE.read_text(encoding="utf-8")


def test_scripts_use_the_public_interface_only() -> None:
    """No name and no module with a leading underscore is imported, and no private attribute is read."""
    scripts = sorted(FOLDER.glob("*.py"))
    assert len(scripts) > 7
    seen = 0
    for path in scripts:
        assert len(path.read_text(encoding="utf-8").splitlines()) < 190, path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.ImportFrom) and node.module != "__future__":
                names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
                seen += (node.module or "").split(".")[0] in OURS
            elif isinstance(node, ast.Import):
                names = [part for alias in node.names for part in alias.name.split(".")]
            elif isinstance(node, ast.Attribute):
                names = [node.attr]
            private = [name for name in names if name.startswith("_") and not name.startswith("__")]
            assert not private, f"{path.name}, line {getattr(node, 'lineno', 0)}: {private}"
    assert seen > 20


def test_the_page_holds_the_tables_formulas_and_pictures() -> None:
    make = import_module("make")
    assert set(make.SCRIPTS) == {*FAST, *SLOW} == {path.stem for path in FOLDER.glob("*.png")}
    page = PAGE.read_text(encoding="utf-8")
    slots = re.findall(r"<!-- begin (\w+) -->", page)
    assert sorted(slots) == sorted(f"{kind}_{name}" for kind in ("table", "formulas") for name in make.SCRIPTS)
    assert page.count("<!-- end -->") == len(slots)
    assert "Not made yet" not in page
    assert "| ? " not in page
    assert make.filled(page) == page
    assert {f"{name}.png" for name in make.SCRIPTS} == set(re.findall(r"\]\((\w+\.png)\)", page))
    with pytest.raises(SystemExit, match="no script makes figure9: choose from quantum_states"):
        make.main(("figure9",))
