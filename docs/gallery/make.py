"""Make the pictures and tables of the gallery again and put the tables into its page: `python docs/gallery/make.py`.

Names of scripts after it run only these: `python docs/gallery/make.py crystal`. The name `page` runs none of them and
fills the page with the tables that are there.
"""

from __future__ import annotations

import re
import sys
import time
from importlib import import_module
from pathlib import Path

from kit import HERE, SEEDS, Check, style
from rich.console import Console

SCRIPTS = (
    "quantum_states",
    "qubit_pairs",
    "energy_levels",
    "crystal",
    "cell_outlines",
    "covariances",
    "point_sets",
)
_SLOT = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def p_text(value: float) -> str:
    """A p-value with one digit."""
    return f"{value:.0e}" if value < 0.001 else f"{value:.2g}"


def table(found: Check) -> str:
    """One row for each sampler, with its largest distance and the p of each seed."""
    rows = [
        [
            f"{mark} {name}" if as_expected else f"? {name}",
            f"{max(law.distances):.3f}",
            *(p_text(p) for p in law.p_values),
        ]
        for laws, mark, passes in ((found.right, "✓", True), (found.wrong, "✗", False))
        for name, law in laws.items()
        for as_expected in [law.recovered if passes else law.missed]
    ]
    return style.table(["sampler", "distance", *(f"p, seed {seed}" for seed in SEEDS)], rows)


def filled(page: str) -> str:
    """The page with what stands in ``table_*.md`` and ``formulas_*.md`` between its marks."""
    parts = {path.stem: path.read_text(encoding="utf-8") for path in HERE.glob("*_*.md")}

    def fill(slot: re.Match[str]) -> str:
        name = slot[2].partition("_")[2]
        part = parts.get(slot[2], f"Not made yet: run `python docs/gallery/make.py {name}`.")
        return f"{slot[1]}\n{part.strip()}\n\n{slot[3]}"

    return _SLOT.sub(fill, page)


def make(name: str, folder: Path = HERE) -> None:
    """Check, picture and formulas of one script."""
    script = import_module(name)
    (folder / f"table_{name}.md").write_text(table(script.check()), encoding="utf-8")
    (folder / f"formulas_{name}.md").write_text(f"```text\n{script.formulas()}\n```\n", encoding="utf-8")
    script.picture(folder)


def main(names: tuple[str, ...] = SCRIPTS) -> None:
    """Run the scripts one after the other, then fill the page.

    Raises:
        SystemExit: for a name that is not one of ``SCRIPTS``.
    """
    names = tuple(name for name in names if name != "page")
    unknown = sorted(set(names) - set(SCRIPTS))
    if unknown:
        raise SystemExit(f"no script makes {', '.join(unknown)}: choose from {', '.join(SCRIPTS)}")
    console = Console(stderr=True)
    for place, name in enumerate(names, start=1):
        begin = time.process_time()
        make(name)
        console.print(f"{place} of {len(names)}: {name}, {time.process_time() - begin:.0f} s of processor time")
    page = HERE / "index.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SCRIPTS)
