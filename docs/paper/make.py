"""Make the pictures and tables of this folder again and put the tables into the page: `python docs/paper/make.py`.

Names of scripts after it run only these: `python docs/paper/make.py figure1 variance`. The name `page` runs none of
them and fills the page with the tables that are there.
"""

from __future__ import annotations

import platform
import re
import sys
import time
from importlib import import_module
from importlib.metadata import version

from rich.console import Console
from style import HERE

SCRIPTS = ("figure1", "figure3", "misprint", "table_samplers", "variance", "path_length", "table_orders")
VERSIONS = ("torch", "geomstats", "numpy", "scipy", "matplotlib")
_SLOT = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: str) -> str:
    """The page with what stands in ``table_*.md`` between its marks, and the versions."""
    parts = {path.stem: path.read_text(encoding="utf-8") for path in HERE.glob("table_*.md")}
    parts["versions"] = f"Made with Python {platform.python_version()}, " + ", ".join(
        f"{name} {version(name)}" for name in VERSIONS
    )

    def fill(found: re.Match[str]) -> str:
        part = parts.get(found[2], f"Not made yet: run `python docs/paper/make.py {found[2]}`.")
        return f"{found[1]}\n{part.strip()}\n\n{found[3]}"

    return _SLOT.sub(fill, page)


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
        console.print(f"{place} of {len(names)}: {name}")
        begin, processor = time.monotonic(), time.process_time()
        import_module(name).main()
        spent = time.process_time() - processor
        console.print(f"{name}: {time.monotonic() - begin:.0f} s, {spent:.0f} s of processor time")
    page = HERE / "index.md"
    page.write_text(filled(page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SCRIPTS)
