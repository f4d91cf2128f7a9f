"""The page of figures: tables between markers, made from a record of what was measured."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from tests.benchmarks.machine import Machine
from tests.benchmarks.tables import Table

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "performance.md"
RECORD = Path(__file__).resolve().with_name("performance.json")
UNMEASURED = "not measured yet"
_SLOT = re.compile(r"(<!-- begin ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


@final
@dataclass(frozen=True)
class Measured:
    """The tables of one section, and the machine they were measured on."""

    machine: Machine
    tables: tuple[Table, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {"machine": asdict(self.machine), "tables": [table.to_json() for table in self.tables]}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Measured:
        """Read a section."""
        return cls(Machine(**values["machine"]), tuple(Table.from_json(table) for table in values["tables"]))

    def markdown(self) -> str:
        """All tables, then the machine."""
        return "\n\n".join([*(table.markdown() for table in self.tables), f"*{self.machine.sentence}*"])


Record = dict[str, Measured]


def read_record(path: Path = RECORD) -> Record:
    """What was measured so far, by section; empty before the first time."""
    if not path.exists():
        return {}
    return {name: Measured.from_json(values) for name, values in json.loads(path.read_text("utf-8")).items()}


def write_record(record: Record, path: Path = RECORD) -> None:
    """Keep what was measured."""
    values = {name: record[name].to_json() for name in sorted(record)}
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", "utf-8")


def sections(page: str) -> list[str]:
    """Names of the markers of a page."""
    return [name for _, name, _ in _SLOT.findall(page)]


def with_tables(page: str, record: Record) -> str:
    """The page with what is recorded between its markers, and a word where nothing is."""

    def filled(slot: re.Match[str]) -> str:
        begin, name, end = slot.groups()
        return f"{begin}\n{record[name].markdown() if name in record else UNMEASURED}\n\n{end}"

    return _SLOT.sub(filled, page)
