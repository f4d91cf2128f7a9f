"""The distribution says what it is, contains what it should, and imports without leaving traces."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("groups", "quotient", "diffusion", "applications")


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new interpreter at the root of the project, with a clean environment."""
    home = tempfile.gettempdir()
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PATH": os.defpath, "HOME": home, "MPLCONFIGDIR": home, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_metadata_agree(pyproject: dict[str, Any]) -> None:
    project = pyproject["project"]
    readme = (ROOT / "README.md").read_text()
    floor = project["requires-python"].removeprefix(">=")
    assert f"Python {floor}" in readme
    assert f"Programming Language :: Python :: {floor}" in project["classifiers"]
    assert pyproject["tool"]["ruff"]["target-version"] == "py" + floor.replace(".", "")
    assert pyproject["tool"]["basedpyright"]["pythonVersion"] == floor
    assert readme.startswith(f"# {project['name']}\n")
    assert project["license"] in readme
    assert (ROOT / "LICENSE").read_text().startswith(f"{project['license']} License\n")
    assert importlib.metadata.version(project["name"]) == project["version"]


def test_changelog_heads_with_the_version(pyproject: dict[str, Any]) -> None:
    """A development version stands under [Unreleased]; a released one has the next heading."""
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    release, is_development, _ = pyproject["project"]["version"].partition(".dev")
    assert headings[0] == "Unreleased"
    assert (release not in headings) if is_development else headings[1] == release


def test_dependencies_are_pinned_within_their_bounds(pyproject: dict[str, Any]) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in lines if "==" in line}
    extras = pyproject["project"]["optional-dependencies"].values()
    for text in (*pyproject["project"]["dependencies"], *(item for extra in extras for item in extra)):
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), text


def test_every_import_is_declared(pyproject: dict[str, Any]) -> None:
    extras = pyproject["project"]["optional-dependencies"]
    optional = (text for name in ("protein", "evaluation", "cluster", "native") for text in extras[name])
    texts = [*pyproject["project"]["dependencies"], *optional]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    owners = importlib.metadata.packages_distributions()
    imported: set[str] = set()
    for path in (path for floor in FLOORS for path in (ROOT / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.partition(".")[0])
    foreign = imported - set(FLOORS) - sys.stdlib_module_names
    assert "torch" in foreign
    undeclared = {
        name for name in foreign if not declared & {canonicalize_name(owner) for owner in owners.get(name, ())}
    }
    assert not undeclared, f"imported, but not among the dependencies: {sorted(undeclared)}"


def test_import_leaves_torch_alone() -> None:
    done = run_python(
        "import torch\n"
        "def state():\n"
        "    return torch.get_default_dtype(), torch.get_num_threads(), torch.get_rng_state().tolist()\n"
        "before = state()\n"
        "import groups, quotient, diffusion, applications, applications.molecular\n"
        "assert state() == before, 'importing changed the global state of torch'\n"
        "assert torch.get_default_dtype() == torch.float32\n"
    )
    assert done.returncode == 0, done.stderr


def test_mathematics_imports_nothing_heavy() -> None:
    """Neither chemistry nor plots, training loops or computer algebra come with the lower floors."""
    done = run_python(
        "import sys, groups, quotient, diffusion\n"
        "heavy = {'rdkit', 'lightning', 'e3nn', 'sympy', 'matplotlib', 'pandas', 'biotite'}\n"
        "assert 'torch' in sys.modules\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, f'importing the mathematics imports {sorted(found)}'\n"
    )
    assert done.returncode == 0, done.stderr


def test_other_geomstats_backend_is_refused() -> None:
    done = run_python(
        "import geomstats.backend\n"
        "try:\n"
        "    import groups\n"
        "except Exception as error:\n"
        "    assert type(error).__name__ == 'GeomstatsBackendError', repr(error)\n"
        "    assert 'numpy' in str(error) and 'pytorch' in str(error), str(error)\n"
        "else:\n"
        "    raise SystemExit('groups imported on top of the numpy backend')\n",
        GEOMSTATS_BACKEND="numpy",
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy() -> None:
    """The help of every command, down the whole tree."""
    done = run_python(
        "import sys\n"
        "import typer.main\n"
        "from applications.cli import app\n"
        "def show(command, path):\n"
        "    try:\n"
        "        command.main([*path, '--help'], prog_name='quotient')\n"
        "    except SystemExit as stop:\n"
        "        assert not stop.code, path\n"
        "def walk(command, path, root):\n"
        "    show(root, path)\n"
        "    for name, child in getattr(command, 'commands', {}).items():\n"
        "        walk(child, [*path, name], root)\n"
        "root = typer.main.get_command(app)\n"
        "walk(root, [], root)\n"
        "heavy = {'torch', 'lightning', 'rdkit', 'matplotlib', 'sympy', 'scipy', 'geomstats'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, f'help imports {sorted(found)}'\n"
    )
    assert done.returncode == 0, done.stderr
    assert "Usage: quotient" in done.stdout


@pytest.mark.slow
def test_wheel_holds_the_packages_and_nothing_else(tmp_path: Path) -> None:
    """Built from a copy: setuptools would also pack what an earlier build left behind."""
    for name in (*FLOORS, "tests", "docs"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    folders = ("applications/molecular/weights", "applications/molecular/proteins/weights")
    weights = {path for folder in folders for path in (ROOT / folder).iterdir() if path.is_file()}
    files = {path for floor in FLOORS for path in (ROOT / floor).rglob("*")}
    pages = set((ROOT / "applications/molecular/templates").glob("*.*"))
    assert {path.suffix for path in pages} == {".html", ".js"}
    backbones = set((ROOT / "applications/molecular/proteins/data").glob("*.*"))
    assert {path.suffix for path in backbones} == {".npz", ".json", ".md"}
    wanted = weights | pages | backbones | {path for path in files if path.suffix == ".py" or path.name == "py.typed"}
    assert packed == {path.relative_to(ROOT).as_posix() for path in wanted}
    assert {f"{floor}/py.typed" for floor in FLOORS} <= packed
    assert {path.suffix for path in weights} == {".safetensors", ".json"}
