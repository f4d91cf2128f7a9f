"""The command line of the mutation tests."""

from __future__ import annotations

import argparse
import json
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.mutation.coverage_map import collect
from tests.mutation.planted import PLANTED
from tests.mutation.planting import run_all
from tests.mutation.reach import Reach
from tests.mutation.report import survivors, table
from tests.mutation.sampling import digest, sample
from tests.mutation.session import FLOORS, in_shards, preload, preload_below, results, try_mutant

ROOT = Path(__file__).resolve().parents[2]
_BUILD = ROOT / "build" / "mutation"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python tests/mutation/run.py", description=__doc__)
    add = parser.add_argument
    add("--count", type=int, default=300, help="number of mutants in the sample")
    add("--seed", type=int, default=0, help="seed of the sample")
    add("--only", nargs="+", metavar="PATH", default=FLOORS, help="sample these modules or folders alone")
    add("--jobs", type=int, default=1, help="processes")
    add("--part", default="0/1", metavar="K/N", help="only every N-th mutant from K on, to share a run among machines")
    add("--out", type=Path, default=_BUILD / "results.jsonl", help="results, one line a mutant; resumed if there")
    add("--maps", type=Path, default=_BUILD / "maps", help="folder of coverage maps")
    add("--collect", nargs="+", metavar="PATH", help="add a coverage map of these tests and end")
    add("--slow", action="store_true", help="with --collect: of the slow ones among them")
    add("--again", action="store_true", help="run the survivors of --out against tests that they have not met")
    add("--planted", action="store_true", help="run the planted errors, each against the test that must fail")
    add("--report", type=Path, metavar="FILE", help="print counts and survivors of the sample in a file of results")
    return parser


def _forked(work: Callable[[], None]) -> None:
    """Do something that imports our packages without importing them here."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        raise RuntimeError("the collection of coverage failed")


def _collect(maps: Path, paths: Sequence[str], *, slow: bool) -> None:
    maps.mkdir(parents=True, exist_ok=True)
    out = maps / f"{'slow' if slow else 'quick'}-{Path(paths[0]).stem}-{digest(' '.join(paths))}.json"
    marker = "slow" if slow else "not slow"
    _forked(lambda: collect(ROOT, FLOORS, [*paths, "-m", marker], out))


def _reach(maps: Path) -> tuple[Reach, set[str]]:
    if not list(maps.glob("quick-*.json")):
        _collect(maps, [f"tests/{floor}" for floor in FLOORS], slow=False)
    reach = Reach(sorted(maps.glob("*.json")))
    slow = {name for file in maps.glob("slow-*.json") for name in json.loads(file.read_text())["tests"]}
    return reach, slow


def _run(arguments: argparse.Namespace) -> None:
    reach, slow = _reach(arguments.maps)
    known = results(arguments.out)
    chosen = sample(ROOT, arguments.only, arguments.count, arguments.seed)
    if arguments.again:
        todo = [m for m in chosen if m.key in known and known[m.key]["outcome"] in ("survived", "unreached")]
    else:
        todo = [m for m in chosen if m.key not in known]
        slow_ones, slow = slow, set()
        reach = reach.without(slow_ones)
    part, parts = map(int, arguments.part.split("/"))
    todo = [mutant for mutant in todo if chosen.index(mutant) % parts == part]
    todo.sort(key=lambda mutant: FLOORS.index(mutant.path.partition("/")[0]))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)

    def work(i: int) -> str:
        preload_below(todo[i].path)
        before = known.get(todo[i].key, {"passed": (), "seconds": 0.0})
        row: dict[str, Any] = try_mutant(ROOT, todo[i], reach, slow, before["passed"])
        row["seconds"] += before["seconds"]
        return json.dumps(row)

    in_shards(arguments.jobs, len(todo), work, arguments.out)
    rows = results(arguments.out)
    sys.stdout.write(table(rows[m.key] for m in chosen if m.key in rows) + "\n")


def main() -> None:
    """Parse the command line and do what it says."""
    arguments = _parser().parse_args()
    os.chdir(ROOT)
    if arguments.report is not None:
        found = results(arguments.report)
        chosen = sample(ROOT, arguments.only, arguments.count, arguments.seed)
        rows = [found[mutant.key] for mutant in chosen if mutant.key in found]
        sys.stdout.write(table(rows) + "\n\n" + survivors(rows) + "\n")
        return
    preload()
    if arguments.collect is not None:
        _collect(arguments.maps, arguments.collect, slow=arguments.slow)
    elif arguments.planted:
        sys.exit(run_all(ROOT, PLANTED))
    else:
        _run(arguments)
