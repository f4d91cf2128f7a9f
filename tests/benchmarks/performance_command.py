"""The command that measures, shows and writes docs/performance.md."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from importlib import import_module

import torch
from rich.console import Console
from rich.markdown import Markdown

from tests.benchmarks.machine import BUSY, Machine, this_machine
from tests.benchmarks.page import PAGE, Measured, read_record, with_tables, write_record
from tests.benchmarks.tables import Table

SECTIONS: Mapping[str, str] = {
    "projection": "rows_projection",
    "curvature": "rows_curvature",
    "alignment": "rows_alignment",
    "training": "rows_training",
    "sampling": "rows_sampling",
    "layers": "rows_layers",
    "imports": "rows_imports",
    "generation": "rows_generation",
}
"""Markers of the page, and the modules that measure what is between them."""


def measured(name: str, machine: Machine, repeats: int) -> Measured:
    """One section."""
    measure: Callable[[int], list[Table]] = import_module(f"tests.benchmarks.{SECTIONS[name]}").measure
    return Measured(machine, tuple(measure(repeats)))


def check(machine: Machine, *, write: bool, busy: bool) -> str:
    """What is to be said of a machine that does something else too; empty for one that does not.

    Raises:
        SystemExit: figures taken now would be written.
    """
    if not machine.busy:
        return ""
    found = f"the load average is {machine.load:.2f} per core, above {BUSY}: figures are worth nothing"
    if write and not busy:
        raise SystemExit(f"{found}. Wait until the machine is quiet, or write them with a warning: --busy")
    return found


def main() -> None:
    """Run the sections that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=30, help="rounds of the fast rows; slow ones take fewer")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="NAME", help="sections")
    parser.add_argument("--threads", type=int, choices=(1, 2), default=1, help="of torch; children always have one")
    parser.add_argument(
        "--write", action="store_true", help="write the record, and the tables into docs/performance.md"
    )
    parser.add_argument("--busy", action="store_true", help="write even if the machine does something else")
    given = parser.parse_args()
    if given.repeats < 1:
        parser.error(f"got --repeats {given.repeats}, expected at least 1")
    torch.set_num_threads(given.threads)
    machine = this_machine(given.threads)
    console = Console()
    warning = check(machine, write=given.write, busy=given.busy)
    if warning:
        console.print(f"warning: {warning}", style="bold red")
    for name in given.only:
        found = measured(name, machine, given.repeats)
        console.print(Markdown(f"## {name}\n\n{found.markdown()}"))
        if given.write:
            record = {**read_record(), name: found}
            write_record(record)
            PAGE.write_text(with_tables(PAGE.read_text("utf-8"), record), "utf-8")
