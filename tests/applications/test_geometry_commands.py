"""`quotient verify` and `quotient derive`: verdicts, witnesses, formulas, one-line errors."""

import itertools
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from applications.cli import app

NUMBER = itertools.count()
PLANE = """
import torch
from groups import GroupAction, SpecialOrthogonal
from quotient import Euclidean, GroupQuotient


class Rotation(GroupAction):
    group = SpecialOrthogonal(2)

    def act(self, g, x):
        return torch.einsum("...ij,...j->...i", g, x)


class Stretched(Rotation):
    def act(self, g, x):
        axes = torch.tensor([1.0, 2.0], dtype=x.dtype)
        return axes * super().act(g, x / axes)


class Needy(Rotation):
    def __init__(self, n):
        self.n = n


class Holder:
    space = Euclidean(2)


quotient = GroupQuotient(Euclidean(2), Rotation())
lie = GroupQuotient(Euclidean(2), Stretched())
number = 3
"""
SCREW = """
from sympy import Matrix, sqrt, symbols
from quotient.symbolic import SymbolicAction

x, y, z = symbols("x y z", real=True)
r, w = symbols("r", positive=True), symbols("w", real=True)
pitch = 2
helix = SymbolicAction((x, y, z), generators=Matrix([-y, x, pitch]), invariants={r: sqrt(x**2 + y**2)})
"""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write a module that was never imported before into the current folder; returns its name."""
    monkeypatch.chdir(tmp_path)

    def save(source: str) -> str:
        name = f"geometry_of_a_user_{next(NUMBER)}"
        (tmp_path / f"{name}.py").write_text(source)
        return name

    return save


def test_a_true_quotient_passes(write: Callable[[str], str]) -> None:
    done = run("verify", f"{write(PLANE)}:quotient", "--seeds", "2", "--seed", "7", "-n", "1")
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    title, _, *laws, total, repeated = done.stdout.splitlines()
    assert title == "GroupQuotient(Euclidean(2), Rotation())"
    held, refuted, silent = map(int, re.findall(r"\d+", total))
    assert (refuted, held + silent) == (0, len(laws))
    assert held > 30
    assert repeated == "the same for seeds 7 to 8"


def test_an_action_needs_its_space(write: Callable[[str], str]) -> None:
    module = write(PLANE)
    space = f"{module}:Holder.space"
    assert run("verify", f"{module}:Rotation", "--space", space, "-n", "1").exit_code == 0
    refuted = run("verify", f"{module}:Stretched", "--space", space, "-n", "1")
    assert refuted.exit_code == 1
    assert "Stretched of SpecialOrthogonal(2) on Euclidean(2)" in refuted.stdout


def test_a_refuted_quotient_prints_its_witness(write: Callable[[str], str]) -> None:
    """The witness is enough to see the defect again."""
    done = run("verify", f"{write(PLANE)}:lie", "--seed", "3", "--seeds", "5", "-n", "1")
    assert done.exit_code == 1
    assert done.stderr == ""
    explained = [line for line in done.stdout.splitlines() if line.startswith("'claim: isometric' is refuted")]
    assert len(explained) == 1
    assert "with seed 3" in explained[0]
    found = re.search(r"at g = (\S.*), x = (\[.*\]), v = (\[.*\]), w = (\[.*\])$", explained[0])
    assert found is not None
    g, _, v, w = (torch.tensor([float(n) for n in re.findall(r"-?[\d.]+(?:e-?\d+)?", part)]) for part in found.groups())
    axes = torch.tensor([1.0, 2.0])
    moved = [axes * (g.reshape(2, 2) @ (vector / axes)) for vector in (v, w)]
    assert abs(float(moved[0] @ moved[1] - v @ w)) > 1e-2 * float(v.norm() * w.norm())


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (None, "no_such_module_anywhere:quotient", "No module named .* Run from the folder that holds it"),
        ("import no_such_module_either", "{}:quotient", "No module named 'no_such_module_either'"),
        ("1 / 0", "{}:quotient", "raises at import: ZeroDivisionError: division by zero"),
        ("raise ValueError('one\\ntwo')", "{}:quotient", "raises at import: ValueError: one two"),
        ("def", "{}:quotient", "raises at import: SyntaxError"),
        (PLANE, "{}:nothing", "has no 'nothing': name a quotient or an action that the module defines"),
        (PLANE, "{}:quotient.nothing", "has no 'quotient.nothing'"),
        (PLANE, "{}:number", "is a int, expected a quotient or a group action"),
        (PLANE, "{}:Rotation", "is an action: name the space it acts on with --space module:object"),
        (PLANE, "{}:Needy", "is a class that needs arguments .*: name an object of it"),
        (PLANE, "{}", "expected module:object, such as my_group:quotient"),
        (PLANE, "{}:", "expected module:object, such as my_group:quotient"),
        (PLANE, "{0}:quotient --space {0}:Holder.space", "is a quotient and has its space: leave out --space"),
        (PLANE, "{0}:Rotation --space {0}:number", r"is a int, expected a total space such as Euclidean\(3\)"),
    ],
)
def test_verify_refuses_in_one_line(write: Callable[[str], str], source: str | None, target: str, message: str) -> None:
    module = "" if source is None else write(source)
    done = run("verify", *target.format(module).split())
    assert done.exit_code == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert re.match(f"error: .*{message}", done.stderr)


def test_derive_refuses_in_one_line(write: Callable[[str], str]) -> None:
    """What its own tests leave out: modules of a user that raise errors which we expect of ourselves."""
    for source, message in (
        ("raise ValueError('one\\ntwo')", "one two"),
        ("def", "SyntaxError"),
        ("raise OSError('no such disk')", "no such disk"),
    ):
        done = run("derive", f"{write(source)}:helix")
        assert done.exit_code == 1
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1
        assert re.match(f"error: .*{message}", done.stderr)


@pytest.mark.parametrize(
    ("command", "words", "source"), [("verify", "{}:quotient -n 1", PLANE), ("derive", "{}:helix", SCREW)]
)
def test_the_current_folder_comes_first(
    command: str, words: str, source: str, write: Callable[[str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = write(source)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / f"{module}.py").write_text("raise RuntimeError('the wrong folder')")
    monkeypatch.syspath_prepend(elsewhere)
    before = list(sys.path)
    done = run(command, *words.format(module).split())
    assert done.exit_code == 0, done.output
    assert sys.path == before


@pytest.mark.slow
def test_the_current_folder_is_searched_by_the_installed_command(tmp_path: Path) -> None:
    """Scripts do not have it on their path: -P leaves it out here too."""
    (tmp_path / "mine.py").write_text(PLANE)
    program = "from applications.cli import main; main()"
    command = [sys.executable, "-P", "-c", program, "verify", "mine:lie", "-n", "1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "claim: isometric" in done.stdout
    assert done.stderr == ""


def test_derive_prints_formulas_of_a_module_of_a_user(write: Callable[[str], str]) -> None:
    """Screw motions: H = -(x, y, 0) / (r^2 + c^2); the radius of intrinsic Brownian motion drifts where c is not 0."""
    done = run("derive", f"{write(SCREW)}:helix")
    assert done.exit_code == 0, done.output
    lines = [line.split(" = ") for line in done.stdout.splitlines()]
    text = {line[0].strip(): line[1] for line in lines if len(line) == 2}
    assert text["mean curvature"] == "[-x/(x**2 + y**2 + 4), -y/(x**2 + y**2 + 4), 0]"
    assert text["projected generator"] == "1/2 d_r^2 + 1/(2*r) d_r"
    second, plus, drift = text["intrinsic generator"].partition(" + ")
    assert (second, plus) == ("1/2 d_r^2", " + ")
    r = 1.5
    assert eval(drift.removesuffix(" d_r"), {"r": r}) == pytest.approx(4 / (2 * r * (r**2 + 4)))
