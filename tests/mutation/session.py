"""A run over many mutants: what is imported once, the rounds of each mutant, the file of results."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.mutation.reach import Reach
from tests.mutation.sampling import Mutant, mutate
from tests.mutation.trial import Verdict, run

# Files of tests in the first round, its CPU seconds, and those of a mutant in all without its slow tests.
_NEAR_FILES, _NEAR_CAP, _CAP = 3, 12.0, 28.0
# CPU seconds of slow tests for a mutant that survived the others.
_SLOW_CAP = 120.0
FLOORS = ("groups", "quotient", "diffusion")
_FOREIGN = (
    "torch torch._dynamo torch.func numpy scipy.stats scipy.special scipy.linalg scipy.integrate scipy.optimize sympy "
    "mpmath beartype hypothesis.strategies hypothesis.extra lightning safetensors.torch geomstats.backend "
    "geomstats.geometry.fiber_bundle geomstats.geometry.group_action geomstats.geometry.lie_group "
    "geomstats.geometry.poincare_half_space geomstats.geometry.quotient_metric geomstats.geometry.spd_matrices "
    "geomstats.geometry.special_euclidean geomstats.geometry.special_orthogonal geomstats.geometry.hypersphere"
)


def preload() -> None:
    """Import what the tests need, but nothing of ours, so that a forked child starts at once."""
    os.environ["GEOMSTATS_BACKEND"] = "pytorch"
    torch = import_module("torch")
    dtype = torch.get_default_dtype()
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in _FOREIGN.split():
            import_module(name)
    torch.set_default_dtype(dtype)
    del os.environ["GEOMSTATS_BACKEND"]


def preload_below(path: str) -> None:
    """Import the floors below the one of ``path``, types checked; mutants of those must have been tried."""
    floor = FLOORS.index(path.partition("/")[0])
    if floor > 0:
        import_module("tests.conftest")
        for name in FLOORS[:floor]:
            import_module(name)


def within(tests: Sequence[str], seconds: dict[str, float], cap: float) -> list[str]:
    """The first tests whose usual times sum to at most ``cap``, at least one."""
    chosen: list[str] = []
    total = 0.0
    for name in tests:
        total += seconds[name]
        if chosen and total > cap:
            break
        chosen.append(name)
    return chosen


def near(tests: Sequence[str], reach: Reach, path: str) -> list[str]:
    """Tests of the few files most about a line: of its floor, with the greatest share of tests that reach it."""
    sizes: dict[str, int] = {}
    hits: dict[str, int] = {}
    for name in reach.seconds:
        sizes[name.partition("::")[0]] = sizes.get(name.partition("::")[0], 0) + 1
    for name in tests:
        hits[name.partition("::")[0]] = hits.get(name.partition("::")[0], 0) + 1
    floor = f"tests/{path.partition('/')[0]}/"
    files = sorted(hits, key=lambda f: (not f.startswith(floor), -hits[f] / sizes[f], f))[:_NEAR_FILES]
    return [name for name in tests if name.partition("::")[0] in files]


def rounds(tests: Sequence[str], slow: Sequence[str], reach: Reach, path: str) -> list[tuple[list[str], float]]:
    """Near tests first, then all quick ones, then the slow ones; tests and CPU seconds of each round."""
    first = within(near(tests, reach, path), reach.seconds, _NEAR_CAP)
    rest = within([name for name in tests if name not in set(first)], reach.seconds, _CAP)
    last = within(slow, reach.seconds, _SLOW_CAP)
    return [(part, cap) for part, cap in ((first, _NEAR_CAP), (rest, _CAP), (last, _SLOW_CAP)) if part]


def try_text(root: Path, path: str, text: str, parts: Sequence[tuple[Sequence[str], float]], reach: Reach) -> Verdict:
    """The rounds of one changed file, to the first failure."""
    passed: list[str] = []
    seconds = 0.0
    for tests, cap in parts:
        verdict = run(root, root / path, text, tests, reach.seconds, cap)
        passed += verdict.passed
        seconds += verdict.seconds
        if verdict.outcome != "survived":
            return Verdict(verdict.outcome, verdict.by, verdict.reason, [], seconds)
    return Verdict("survived" if parts else "unreached", passed=passed, seconds=seconds)


def try_mutant(root: Path, mutant: Mutant, reach: Reach, slow: set[str], done: Sequence[str]) -> dict[str, Any]:
    """One line of the results; tests in ``done`` are known to pass and are left out."""
    source = (root / mutant.path).read_text()
    found = [name for name in reach.tests(mutant.path, mutant.line, source) if name not in set(done)]
    parts = rounds([n for n in found if n not in slow], [n for n in found if n in slow], reach, mutant.path)
    verdict = try_text(root, mutant.path, mutate(source, mutant.operator, mutant.occurrence), parts, reach)
    if verdict.outcome == "unreached" and done:
        verdict.outcome = "survived"
    verdict.passed = [*done, *verdict.passed] if verdict.outcome == "survived" else []
    return {**asdict(mutant), "key": mutant.key, "reaching": len(found), **asdict(verdict)}


def results(file: Path) -> dict[str, dict[str, Any]]:
    """The last line of each mutant in a file of results."""
    lines = file.read_text().splitlines() if file.exists() else []
    return {row["key"]: row for row in map(json.loads, lines)}


def in_shards(jobs: int, count: int, work: Callable[[int], str], out: Path) -> None:
    """Fork ``jobs`` processes; shard k appends ``work(i)`` for i = k, k + jobs, ... to ``out``, a line each."""
    children = []
    for shard in range(jobs):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                for i in range(shard, count, jobs):
                    with out.open("a") as stream:
                        stream.write(work(i) + "\n")
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1]]
    if failed:
        raise RuntimeError(f"{len(failed)} of {jobs} shards ended early: the results so far are in {out}")
