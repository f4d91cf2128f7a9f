"""The page of performance: formatting, targets, what could not be run, and a page that is that of the record."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.benchmarks import page, rows_alignment, rows_curvature, rows_layers, rows_projection
from tests.benchmarks.machine import BUSY, Machine, this_machine
from tests.benchmarks.performance_command import SECTIONS, check
from tests.benchmarks.racing import WARM, Candidate, in_turn, race
from tests.benchmarks.tables import Column, Row, Table, Unit

QUIET = Machine(cpu="a processor", cores=4, threads=1, load=0.1, torch="2.13.0", python="3.11.7")
TABLE = Table(
    title="A comparison",
    first="candidate",
    columns=(Column("more than nothing", Unit.PERCENT), Column("in clones")),
    rows=(
        Row("good", (0.0149, 1.234), target=0.015),
        Row("bad", (0.0151, 123.4), target=0.015),
        Row("unjudged", (0.5, None)),
        Row("missing", target=0.05, absent="needs a|b, which is not installed"),
    ),
    note="Unit: a clone.",
)
RENDERED = """**A comparison**

| candidate | more than nothing | in clones | target |
| --- | ---: | ---: | ---: |
| good | 1.49 % | 1.23 | at most 1.50 %: met |
| bad | 1.51 % | 123 | at most 1.50 %: missed |
| unjudged | 50.00 % |  |  |
| missing | not run: needs a/b, which is not installed |  | at most 5.00 % |

Unit: a clone."""


def test_a_table_has_numbers_verdicts_and_what_was_not_run() -> None:
    assert TABLE.markdown() == RENDERED
    assert "target" not in replace(TABLE, rows=(Row("free", (0.1, 2.0)),)).markdown()


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (Unit.RATIO, 0.0123, "0.012"),
        (Unit.RATIO, 1.006, "1.01"),
        (Unit.RATIO, 12.34, "12.3"),
        (Unit.COUNT, 12345.0, "12,345"),
        (Unit.SECONDS, 0.25, "0.25 s"),
        (Unit.MEGABYTES, 512.4, "512 MB"),
        (Unit.ERROR, 1.19e-7, "1.2e-07"),
        (Unit.PERCENT, -0.01, "-1.00 %"),
    ],
)
def test_numbers_are_written_with_their_unit(unit: Unit, value: float, text: str) -> None:
    assert unit.text(value) == text


def test_a_record_fills_its_slot_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    assert page.read_record(path) == {}
    page.write_record({"layers": page.Measured(QUIET, (TABLE, TABLE))}, path)
    record = page.read_record(path)
    assert record == {"layers": page.Measured(QUIET, (TABLE, TABLE))}
    text = "<!-- begin layers -->\nold\n<!-- end -->\nbetween\n<!-- begin imports -->\nold\n<!-- end -->\n"
    filled = page.with_tables(text, record)
    assert page.with_tables(filled, record) == filled
    layers, imports = filled.split("between")
    assert layers.count(RENDERED) == 2
    assert "a processor, 4 cores, 1 thread, torch 2.13.0, Python 3.11.7, load average 0.10 per core" in layers
    assert page.UNMEASURED in imports
    assert "old" not in filled


def test_the_page_is_that_of_the_record() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.sections(text) == list(SECTIONS)
    assert page.with_tables(text, page.read_record()) == text


def test_figures_of_a_busy_machine_are_not_written() -> None:
    busy = replace(QUIET, load=BUSY + 0.01)
    assert not check(QUIET, write=True, busy=False)
    assert "do not rely" not in QUIET.sentence
    with pytest.raises(SystemExit, match="worth nothing"):
        check(busy, write=True, busy=False)
    assert "worth nothing" in check(busy, write=False, busy=False)
    assert "worth nothing" in check(busy, write=True, busy=True)
    assert "do not rely" in busy.sentence
    assert this_machine(1).cores >= 1


def test_calls_are_timed_in_turn_and_first_rounds_do_not_count() -> None:
    order: list[str] = []
    durations: Iterator[float] = iter([100.0, 100.0] * WARM + [2.0, 20.0, 1.0, 30.0, 6.0, 10.0])
    now, running = 0.0, False

    def clock() -> float:
        nonlocal now, running
        now, running = now + (next(durations) if running else 0.5), not running
        return now

    found = in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3, clock=clock)
    assert order == ["a", "b"] * (WARM + 3)
    assert (found["a"].median, found["a"].smallest) == (2.0, 1.0)
    assert (found["b"].median, found["b"].smallest) == (20.0, 10.0)


def test_a_race_keeps_the_rows_that_cannot_run() -> None:
    def broken() -> None:
        raise RuntimeError("no compiler\nmore")

    unit = Candidate("unit", lambda: lambda: sum(range(100)))
    others = [
        Candidate("absent", lambda: lambda: None, needs=("a_package_that_nobody_has",)),
        Candidate("broken", lambda: broken()),  # type: ignore[reportArgumentType]
        Candidate("itself", unit.make),
    ]
    table = race("a race", unit, others, 3)
    absent, failed, itself = table.rows
    assert absent.absent == "needs a_package_that_nobody_has, which is not installed"
    assert failed.absent == "RuntimeError, no compiler"
    assert all(value is not None and value > 0 for value in itself.values)
    assert not itself.absent
    assert "| absent | not run: needs a_package" in table.markdown()
    with pytest.raises(ValueError, match="the unit absent cannot be timed"):
        race("a race", others[0], [unit], 1)


def test_geometric_rows_run() -> None:
    """At sizes that cost nothing; every candidate that is installed has figures."""
    small = {"batch": 2, "n_points": 6}
    tables = [
        rows_projection.costs(torch.float32, 1, compiles=False, **small),
        rows_curvature.costs(torch.float64, 1, compiles=False, **small),
        rows_alignment.rotations(1, **small),
        rows_alignment.phases(1, **small),
        rows_alignment.alignments(1, **small),
        rows_projection.growth((10, 20), 1),
        rows_layers.layers(1, count=2),
    ]
    for table in tables:
        for row in table.rows:
            assert row.absent.startswith("needs ") or all(value is not None and value > 0 for value in row.values)


def test_clouds_are_as_badly_conditioned_as_asked() -> None:
    for condition in (1.0, 10.0, 1e4):
        x = rows_projection.stretched(3, 20, condition).double()
        moments = torch.linalg.eigvalsh(x.mT @ x)
        inertia = moments.sum(-1, keepdim=True) - moments
        torch.testing.assert_close(
            inertia.amax(-1) / inertia.amin(-1), torch.full((3,), condition).double(), rtol=1e-2, atol=0
        )
    table = rows_projection.accuracy(batch=2, n_points=8)
    assert all(0 < value < 1e-6 for row in table.rows for value in row.values if value is not None)
