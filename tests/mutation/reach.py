"""Tests that reach a line of a module, from one or more coverage maps."""

from __future__ import annotations

import ast
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

_SHARED = ("cached_property", "cache", "lru_cache")


def _is_shared(node: ast.AST) -> bool:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return any(ast.unparse(decorator).rpartition(".")[2].partition("(")[0] in _SHARED for decorator in decorators)


def _span(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)


def _contains(node: ast.AST, line: int) -> bool:
    first, last = _span(node)
    return first <= line <= last


def _path_to(node: ast.AST, line: int) -> Iterator[ast.AST]:
    """Statements that hold the line, from the outside inwards."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.ExceptHandler | ast.match_case) and _contains(child, line):
            yield child
            yield from _path_to(child, line)


def _bodies(node: ast.AST) -> set[int]:
    """Lines inside the functions of a scope: those that are not run by importing it."""
    inside: set[int] = set()
    for function in (n for n in ast.walk(node) if isinstance(n, ast.FunctionDef)):
        inside |= set(range(function.body[0].lineno, (function.end_lineno or 0) + 1))
    return inside


def lines_that_stand_for(source: str, line: int) -> set[int]:
    """Lines whose tests could see a change of ``line``.

    Inside a function those of its statement (for a compound statement, of its head). What runs at import (defaults,
    class bodies, constants), and what is computed once and kept, stands for every function of its scope.
    """
    module = ast.parse(source)
    path = list(_path_to(module, line))
    functions = [i for i, node in enumerate(path) if isinstance(node, ast.FunctionDef)]
    if functions:
        last = path[functions[-1]]
        assert isinstance(last, ast.FunctionDef)
        if line < last.body[0].lineno:
            return _bodies(last)
        if not _is_shared(last):
            first, end = _span(path[-1])
            body = getattr(path[-1], "body", None)
            return set(range(first, body[0].lineno if body else end + 1))
        path = path[: functions[-1]]
    scopes = [node for node in path if isinstance(node, ast.ClassDef)]
    return _bodies(scopes[-1] if scopes else module)


class Reach:
    """Coverage maps, read together: tests with their seconds, and the tests of each line."""

    def __init__(self, maps: Sequence[Path]) -> None:
        self.seconds: dict[str, float] = {}
        self._lines: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        collected: list[tuple[str, int, str]] = []
        for file in maps:
            data = json.loads(file.read_text())
            names = list(data["tests"])
            self.seconds |= data["tests"]
            for path, lines in data["lines"].items():
                for line, contexts in lines.items():
                    tests = {names[c] for c in contexts if isinstance(c, int)}
                    self._lines[path][int(line)] |= tests
                    collected += [(path, int(line), c.partition("|")[2]) for c in contexts if isinstance(c, str)]
        by_file: dict[str, set[str]] = defaultdict(set)
        for name in self.seconds:
            by_file[name.partition("::")[0]].add(name)
        for path, line, file in collected:
            self._lines[path][line] |= by_file[file]

    def tests(self, path: str, line: int, source: str) -> list[str]:
        """Tests that reach the line, cheapest first.

        A module without functions (constants), and a line that runs only while its package is imported, are seen by
        every test of the package.
        """
        known = self._lines[path]
        lines = lines_that_stand_for(source, line)
        found = set().union(*(known[k] for k in lines if k in known))
        if not found and (any(k in known for k in lines) or not _bodies(ast.parse(source))):
            package = path.partition("/")[0]
            found = {name for name in self.seconds if name.startswith(f"tests/{package}/")}
        return sorted(found, key=self.seconds.__getitem__)

    def without(self, tests: set[str]) -> Reach:
        """The same reach, as if these tests did not exist."""
        other = Reach([])
        other.seconds = {name: value for name, value in self.seconds.items() if name not in tests}
        for path, lines in self._lines.items():
            for line, names in lines.items():
                other._lines[path][line] = names - tests
        return other
