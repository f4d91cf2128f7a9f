"""How long importing takes, in fresh processes, and what comes with it."""

from __future__ import annotations

import statistics

from tests.benchmarks.children import Ended, run
from tests.benchmarks.tables import Column, Row, Table, Unit

TARGET = 2.2
HEAVY = ("rdkit", "lightning", "e3nn", "sympy", "matplotlib", "pandas", "biotite")
_TORCH, _QUOTIENT, _DIFFUSION = "import torch", "from quotient import GroupQuotient", "import quotient, diffusion"


def measure(repeats: int) -> list[Table]:
    """Imports, the command line, and the modules that must not come with them."""
    few = max(3, repeats // 4)
    return [imports(few), command_line(few), modules()]


def _output(words: list[str]) -> Ended:
    ended = run(words)
    if ended.code:
        raise RuntimeError(f"python {' '.join(words)[:80]} ended with {ended.code}")
    return ended


def _import_seconds(statement: str) -> float:
    code = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    return float(_output(["-c", code]).said)


def imports(repeats: int) -> Table:
    """Seconds of a statement over those of importing torch, in turn."""
    found = {statement: [] for statement in (_TORCH, _QUOTIENT, _DIFFUSION)}
    for _ in range(repeats + 1):
        for statement, seconds in found.items():
            seconds.append(_import_seconds(statement))
    torch, targets = found.pop(_TORCH)[1:], {_QUOTIENT: TARGET}
    rows = [
        Row(
            f"`{statement}`",
            (statistics.median(seconds[1:]) / statistics.median(torch), min(seconds[1:]) / min(torch)),
            targets.get(statement),
        )
        for statement, seconds in found.items()
    ]
    note = f"Unit: `import torch`, {statistics.median(torch):.2f} s. {repeats} fresh processes of each, in turn."
    return Table("Imports", "statement", (Column("medians"), Column("smallest")), tuple(rows), note)


def command_line(repeats: int) -> Table:
    """Whole processes: the help of the command, and a Python that does nothing."""
    calls = {
        "`quotient --help`": ["-c", "from applications.cli import main; main()", "--help"],
        "Python that does nothing": ["-c", "pass"],
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats + 1):
        for name, words in calls.items():
            found[name].append(_output(words).seconds)
    rows = [Row(name, (statistics.median(seconds[1:]), min(seconds[1:]))) for name, seconds in found.items()]
    columns = (Column("median", Unit.SECONDS), Column("smallest", Unit.SECONDS))
    return Table("The command line", "process", columns, tuple(rows))


def modules() -> Table:
    """Heavy packages that are in `sys.modules` after importing the three lower floors."""
    code = f"import sys, groups, quotient, diffusion; print(*(name for name in {HEAVY} if name in sys.modules))"
    found = _output(["-c", code]).said.split()
    note = f"Of {', '.join(HEAVY)}. Found: {', '.join(found) or 'none'}."
    row = Row("`import groups, quotient, diffusion`", (float(len(found)),), target=0.0)
    return Table("Heavy packages imported", "statement", (Column("packages", Unit.COUNT),), (row,), note)
