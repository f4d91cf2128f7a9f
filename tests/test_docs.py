"""Documentation is run: its Python, its command lines, its links and its citations."""

import re
import runpy
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from applications.cli import app

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FLOORS = ("groups", "quotient", "diffusion", "applications")
SOURCES = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py"))]
CITATION = re.compile(r"\[([A-Z][A-Za-z]+[0-9]{4}[a-z]?)\]")


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_python_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocks of a page run one after the other, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for number, block in enumerate(blocks(page, "python")):
        exec(compile(block, f"{name_of(page)}, block {number}", "exec"), namespace)


def test_readme_has_an_example_that_runs() -> None:
    assert blocks(ROOT / "README.md", "python")


COMMAND_LINES = [
    line
    for page in PAGES
    for block in blocks(page, "console")
    for line in block.splitlines()
    if line.startswith("quotient ")
]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_command_lines_parse(line: str) -> None:
    """The commands and options exist; nothing is carried out."""
    words = shlex.split(line, comments=True)[1:]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context("quotient", words)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("path", [*PAGES, *SOURCES], ids=name_of)
def test_citations_are_in_the_bibliography(path: Path) -> None:
    known = set(re.findall(r"^@\w+\{(\w+),", (ROOT / "docs/refs.bib").read_text(), re.MULTILINE))
    assert len(known) > 10
    assert set(CITATION.findall(path.read_text())) <= known


def test_the_table_of_actions_is_that_of_the_classes() -> None:
    found = runpy.run_path(str(ROOT / "docs/catalogue.py"))
    page = (ROOT / "docs/catalogue.md").read_text()
    assert found["with_table"](page) == page
    assert page.count("| closed form |") > 5
