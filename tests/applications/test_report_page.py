"""The page of an evaluation: whole, escaped, and in need of nothing but itself."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from applications.molecular.chemistry import parse_smiles
from applications.molecular.dataset import ConformerRecord, ConformerStore, write_dataset
from applications.molecular.ensembles import EnsembleOptions, reference_ensemble
from applications.molecular.evaluate import EvaluationOptions, MoleculeResult, Source, evaluate
from applications.molecular.metrics import Failures
from applications.molecular.overlays import REFERENCE_COLOUR, best_and_worst
from applications.molecular.page_parts import Markup, number, table, text, with_interval
from applications.molecular.posebusters import PoseBustersReport
from applications.molecular.readback import GeneratedSet, Missing
from applications.molecular.report import build_report
from applications.molecular.report_page import write_report_page
from applications.molecular.viewing import filled_template

SMILES = ["CCCCCCO", "c1ccccc1O", "C[C@H](N)C(=O)O", "F/C=C/CCC"]
NASTY = "</script><img src=x onerror=alert(1)>"
VOID = {"meta", "img", "br", "link", "input", "hr"}


class Reader(HTMLParser):
    """Collects identifiers, references and words, and checks that elements are closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.references: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.references += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action", "data", "srcset")
        ]
        for _, value in attrs:
            self.references += re.findall(r"url\(([^)]*)\)", value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ConformerStore:
    records = []
    for i, smiles in enumerate(SMILES):
        e = reference_ensemble(smiles, EnsembleOptions(n_conformers=3))
        name = NASTY if i == 0 else f"molecule {i}"
        records.append(ConformerRecord(e.smiles, e.atomic_numbers, e.positions, e.energies, name))
    return write_dataset(tmp_path_factory.mktemp("refs"), records, meta={"method": "ETKDGv3 + MMFF94s"})


@pytest.fixture(scope="module")
def generated(store: ConformerStore) -> GeneratedSet:
    """Conformers ever further from the references, the last molecule without any."""
    rng = np.random.default_rng(0)
    positions = {}
    for i, record in enumerate(store):
        frames = record.positions.astype(np.float64)
        positions[record.smiles] = frames + 0.1 * i * rng.normal(size=frames.shape)
    positions[store.smiles(3)] = np.empty((0, 0, 3))
    return GeneratedSet(
        positions=positions,
        requested=dict.fromkeys(positions, 3),
        account={
            "conformers_per_second": 2.5,
            "config": {"steps": 50},
            "weights_sha256": "abc123",
            "model": "some model",
        },
        attempts={1: 9, 5: 3},
        missing=[Missing(NASTY, "CC.O", "several fragments & more", 3)],
        duplicates=2,
    )


@pytest.fixture(scope="module")
def results(store: ConformerStore, generated: GeneratedSet) -> list[MoleculeResult]:
    return evaluate(generated, store, split=None, options=EvaluationOptions())[0]


def report_of(store: ConformerStore, generated: GeneratedSet, results: list[MoleculeResult]) -> dict[str, Any]:
    checks = {"bond_angles": 0.75, "sanitization": 1.0}
    return build_report(
        results,
        options=EvaluationOptions(),
        failures=Failures.ZERO,
        without_reference=["CCO"],
        posebusters=PoseBustersReport(
            n=4, pass_rate=0.75, by_check=checks, checked=dict.fromkeys(checks, 4), version="0.6.5"
        ),
        generated=generated,
        reference_meta=store.meta,
        provenance={"command": "quotient molecules evaluate x.sdf --ref <data>", "generated_sha256": "f" * 64},
    )


@pytest.fixture(scope="module")
def page(
    store: ConformerStore,
    generated: GeneratedSet,
    results: list[MoleculeResult],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    best, worst = best_and_worst(results, generated, store, split=None, each=2)
    path = tmp_path_factory.mktemp("page") / "report.html"
    return write_report_page(path, report_of(store, generated, results), best=best, worst=worst)


def reaches_out(path: Path) -> list[str]:
    """What a page would fetch, or could: every reference but those into the page, and every means to make one."""
    reader, source = read(path), path.read_text(encoding="utf-8")
    fetching = {"link", "img", "iframe", "object", "embed", "base", "form", "a"} & set(reader.tags)
    words = re.findall(r"://|@import|\b(?:fetch|XMLHttpRequest|WebSocket|importScripts|sendBeacon)\b", source)
    return [*fetching, *words, *(reference for reference in reader.references if not reference.startswith("#"))]


def test_the_page_refers_to_nothing_outside_itself(page: Path) -> None:
    assert reaches_out(page) == []
    assert "default-src 'none'" in page.read_text(encoding="utf-8")
    reader = read(page)
    assert reader.references, "charts use clip paths and marks"
    assert {reference[1:] for reference in reader.references} <= set(reader.ids)
    assert len(reader.ids) == len(set(reader.ids))


@pytest.mark.parametrize(
    "spoilt",
    [
        '<img src="logo.png">',
        '<script src="https://cdn.example/3d.js"></script>',
        "<style>@import 'x.css'</style>",
        '<p style="background: url(x.png)"></p>',
        "<script>fetch('x')</script>",
    ],
)
def test_what_reaches_out_would_be_found(page: Path, spoilt: str, tmp_path: Path) -> None:
    path = tmp_path / "spoilt.html"
    path.write_text(page.read_text(encoding="utf-8").replace("</main>", f"{spoilt}</main>"), encoding="utf-8")
    assert reaches_out(path)


def test_what_comes_in_is_escaped(page: Path) -> None:
    source = page.read_text(encoding="utf-8")
    assert "<img" not in source
    assert source.count("</script>") == 2
    assert NASTY in "".join(read(page).words)
    assert "several fragments & more" in "".join(read(page).words)


def test_every_part_of_the_report_is_there(page: Path) -> None:
    words = "".join(read(page).words)
    for part in (
        "Recall AMR", "Precision AMR", "COV-R at 0.5 Å", "Coverage against the threshold", "By flexibility",
        "Strain, clashes and rings", "Stereochemistry", "PoseBusters 0.6.5", "bond angles", "75.0",
        "2.50 conformers per second", "50 steps each", "Best and worst molecules", "2 conformers left out as repeats",
        "1 molecule without a reference", "CCO", "quotient molecules evaluate x.sdf --ref <data>", "f" * 64, "abc123",
        "1 molecule without any conformer: they count as coverage zero", "ETKDG + MMFF", "GetBestRMS",
    ):  # fmt: skip
        assert part in words, part
    assert read(page).tags.count("svg") == 4


def test_figures_on_the_page_are_those_of_the_report(
    page: Path, store: ConformerStore, generated: GeneratedSet, results: list[MoleculeResult]
) -> None:
    source = page.read_text(encoding="utf-8")
    report = report_of(store, generated, results)
    for by in report["scores"].values():
        assert with_interval(by["AMR-P"], digits=3) in source
        assert with_interval(by["COV-R@0.5"], digits=1, percent=True) in source
    assert with_interval(report["quality"]["model"]["strain"], digits=1, median=True) in source


def test_overlays_show_the_typical_conformer_on_its_nearest_reference(
    store: ConformerStore, generated: GeneratedSet, results: list[MoleculeResult]
) -> None:
    best, worst = best_and_worst(results, generated, store, split=None, each=2)
    assert [o.result.smiles for o in best] == [store.smiles(0), store.smiles(1)]
    assert [o.result.smiles for o in worst] == [store.smiles(2)], "nobody twice, and nobody without conformers"
    for overlay in (*best, *worst):
        n = parse_smiles(overlay.result.smiles).n_heavy
        (frame,) = np.array(overlay.picture["frames"])
        assert len(frame) == len(overlay.picture["atoms"]) == 2 * n
        colours = [atom["colour"] for atom in overlay.picture["atoms"]]
        assert set(colours[:n]) == {REFERENCE_COLOUR}
        assert REFERENCE_COLOUR not in colours[n:]
        nearest = overlay.result.scores[Source.MODEL].nearest_reference
        assert overlay.rmsd == pytest.approx(sorted(nearest)[(len(nearest) - 1) // 2], abs=1e-4)
        # neither molecule has an automorphism of its heavy atoms that matters here but the ring of phenol
        if overlay.result.smiles != store.smiles(1):
            apart = np.sqrt(((frame[:n] - frame[n:]) ** 2).sum(axis=-1).mean())
            assert apart == pytest.approx(overlay.rmsd, abs=2e-3)
    (pair,) = best_and_worst(results[:1], generated, store, split=None)[0]
    assert pair.rmsd < 1e-3


def test_a_report_with_little_in_it_still_makes_a_page(
    store: ConformerStore, generated: GeneratedSet, tmp_path: Path
) -> None:
    only = {store.smiles(0): generated.positions[store.smiles(0)]}
    bare = GeneratedSet(positions=only, requested=dict.fromkeys(only, 3), account={})
    options = EvaluationOptions(baselines=False, thresholds=(1.0,))
    results, _ = evaluate(bare, store, split=None, options=options)
    report = build_report(
        [replace(result, quality={}) for result in results],
        options=options,
        failures=Failures.SKIP,
        without_reference=[],
        posebusters=None,
        generated=bare,
        reference_meta={},
    )
    reader = read(write_report_page(tmp_path / "report.html", json.loads(json.dumps(report))))
    words = "".join(reader.words)
    assert "Not run." in words
    assert "None: every conformer asked for was made." in words
    assert "Conformers of 1 molecule against" in words
    assert "canvas" not in reader.tags


def test_pieces() -> None:
    assert (number(None, digits=1), number(float("nan"), digits=1), number(-0.0001, digits=2)) == ("–", "–", "0.00")
    assert text("<b>") == "&lt;b&gt;"
    assert text(Markup("<b>")) == "<b>"
    summary = {"mean": 0.5, "low": 0.4, "high": 0.6, "n": 2, "median": 0.1, "median_low": 0.0, "median_high": 0.2}
    assert with_interval(summary, digits=0, percent=True) == '50\u202f% <span class="range">[40, 60]</span>'
    assert "[0.0, 0.2]" in with_interval(summary, digits=1, median=True)
    assert with_interval({**summary, "n": 1}, digits=1) == "0.5"
    assert 'colspan="2"' in table(["a", "b"], [["group"], ["x", "<"]])
    assert "&lt;</td>" in table(["a", "b"], [["x", "<"]])


def test_templates_are_filled_once() -> None:
    page = filled_template("viewer.html", TITLE="__DATA__", DRAWING="", DATA="[]")
    assert "<title>__DATA__</title>" in page
