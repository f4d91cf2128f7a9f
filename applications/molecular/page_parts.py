"""Small pieces of HTML: every text that comes in is escaped, everything that comes out is markup."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

NOTHING: Final = "–"
"""Stands for a figure that does not exist."""


@final
class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Markup:
    """Any value as escaped text; markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def number(value: float | None, *, digits: int, percent: bool = False) -> str:
    """A figure with fixed decimals, as a percentage if asked; `NOTHING` for what is missing."""
    if value is None or not math.isfinite(value):
        return NOTHING
    rounded = round(100 * value if percent else value, digits)
    return f"{rounded + 0.0:.{digits}f}" + ("\u202f%" if percent else "")


def with_interval(summary: Mapping[str, Any], *, digits: int, percent: bool = False, median: bool = False) -> Markup:
    """The mean of a summary with its 95 % interval, or the median with its own; one molecule has no interval."""
    middle, low, high = ("median", "median_low", "median_high") if median else ("mean", "low", "high")
    value = number(summary[middle], digits=digits, percent=percent)
    if value == NOTHING:
        return Markup(NOTHING)
    if summary["n"] < 2:
        return Markup(value)
    ends = [number(summary[end], digits=digits, percent=percent).removesuffix("\u202f%") for end in (low, high)]
    return Markup(f'{value} <span class="range">[{ends[0]}, {ends[1]}]</span>')


def table(
    head: Sequence[object], rows: Sequence[Sequence[object]], *, caption: str = "", words: bool = False
) -> Markup:
    """A table that scrolls by itself if it is wider than the screen.

    Args:
        head: names of the columns.
        rows: their cells; the first of a row names it, and a row of one cell is the heading of those that follow.
        caption: above it.
        words: whether all columns hold words rather than figures.
    """
    top = "".join(f'<th scope="col">{text(cell)}</th>' for cell in head)
    lines = []
    for first, *rest in rows:
        if not rest:
            lines.append(f'<tr class="group"><th scope="rowgroup" colspan="{len(head)}">{text(first)}</th></tr>')
            continue
        cells = "".join(f"<td>{text(cell)}</td>" for cell in rest)
        lines.append(f'<tr><th scope="row">{text(first)}</th>{cells}</tr>')
    title = f"<caption>{text(caption)}</caption>" if caption else ""
    kind = ' class="words"' if words else ""
    body = "".join(lines)
    return Markup(
        f'<div class="scroll"><table{kind}>{title}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def facts(pairs: Mapping[str, object]) -> Markup:
    """A list of names and values; empty values are left out."""
    found = {name: value for name, value in pairs.items() if value not in (None, "", {})}
    items = "".join(f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in found.items())
    return Markup(f'<dl class="facts">{items}</dl>')


def bar(share: float) -> Markup:
    """A share of one as a horizontal bar."""
    return Markup(f'<span class="bar"><i style="width:{100 * share:.1f}%"></i></span>')


def section(title: str, *parts: str, note: str = "") -> Markup:
    """A titled section of the page, its parts markup, with a note under the title."""
    below = f'<p class="note">{text(note)}</p>' if note else ""
    return Markup(f"<section><h2>{text(title)}</h2>{below}{''.join(parts)}</section>")


def counted(n: int, what: str) -> str:
    """A number with its noun: `1 molecule`, `2 molecules`."""
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def figure(chart: str, caption: str, *, wide: bool = False) -> Markup:
    """A chart with a caption under it.

    Args:
        chart: an SVG element.
        caption: plain text.
        wide: whether it may fill the page.
    """
    kind = ' class="wide"' if wide else ""
    return Markup(f"<figure{kind}>{chart}<figcaption>{text(caption)}</figcaption></figure>")


def tile(label: str, value: Markup, below: Mapping[str, object]) -> Markup:
    """A headline figure with others under it.

    Args:
        label: what it is.
        value: the figure.
        below: figures to compare it with, by name.
    """
    pairs = "".join(f"<dt>{text(name)}</dt><dd>{text(other)}</dd>" for name, other in below.items())
    listed = f"<dl>{pairs}</dl>" if below else ""
    return Markup(f'<div class="tile"><h3>{text(label)}</h3><b>{value}</b>{listed}</div>')


def card(index: int, title: str, *lines: str, label: str) -> Markup:
    """A structure that can be turned, with text under it.

    Args:
        index: of the structure in the data of the page.
        title: its name.
        lines: markup under the name.
        label: for those who do not see it.
    """
    return Markup(
        f'<div class="card"><canvas data-item="{index}" role="img" aria-label="{html.escape(label, quote=True)}">'
        f"</canvas><div><strong>{text(title)}</strong>{'<br>'.join(lines)}</div></div>"
    )
