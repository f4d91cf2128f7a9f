"""`report.html`: everything an evaluation found on one page that needs no other file and no network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from applications.molecular.charts import STROKES, bin_label, bins_chart, curve_chart
from applications.molecular.evaluate import Source
from applications.molecular.geometry_checks import BOND_TOLERANCE, CLASH_TOLERANCE
from applications.molecular.overlays import REFERENCE_COLOUR, Overlay
from applications.molecular.page_parts import (
    Markup,
    bar,
    card,
    counted,
    figure,
    number,
    section,
    table,
    text,
    tile,
    with_interval,
)
from applications.molecular.provenance import provenance_section
from applications.molecular.ring_planarity import FLATNESS_TOLERANCE
from applications.molecular.viewing import embedded_json, filled_template, template_text

_QUALITY: Final = (
    # name, label, decimals, percentage, median over molecules
    ("strain", "strain (kcal/mol)", 1, False, True),
    ("clashing", "with a clash", 1, True, False),
    ("bad_bonds", "with an impossible bond", 1, True, False),
    ("ring_deviation", "ring off its plane (Å)", 2, False, True),
    ("bent_rings", "with a bent ring", 1, True, False),
)
_MOST_FAILURES: Final = 100


def write_report_page(
    path: Path, report: Mapping[str, Any], *, best: Sequence[Overlay] = (), worst: Sequence[Overlay] = ()
) -> Path:
    """Write the page, replacing an earlier one.

    Args:
        path: the HTML file; its folder exists.
        report: as `build_report` made it.
        best: overlays of the molecules that came out best.
        worst: overlays of those that came out worst.

    Returns:
        `path`.
    """
    sections = [
        _headline(report),
        _curves(report),
        _by_bonds(report),
        _quality(report),
        _stereo(report),
        _posebusters(report),
        _speed(report),
        _examples(best, worst),
        _failures(report),
        provenance_section(report),
    ]
    title = f"Conformers of {counted(report['molecules'], 'molecule')} against their references"
    page = filled_template(
        "report.html",
        TITLE=html.escape(title),
        LEAD=_lead(report),
        SECTIONS="\n".join(part for part in sections if part),
        DATA=embedded_json([overlay.picture for overlay in (*best, *worst)]),
        DRAWING=template_text("drawing.js"),
    )
    path.write_text(page, encoding="utf-8")
    return path


def _lead(report: Mapping[str, Any]) -> Markup:
    made, asked = report["conformers"], report["conformers_requested"]
    words = f"{made:,} of {asked:,} conformers compared with their references by heavy-atom RMSD."
    failed = report["molecules_failed"]
    if failed:
        rule = "count as coverage zero" if report["failures"] == "zero" else "are left out of every mean"
        words += f" {counted(failed, 'molecule')} without any conformer: they {rule}."
    words += " Square brackets are 95 % bootstrap intervals over molecules."
    method = report["references"].get("method")
    source = f'<p class="soft">References: {text(method)}.</p>' if method else ""
    return Markup(f"<p>{text(words)}</p>{source}")


def _headline(report: Mapping[str, Any]) -> Markup:
    scores = report["scores"]
    tiles = []
    names = {"AMR-R": "Recall AMR", "AMR-P": "Precision AMR"}
    measures = list(scores[Source.MODEL.value])
    for measure in [*(m for m in measures if m in names), *(m for m in measures if m not in names)]:
        kind, _, threshold = measure.partition("@")
        label = f"{names.get(measure, measure)}, Å" if measure in names else f"{kind} at {threshold} Å"
        digits, percent = (3, False) if measure in names else (1, True)
        cells = {source: with_interval(by[measure], digits=digits, percent=percent) for source, by in scores.items()}
        others = {STROKES[source].label: cell for source, cell in cells.items() if source != Source.MODEL.value}
        tiles.append(tile(label, cells[Source.MODEL.value], others))
    note = (
        "AMR: mean distance to the nearest conformer of the other set, lower is better; coverage: share nearer than "
        "the threshold, higher is better. Recall (R) goes over references, precision (P) over generated conformers."
    )
    return section("Distances and coverage", f'<div class="grid">{"".join(tiles)}</div>', note=note)


def _curves(report: Mapping[str, Any]) -> Markup:
    charts = [
        figure(curve_chart(report["curve"], measure=measure, label=f"{name} (%)"), caption)
        for measure, name, caption in (
            ("recall", "COV-R", "References that a generated conformer comes this close to."),
            ("precision", "COV-P", "Generated conformers that come this close to a reference."),
        )
    ]
    note = "Means over molecules; the band is the 95 % interval of the model at each threshold."
    return section("Coverage against the threshold", f'<div class="pair">{"".join(charts)}</div>', note=note)


def _by_bonds(report: Mapping[str, Any]) -> Markup:
    bins, counts = report["by_rotatable_bonds"], report["molecules_by_rotatable_bonds"]
    charts = [
        figure(bins_chart(bins, list(counts), measure=measure, label=f"{name} AMR (Å)"), "")
        for measure, name in (("AMR-R", "recall"), ("AMR-P", "precision"))
    ]
    measures = [m for m in bins[Source.MODEL.value][next(iter(counts))] if m.startswith("AMR")]
    coverages = [m for m in bins[Source.MODEL.value][next(iter(counts))] if m.startswith("COV")][:2]
    rows = []
    for name, n in counts.items():
        rows.append([f"{bin_label(name)} rotatable bonds, {counted(n, 'molecule')}"])
        for source, by_bin in bins.items():
            figures = [with_interval(by_bin[name][m], digits=2) for m in measures]
            figures += [with_interval(by_bin[name][m], digits=0, percent=True) for m in coverages]
            rows.append([STROKES[source].label, *figures])
    head = ["", *(f"{m} (Å)" for m in measures), *(f"{m} Å" for m in coverages)]
    return section("By flexibility", f'<div class="pair">{"".join(charts)}</div>', table(head, rows))


def _quality(report: Mapping[str, Any]) -> Markup | str:
    quality = report["quality"]
    if not quality:
        return ""
    rows = []
    for name, label, digits, percent, median in _QUALITY:
        n = quality[Source.MODEL.value][name]["n"]
        if any(by[name]["n"] for by in quality.values()):
            cells = [with_interval(by[name], digits=digits, percent=percent, median=median) for by in quality.values()]
            rows.append([label, *cells, n])
    head = ["", *(STROKES[source].label for source in quality), "n"]
    ground = "the references or from ETKDG" if len(quality) > 1 else "the references"
    note = (
        f"Strain: MMFF94s energy of the conformer as returned, less that of the lowest minimum reached from {ground}; "
        "median over conformers, then over molecules. Clashes and bonds: share of conformers outside RDKit's distance "
        f"bounds by more than {CLASH_TOLERANCE:.0%} and {BOND_TOLERANCE:.0%}. Rings: the furthest aromatic atom from "
        f"the plane of its ring; bent means more than {FLATNESS_TOLERANCE:g} Å. n: molecules with a value."
    )
    return section("Strain, clashes and rings", table(head, rows), note=note)


def _stereo(report: Mapping[str, Any]) -> Markup:
    stereo, attempts = report["stereo"], report["attempts"]
    if not stereo["conformers_with_specified_stereo"]:
        return section("Stereochemistry", "<p>No molecule specifies any.</p>")
    rows = [
        ["conformers with the stereochemistry asked for", number(stereo["kept"], digits=1, percent=True)],
        ["tetrahedral centres right", number(stereo["centres_kept"], digits=1, percent=True)],
        ["double bonds right", number(stereo["double_bonds_kept"], digits=1, percent=True)],
    ]
    if attempts:
        first = attempts.get("1", 0) / sum(attempts.values())
        rows.append(["rows of the table settled by the first sample", number(first, digits=1, percent=True)])
    caption = f"Of {counted(stereo['conformers_with_specified_stereo'], 'conformer')} whose molecule specifies some."
    return section("Stereochemistry", table(["", "share"], rows, caption=caption))


def _posebusters(report: Mapping[str, Any]) -> Markup:
    busted = report["posebusters"]
    if busted is None:
        return section("PoseBusters", "<p>Not run.</p>")
    names = sorted(busted["by_check"], key=lambda name: (busted["by_check"][name], name))
    rows = [
        [
            name.replace("_", " "),
            number(busted["by_check"][name], digits=1, percent=True),
            busted["checked"][name],
            bar(busted["by_check"][name]),
        ]
        for name in names
    ]
    passed = number(busted["pass_rate"], digits=1, percent=True)
    lead = f"<p>{text(passed)} of {counted(busted['n'], 'conformer')} pass every check that applies to them.</p>"
    note = f"PoseBusters {busted['version']}, configuration mol, and regen without its RMSD where stereo is specified."
    return section("PoseBusters", lead, table(["check", "passes", "of", ""], rows), note=note)


def _speed(report: Mapping[str, Any]) -> Markup | str:
    rate = report["conformers_per_second"]
    if not rate:
        return ""
    steps = (report["generation"] or {}).get("steps")
    words = f"{rate:.2f} conformers per second in the model" + (f", {counted(steps, 'step')} each" if steps else "")
    return section("Speed", f"<p>{text(words)}.</p>")


def _examples(best: Sequence[Overlay], worst: Sequence[Overlay]) -> Markup | str:
    if not best:
        return ""
    parts = []
    for title, first, chosen in (("Best", 0, best), ("Worst", len(best), worst)):
        cards = [_card(overlay, first + i) for i, overlay in enumerate(chosen)]
        parts.append(f'<h3>{title}</h3><div class="grid">{"".join(cards)}</div>' if cards else "")
    legend = (
        f'<p class="note"><span class="key" style="background:{REFERENCE_COLOUR}"></span>nearest reference; the '
        "generated conformer in the colours of its elements. Heavy atoms, superposed; drag to turn. Ranked by "
        "precision AMR; the conformer is the one of median distance.</p>"
    )
    return section("Best and worst molecules", legend, *parts)


def _card(overlay: Overlay, index: int) -> str:
    r = overlay.result
    score = r.scores[Source.MODEL]
    measured = f"AMR-P {score.amr_precision:.2f} Å, AMR-R {score.amr_recall:.2f} Å"
    counts = f"shown {overlay.rmsd:.2f} Å apart; {counted(r.rotatable_bonds, 'rotatable bond')}, "
    counts += f"{r.n_generated} generated, {counted(r.n_references, 'reference')}"
    return card(
        index,
        r.name or r.smiles,
        f'<span class="mono soft">{text(r.smiles)}</span>',
        text(measured),
        f'<span class="soft">{text(counts)}</span>',
        label=f"{r.name or r.smiles}: conformer and nearest reference",
    )


def _failures(report: Mapping[str, Any]) -> Markup:
    missing = report["missing"]
    parts = []
    if report["duplicates"]:
        parts.append(f"<p>{counted(report['duplicates'], 'conformer')} left out as repeats of another one.</p>")
    if report["without_reference"]:
        names = ", ".join(report["without_reference"][:_MOST_FAILURES])
        n = counted(report["molecules_without_reference"], "molecule")
        parts.append(f'<p>{n} without a reference: <span class="mono">{text(names)}</span></p>')
    if missing:
        rows = [
            [m["name"], Markup(f'<span class="mono">{text(m["given"])}</span>'), m["count"], m["reason"]]
            for m in missing[:_MOST_FAILURES]
        ]
        parts.append(table(["name", "SMILES", "conformers", "reason"], rows, words=True))
        if len(missing) > _MOST_FAILURES:
            parts.append(f"<p>{len(missing) - _MOST_FAILURES} more are in report.json.</p>")
    return section("Failures", *(parts or ["<p>None: every conformer asked for was made.</p>"]))
