"""Rows of names and formulas, as LaTeX and as text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import sympy as sp

# LaTeX name, text name, and a formula or its LaTeX and its text.
Row: TypeAlias = tuple[str, str, sp.Basic | sp.MatrixBase | tuple[str, str]]

_MAX_OPS = 600
_OMITTED = "too long to print"


def _operations(value: sp.Basic | sp.MatrixBase) -> int:
    entries = value.flat() if isinstance(value, sp.MatrixBase) else [value]
    return sum(int(sp.count_ops(entry)) for entry in entries)


def align(rows: Sequence[Row]) -> str:
    """The rows as a LaTeX `align*` environment (amsmath)."""
    lines = []
    for name, _, value in rows:
        if isinstance(value, tuple):
            formula = value[0]
        elif _operations(value) > _MAX_OPS:
            formula = rf"\text{{({_OMITTED})}}"
        else:
            formula = sp.latex(value)
        lines.append(f"{name} &= {formula}")
    body = " \\\\\n".join(lines)
    return f"\\begin{{align*}}\n{body}\n\\end{{align*}}"


def lines(rows: Sequence[Row]) -> str:
    """The rows as text, matrices row by row."""
    width = max(len(name) for _, name, _ in rows)
    printed = []
    for _, name, value in rows:
        if isinstance(value, tuple):
            formula = value[1]
        elif _operations(value) > _MAX_OPS:
            formula = f"({_OMITTED})"
        elif isinstance(value, sp.MatrixBase):
            formula = _matrix(value)
        else:
            formula = sp.sstr(value)
        printed.append(f"{name:<{width}} = " + formula.replace("\n", "\n" + " " * (width + 3)))
    return "\n".join(printed)


def _matrix(matrix: sp.MatrixBase) -> str:
    if matrix.cols == 1:
        return "[" + ", ".join(sp.sstr(entry) for entry in matrix.flat()) + "]"
    return "\n".join(
        "[" + ", ".join(sp.sstr(matrix[i, j]) for j in range(matrix.cols)) + "]" for i in range(matrix.rows)
    )


def operator(names: Sequence[sp.Symbol], diffusion: sp.MatrixBase, drift: sp.MatrixBase) -> tuple[str, str]:
    """1/2 a_ij d_i d_j + b_i d_i in LaTeX and as text."""
    terms: list[tuple[sp.Expr, str, str]] = []
    for i, name in enumerate(names):
        d = rf"\partial_{{{sp.latex(name)}}}"
        terms.append((diffusion[i, i] / 2, f"{d}^{{2}}", f"d_{name}^2"))
        for j in range(i + 1, len(names)):
            other = names[j]
            terms.append((diffusion[i, j], rf"{d} \partial_{{{sp.latex(other)}}}", f"d_{name} d_{other}"))
    for i, name in enumerate(names):
        terms.append((drift[i], rf"\partial_{{{sp.latex(name)}}}", f"d_{name}"))
    kept = [(coefficient, latex, text) for coefficient, latex, text in terms if coefficient != 0]
    if not kept:
        return "0", "0"
    return (
        " ".join(_term(c, latex, sp.latex, r" \, ", first=k == 0) for k, (c, latex, _) in enumerate(kept)),
        " ".join(_term(c, text, sp.sstr, " ", first=k == 0) for k, (c, _, text) in enumerate(kept)),
    )


def _term(coefficient: sp.Expr, symbol: str, printer: Callable[[sp.Expr], str], space: str, *, first: bool) -> str:
    negative = coefficient.could_extract_minus_sign()
    size = -coefficient if negative else coefficient
    sign = ("-" if negative else "") if first else ("- " if negative else "+ ")
    if size == 1:
        return sign + symbol
    text = printer(size)
    if size.is_Add:
        text = f"({text})" if printer is sp.sstr else rf"\left({text}\right)"
    return f"{sign}{text}{space}{symbol}"
