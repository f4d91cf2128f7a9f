"""The runner of the mutation tests, on small texts."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.mutation.operators import operators
from tests.mutation.planted import PLANTED
from tests.mutation.planting import planted_text
from tests.mutation.reach import Reach, lines_that_stand_for
from tests.mutation.report import survivors, table, wilson
from tests.mutation.sampling import allocate, mutants_of, mutate, nodes_of, sample
from tests.mutation.session import near, rounds, within
from tests.mutation.trial import run

ROOT = Path(__file__).resolve().parents[2]
OURS = ("DropTerm", "SwapFactors", "SwapArguments", "DropTranspose", "DropCall", "ReplaceAttribute")

SOURCE = '''"""A docstring with 1 number."""

from __future__ import annotations

HALF = 0.5


def scaled(x: float | None, y: float = 2.0) -> float:
    """Also 1."""
    if x is None:
        raise ValueError(f"no {1 + 1}")
    return HALF * (
        x
        + y
    )


class Circle:
    """Of radius one."""

    def __init__(self) -> None:
        self.radius = 1.0

    @cached_property
    def area(self) -> float:
        return 3.14 * self.radius
'''


@pytest.mark.parametrize("name", OURS)
def test_operators_make_their_examples(name: str) -> None:
    operator = operators()[name]
    examples: Any = type(operator).examples()
    assert examples
    for example in examples:
        after = mutate(example.pre_mutation_code, name, example.occurrence or 0)
        assert after.strip() == example.post_mutation_code


def test_a_term_that_leads_or_ends_is_dropped() -> None:
    assert [mutate("x = a + b - c", "DropTerm", k).strip() for k in range(3)] == ["x = b - c", "x = a - c", "x = a + b"]
    assert mutate("x = f(a, b).mT @ c", "SwapFactors", 0).strip() == "x = c @ f(a, b).mT"


def test_mutants_change_what_is_computed_only() -> None:
    lines = {span[0][0] for span in nodes_of(SOURCE)}
    # constant, default, condition, sum; attribute, area; no docstring, annotation or message
    assert lines == {5, 8, 10, 12, 13, 14, 22, 26}
    first = list(mutants_of("m.py", SOURCE, random.Random(0)))
    assert first == list(mutants_of("m.py", SOURCE, random.Random(0)))
    assert all(mutant.diff for mutant in first)
    assert len({mutant.key for mutant in first}) == len(first)


def test_a_sample_takes_from_every_module(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "long.py").write_text("\n".join(f"x{i} = {i} + {i} * 2" for i in range(40)))
    (tmp_path / "p" / "short.py").write_text("y = 1 - 2\n")
    (tmp_path / "p" / "errors.py").write_text("z = 1\n")
    chosen = sample(tmp_path, ["p"], 20, 0)
    assert chosen == sample(tmp_path, ["p"], 20, 0) != sample(tmp_path, ["p"], 20, 1)
    assert sorted({mutant.path for mutant in chosen}) == ["p/long.py", "p/short.py"]
    assert len(chosen) == 20
    assert {mutant.path for mutant in sample(tmp_path, ["p/long.py"], 5, 0)} == {"p/long.py"}


def test_shares_are_in_proportion_and_at_least_one() -> None:
    shares = allocate({"a": 500, "b": 498, "c": 2}, 100)
    assert shares["c"] == 1
    assert sum(shares.values()) == 100
    assert abs(shares["a"] - shares["b"]) <= 1
    assert allocate({"a": 2, "b": 1}, 100) == {"a": 2, "b": 1}


def test_lines_stand_for_their_statement_or_their_scope() -> None:
    assert lines_that_stand_for(SOURCE, 13) == {12, 13, 14, 15}
    assert lines_that_stand_for(SOURCE, 10) == {10}
    # a default: the body of its function; what is kept: the methods of its class; a constant: all functions
    assert lines_that_stand_for(SOURCE, 8) == set(range(9, 16))
    assert lines_that_stand_for(SOURCE, 26) == {22, 26}
    assert lines_that_stand_for(SOURCE, 5) == {*range(9, 16), 22, 26}


def test_reach_reads_maps_together(tmp_path: Path) -> None:
    quick, slow = tmp_path / "quick-a.json", tmp_path / "slow-a.json"
    quick.write_text(
        json.dumps(
            {
                "tests": {"tests/p/t.py::a": 2.0, "tests/p/t.py::b": 1.0},
                "lines": {"p/m.py": {"12": [0], "10": ["collect|tests/p/t.py"]}},
            }
        )
    )
    slow.write_text(json.dumps({"tests": {"tests/p/s.py::c": 9.0}, "lines": {"p/m.py": {"13": [0]}}}))
    reach = Reach([quick, slow])
    assert reach.tests("p/m.py", 14, SOURCE) == ["tests/p/t.py::a", "tests/p/s.py::c"]
    assert reach.tests("p/m.py", 10, SOURCE) == ["tests/p/t.py::b", "tests/p/t.py::a"]
    assert reach.without({"tests/p/s.py::c"}).tests("p/m.py", 14, SOURCE) == ["tests/p/t.py::a"]
    assert near(["tests/p/t.py::a"], reach, "p/m.py") == ["tests/p/t.py::a"]
    assert within(["tests/p/t.py::a", "tests/p/s.py::c"], reach.seconds, 5.0) == ["tests/p/t.py::a"]
    assert [len(tests) for tests, _ in rounds(["tests/p/t.py::a"], ["tests/p/s.py::c"], reach, "p/m.py")] == [1, 1]


def test_intervals_are_those_of_wilson() -> None:
    low, high = wilson(90, 100)
    # roots of (p - 0.9)^2 = z^2 p (1 - p) / 100
    for p in (low, high):
        assert abs((p - 0.9) ** 2 - 1.959963984540054**2 * p * (1 - p) / 100) < 1e-12
    assert low < 0.9 < high
    assert wilson(10, 10)[1] > 1 - 1e-12


def test_reports_count_time_outs_as_killed() -> None:
    common = {"path": "p/m.py", "line": 3, "operator": "AddNot", "diff": "-a\n+b", "passed": [], "reaching": 0}
    rows = [{**common, "outcome": o, "seconds": 2.0} for o in ("killed", "timeout", "survived", "unreached")]
    assert " 50.0 %" in table(rows)
    assert survivors(rows).count("p/m.py:3") == 2


def test_planted_errors_fit_the_sources() -> None:
    for error in PLANTED:
        text = planted_text(ROOT, error)
        compile(text, error.path, "exec")
        file, _, name = error.test.partition("::")
        assert f"def {name.partition('[')[0]}(" in (ROOT / file).read_text()


def test_a_trial_runs_the_changed_text(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    module, test = tmp_path / "trial_subject.py", tmp_path / "test_it.py"
    module.write_text("def f(x):\n    return 2 * x\n")
    test.write_text(
        "import sys\nsys.path.insert(0, '.')\nfrom trial_subject import f\n\n\ndef test_f():\n    assert f(3) == 6\n"
    )
    tests = ["test_it.py::test_f"]
    assert run(tmp_path, module, "def f(x):\n    return x + x\n", tests, {}, 5.0).outcome == "survived"
    killed = run(tmp_path, module, "def f(x):\n    return x\n", tests, {}, 5.0)
    assert (killed.outcome, killed.by) == ("killed", "test_it.py::test_f")
    assert module.read_text() == "def f(x):\n    return 2 * x\n"
