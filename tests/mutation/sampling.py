"""All mutants of a source, and a seeded sample of them, stratified by module."""

from __future__ import annotations

import ast
import difflib
import hashlib
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import mutate_code
from parso.tree import NodeOrLeaf

from tests.mutation.operators import Span, operators

# Text that is shown or declared, not computed with.
_DECLARED = ("raise_stmt", "fstring", "import_from", "import_name", "decorator")


@dataclass(frozen=True)
class Mutant:
    """One change of one file: ``occurrence`` of ``operator`` in ``path``, whose text has the given digest."""

    path: str
    line: int
    operator: str
    occurrence: int
    source: str
    diff: str

    @property
    def key(self) -> str:
        return f"{self.path}:{self.operator}:{self.occurrence}:{self.source}"


def digest(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def diff_of(before: str, after: str) -> str:
    """The changed lines, ``-`` then ``+``, joined by newlines."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
    return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---"))


def numerical_modules(root: Path, packages: Sequence[str]) -> list[str]:
    """Modules of packages or files but ``__init__`` and the ones of errors, relative to ``root``."""
    paths = [root / package for package in packages]
    files = (file for path in paths for file in ([path] if path.is_file() else sorted(path.rglob("*.py"))))
    return [str(file.relative_to(root)) for file in files if file.name not in ("__init__.py", "errors.py")]


class _Computation(ast.NodeTransformer):
    """Leaves what is computed: annotations, docstrings and the messages of errors are taken out."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Raise(), node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return ast.copy_location(ast.Constant(""), node)


def computation(source: str) -> str:
    """What a source computes, without its annotations and messages: equal for texts that compute the same."""
    return ast.dump(_Computation().visit(ast.parse(source)))


def _is_declared(node: NodeOrLeaf) -> bool:
    """Whether a node is part of an annotation, a list of parameters, a decorator, an import, a message, zip's check."""
    child, parent = node, node.parent
    if parent is not None and node.type == "operator" and parent.type in ("parameters", "lambdef", "param"):
        return True
    while parent is not None:
        if parent.type in _DECLARED or (parent.type == "argument" and parent.get_code().strip().startswith("strict=")):
            return True
        siblings = parent.children
        follows = siblings[[id(c) for c in siblings].index(id(child)) - 1] if child is not siblings[0] else None
        if parent.type in ("tfpdef", "annassign", "funcdef") and follows in (":", "->") and child.type != "suite":
            return True
        child, parent = parent, parent.parent
    return False


def nodes_of(source: str) -> Mapping[Span, list[tuple[str, int]]]:
    """Positions that can be mutated, each with the pairs (operator, occurrence) that mutate it."""
    found: dict[Span, list[tuple[str, int]]] = defaultdict(list)
    nodes = list(ast_nodes(parso.parse(source)))
    for name, operator in operators().items():
        positions: Any = operator.mutation_positions
        spans = ((node, span) for node in nodes for span in positions(node))
        for occurrence, (node, span) in enumerate(spans):
            if not _is_declared(node):
                found[span].append((name, occurrence))
    return dict(sorted(found.items()))


def mutate(source: str, operator: str, occurrence: int) -> str:
    """The mutated text, ended by a newline."""
    return str(mutate_code(source, operators()[operator], occurrence)).rstrip("\n") + "\n"


def _is_mutant(source: str, mutated: str) -> bool:
    try:
        compile(mutated, "mutant", "exec")
    except SyntaxError:
        return False
    return computation(mutated) != computation(source)


def mutants_of(path: str, source: str, rng: random.Random) -> Iterator[Mutant]:
    """One mutant for each position that can be mutated, positions and operators in random order."""
    nodes = list(nodes_of(source).items())
    rng.shuffle(nodes)
    for (start, _), choices in nodes:
        for name, occurrence in rng.sample(choices, len(choices)):
            mutated = mutate(source, name, occurrence)
            if _is_mutant(source, mutated):
                yield Mutant(path, start[0], name, occurrence, digest(source), diff_of(source, mutated))
                break


def allocate(sizes: Mapping[str, int], count: int) -> dict[str, int]:
    """Shares of ``count`` in proportion to the sizes, at least one each, by largest remainders."""
    total = sum(sizes.values())
    exact = {name: count * size / total for name, size in sizes.items()}
    shares = {name: min(sizes[name], max(1, int(value))) for name, value in exact.items()}
    order = sorted(sizes, key=lambda name: shares[name] - exact[name])
    while sum(shares.values()) < count and any(shares[name] < sizes[name] for name in order):
        name = next(name for name in order if shares[name] < sizes[name])
        shares[name] += 1
        order.sort(key=lambda name: shares[name] - exact[name])
    return shares


def sample(root: Path, packages: Sequence[str], count: int, seed: int) -> list[Mutant]:
    """``count`` mutants: each module's share in proportion to its positions, one operator a position."""
    sources = {path: (root / path).read_text() for path in numerical_modules(root, packages)}
    sizes = {path: len(nodes_of(source)) for path, source in sources.items()}
    shares = allocate({path: size for path, size in sizes.items() if size}, count)
    chosen = [
        mutant
        for path, share in shares.items()
        for mutant in islice(mutants_of(path, sources[path], random.Random(f"{seed}:{path}")), share)
    ]
    random.Random(seed).shuffle(chosen)
    return chosen
