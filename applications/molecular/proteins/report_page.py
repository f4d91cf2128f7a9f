"""`report.html` of an evaluation of backbones: one page that needs no other file and no network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from applications.molecular.chart_drawing import Chart
from applications.molecular.page_parts import (
    NOTHING,
    Markup,
    card,
    counted,
    facts,
    figure,
    number,
    section,
    table,
    text,
    tile,
    with_interval,
)
from applications.molecular.proteins.trace_view import TraceStructure
from applications.molecular.provenance import listed, mono
from applications.molecular.viewing import embedded_json, filled_template, template_text

_MEASURES: Final = (
    # name, label, decimals, percentage
    ("bonds_right", "CA-CA bonds of 3.7 to 3.9 Å", 1, True),
    ("bonds_cis", "CA-CA bonds of a cis peptide", 2, True),
    ("bond_length", "CA-CA bond (Å)", 3, False),
    ("with_a_clash", "structures with a clash", 1, True),
    ("clashes", "clashes", 2, False),
    ("helix", "helix", 1, True),
    ("strand", "strand", 1, True),
    ("coil", "coil", 1, True),
    ("right_handed", "helices right-handed", 1, True),
    ("radius_of_gyration", "radius of gyration (Å)", 2, False),
    ("radius_ratio", "radius of gyration / expected", 3, False),
    ("relative_contact_order", "relative contact order", 3, False),
    ("absolute_contact_order", "absolute contact order (residues)", 1, False),
    ("n_residues", "residues", 1, False),
    ("n_breaks", "chain breaks", 2, False),
)
_TILES: Final = ("bonds_right", "with_a_clash", "right_handed", "radius_ratio", "helix", "strand")
_DISTANCES: Final[Mapping[str, str]] = {
    "descriptor_frechet_distance": "descriptor Fréchet distance",
    "sse_jsd": "SSE-JSD",
    "dihedral_jsd": "dihedral-JSD",
    "radius_of_gyration": "radius of gyration (Å)",
    "pair_distances": "distances of residues, mean over pairs (Å)",
    "rmsd_to_first": "RMSD to the first end (Å)",
    "rmsd_to_second": "RMSD to the second end (Å)",
}
_CAPTIONS: Final[Mapping[str, str]] = {
    "angles": "CA Ramachandran plot: right-handed helices at +50°, strands near ±180°; a "
    "peak at -50° would be left-handed helices, an error. Darker cells hold more.",
    "bonds": "Bonds, logarithmic; the band is 3.8 ± 0.1 Å. Ends of the axis hold all that is beyond.",
    "size": "Size against length.",
    "elements": "Secondary structure by P-SEA, one mark a structure.",
    "contacts": "CA contacts nearer than 8 Å, three residues or more apart.",
}
_MOST_SKIPPED: Final = 100


def write_page(
    path: Path, report: Mapping[str, Any], *, charts: Sequence[Chart], shown: Sequence[TraceStructure]
) -> Path:
    """Write the page, replacing an earlier one.

    Args:
        path: the HTML file; its folder exists.
        report: as `build_report` made it.
        charts: to be drawn on it.
        shown: structures that can be turned.

    Returns:
        `path`.
    """
    sections = [
        _headline(report),
        _charts(charts),
        _measures(report),
        _distances(report),
        _ensembles(report),
        _tm(report),
        _tables(report),
        _traces(shown),
        _skipped(report),
        _provenance(report),
    ]
    page = filled_template(
        "report.html",
        TITLE=html.escape(f"Backbones: {counted(report['structures'], 'structure')} against a reference"),
        LEAD=_lead(report),
        SECTIONS="\n".join(part for part in sections if part),
        DATA=embedded_json([structure.plain() for structure in shown]),
        DRAWING=template_text("drawing.js"),
    )
    # names of files may hold bytes that are no text
    path.write_text(page, encoding="utf-8", errors="replace")
    return path


def _lead(report: Mapping[str, Any]) -> Markup:
    reference = report["reference"]
    words = (
        f"{counted(report['structures'], 'structure')} of {counted(report['chains'], 'chain')} beside "
        f"{counted(reference['structures'], 'structure')} of the reference ({reference['path']}). "
        "Square brackets are 95 % bootstrap intervals over structures."
    )
    if report["skipped"]:
        words += f" {counted(len(report['skipped']), 'file or chain')} could not be read."
    return Markup(f"<p>{text(words.replace('file or chains', 'files or chains'))}</p>")


def _headline(report: Mapping[str, Any]) -> Markup:
    by, tiles = report["measures"], []
    for name, label, digits, percent in _MEASURES:
        if name in _TILES:
            own, other = (with_interval(by[part][name], digits=digits, percent=percent) for part in by)
            tiles.append(tile(label, own, {"reference": other}))
    for name, value in report["set_distances"].items():
        below = {"halves of the reference": number(value["floor"], digits=3)}
        tiles.append(tile(_DISTANCES[name], _spread(value), below))
    return section("At a glance", f'<div class="grid">{"".join(tiles)}</div>')


def _charts(charts: Sequence[Chart]) -> Markup:
    wide, rest = [], []
    for chart in charts:
        is_wide = chart.name == "angles"
        (wide if is_wide else rest).append(figure(chart.svg(), _CAPTIONS[chart.name], wide=is_wide))
    return section("Pictures", *wide, f'<div class="pair">{"".join(rest)}</div>')


def _measures(report: Mapping[str, Any]) -> Markup:
    by = report["measures"]
    rows = [
        [
            label,
            *(with_interval(by[part][name], digits=digits, percent=percent) for part in by),
            by["generated"][name]["n"],
        ]
        for name, label, digits, percent in _MEASURES
    ]
    note = (
        "Means over structures. Clash: two CA atoms without a bond nearer than 3.5 Å. Helices are those that P-SEA "
        "finds in the structure or in its mirror image; the sign of their dihedrals gives the hand. Expected radius of "
        "gyration: 3.35 L^0.30 Å. n: generated structures with a value."
    )
    return section("Structures by themselves", table(["", *by, "n"], rows), note=note)


def _distance_rows(values: Mapping[str, Mapping[str, Any]]) -> list[list[object]]:
    return [
        [_DISTANCES[name], _spread(v), number(v["floor"], digits=3), number(v["floor_high"], digits=3)]
        for name, v in values.items()
    ]


def _distances(report: Mapping[str, Any]) -> Markup:
    note = (
        "Of the two sets of structures, by descriptors of our own: neither FPSD nor fJSD, which need a trained "
        "classifier. Squared Fréchet distance of Gaussians fitted to shares of secondary structure, size, contacts and "
        "dihedrals; Jensen-Shannon distances of secondary structure and of pseudo dihedrals, 0 to 1. Two random "
        "halves of the reference show what chance alone gives at half its size; small sets lie higher."
    )
    head = ["", "generated to reference", "halves of the reference", "97.5 % of halves below"]
    return section("The set as a whole", table(head, _distance_rows(report["set_distances"])), note=note)


def _ensembles(report: Mapping[str, Any]) -> Markup | str:
    if not report["ensemble_distances"]:
        return ""
    note = (
        "1-Wasserstein distances of distributions of invariants over conformations, in Å. Halves of a correlated "
        "trajectory are nearer than independent samples."
    )
    head = ["", "generated to reference", "halves of the reference", "97.5 % of halves below"]
    return section("The ensemble in law", table(head, _distance_rows(report["ensemble_distances"])), note=note)


def _tm(report: Mapping[str, Any]) -> Markup | str:
    diversity, novelty = report["diversity"], report["novelty"]
    if not diversity and not novelty:
        return ""
    rows: list[list[object]] = [
        [f"mean TM-score of pairs, {part}", number(v["mean_tm"], digits=3), v["n"]] for part, v in diversity.items()
    ]
    rows += [[f"clusters at TM 0.5, {part}", v["n_clusters"], v["n"]] for part, v in diversity.items()]
    if novelty:
        rows.append(["TM-score to the nearest reference", with_interval(novelty, digits=3), novelty["n"]])
    note = (
        "TM-align, by structure alone. Pairs: mean of the scores normalised by either length; clusters are single "
        "linkage. Nearest reference: normalised by the generated length; 1 is a copy, below 0.5 another fold."
    )
    return section("Diversity and novelty", table(["", "", "structures"], rows), note=note)


def _tables(report: Mapping[str, Any]) -> Markup | str:
    if not report["tables"]:
        return ""
    parts = []
    for name, found in report["tables"].items():
        rows = [[column, with_interval(v, digits=3), v["n"]] for column, v in found["columns"].items()]
        caption = f"{name}: {found['matched']} of {counted(report['structures'], 'structure')}"
        if found["unknown"]:
            caption += f"; {counted(len(found['unknown']), 'name')} of no structure left out"
        parts.append(table(["", "mean", "n"], rows, caption=caption))
    note = "Figures that were brought, not computed here. designable: share with scRMSD below 2 Å."
    return section("Tables of the user", *parts, note=note)


def _traces(shown: Sequence[TraceStructure]) -> Markup | str:
    if not shown:
        return ""
    cards = [
        card(
            i,
            structure.title,
            *(text(f"{name}: {value}") for name, value in structure.facts.items()),
            label=structure.title,
        )
        for i, structure in enumerate(shown)
    ]
    note = "CA traces from blue (first residue) to red (last); drag to turn."
    return section("Some structures", f'<div class="grid">{"".join(cards)}</div>', note=note)


def _skipped(report: Mapping[str, Any]) -> Markup | str:
    rows = [[name, reason] for name, reason in report["skipped"].items()]
    rows += [[f"reference: {name}", reason] for name, reason in report["reference"]["skipped"].items()]
    if not rows:
        return ""
    more = f"<p>{len(rows) - _MOST_SKIPPED} more are in report.json.</p>" if len(rows) > _MOST_SKIPPED else ""
    return section("Left out", table(["file or chain", "reason"], rows[:_MOST_SKIPPED], words=True), more)


def _provenance(report: Mapping[str, Any]) -> Markup:
    origin = report["provenance"]
    command = f"<pre>{text(origin['command'])}</pre>" if origin.get("command") else ""
    reference = {name: value for name, value in report["reference"].items() if name in ("path", "split", "fingerprint")}
    pairs = {
        "options": listed(report["options"]),
        "evaluated with": listed(origin.get("versions") or {}),
        "generated": listed({k: v for k, v in report["generated"].items() if k != "sha256"}),
        "file, SHA-256": mono(report["generated"].get("sha256")),
        "reference": listed(reference),
    }
    return section("How it was made", command, facts(pairs))


def _spread(value: Mapping[str, Any]) -> Markup:
    middle = number(value["value"], digits=3)
    if middle == NOTHING:
        return Markup(NOTHING)
    ends = [number(value[end], digits=3) for end in ("low", "high")]
    return Markup(f'{middle} <span class="range">[{ends[0]}, {ends[1]}]</span>')
