import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from applications.molecular.chemistry import parse_smiles
from applications.molecular.dataset import ConformerRecord, ConformerStore, write_dataset
from applications.molecular.ensembles import EnsembleOptions, reference_ensemble
from applications.molecular.evaluate import (
    EvaluationError,
    EvaluationOptions,
    Source,
    baseline_conformers,
    evaluate,
)
from applications.molecular.geometry_checks import GeometryChecker
from applications.molecular.metrics import Failures
from applications.molecular.readback import GeneratedSet, ReadbackError, read_generated
from applications.molecular.report import build_report, format_table, write_report
from applications.molecular.structures import with_conformers

SMILES = ["CCCCO", "C[C@H](N)C(=O)O", "F/C=C/CCC"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ConformerStore:
    records = []
    for i, smiles in enumerate(SMILES):
        e = reference_ensemble(smiles, EnsembleOptions(n_conformers=6))
        records.append(ConformerRecord(e.smiles, e.atomic_numbers, e.positions, e.energies, f"m{i}"))
    return write_dataset(tmp_path_factory.mktemp("refs"), records, meta={"method": "test"})


def _generated(store: ConformerStore, *, mirror: bool = False) -> GeneratedSet:
    sign = -1.0 if mirror else 1.0
    positions = {r.smiles: sign * r.positions.astype(np.float64) for r in store}
    return GeneratedSet(positions=positions, requested={s: len(p) for s, p in positions.items()}, account={})


def test_the_references_themselves_score_perfectly(store: ConformerStore) -> None:
    results, missing = evaluate(_generated(store), store, split=None, options=EvaluationOptions(baselines=False))
    assert missing == []
    for result in results:
        model = result.scores[Source.MODEL]
        assert (model.coverage_recall[0.5], model.coverage_precision[0.5]) == (1.0, 1.0)
        assert model.amr_recall < 1e-4
        assert all(report.kept for report in result.stereo)
        assert result.geometry_ok == result.n_generated


def test_mirror_images_lose_stereo_where_there_is_any_and_nothing_else(store: ConformerStore) -> None:
    results, _ = evaluate(_generated(store, mirror=True), store, split=None, options=EvaluationOptions(baselines=False))
    by_smiles = {r.smiles: r for r in results}
    chiral = by_smiles[parse_smiles(SMILES[1]).smiles]
    assert not any(report.kept for report in chiral.stereo)
    assert chiral.scores[Source.MODEL].amr_precision > 0.3
    assert all(r.kept for s, result in by_smiles.items() if s != chiral.smiles for r in result.stereo)


def test_failures_baselines_and_workers(store: ConformerStore) -> None:
    generated = _generated(store)
    first = next(iter(generated.positions))
    generated.positions[first] = np.empty((0, 0, 3))
    options = EvaluationOptions()
    results, _ = evaluate(generated, store, split=None, options=options)
    parallel, _ = evaluate(generated, store, split=None, options=options, workers=2)
    for a, b in zip(results, parallel, strict=True):
        assert a.smiles == b.smiles
        assert a.scores[Source.ETKDG] == b.scores[Source.ETKDG]
        assert str(a.quality) == str(b.quality)
    assert results[0].n_generated == 0
    assert results[0].n_requested == 6
    reports = {
        f: build_report(
            results,
            options=options,
            failures=f,
            without_reference=[],
            posebusters=None,
            generated=generated,
            reference_meta=store.meta,
        )
        for f in Failures
    }
    zero, skip = (reports[f]["scores"]["model"]["COV-R@0.5"] for f in (Failures.ZERO, Failures.SKIP))
    assert zero["mean"] == pytest.approx(2 / 3)
    assert skip["mean"] == 1.0
    assert set(reports[Failures.ZERO]["scores"]) == {"model", "etkdg", "etkdg_mmff"}
    assert reports[Failures.ZERO]["molecules_failed"] == 1
    assert "AMR-P" in format_table(reports[Failures.ZERO])


def test_relaxed_baselines_are_less_strained_than_raw_ones_and_than_noise(store: ConformerStore) -> None:
    generated = _generated(store)
    rng = np.random.default_rng(0)
    for smiles, frames in generated.positions.items():
        generated.positions[smiles] = frames + 0.05 * rng.normal(size=frames.shape)
    results, _ = evaluate(generated, store, split=None, options=EvaluationOptions())
    for result in results:
        strain = {source: quality.strain for source, quality in result.quality.items()}
        assert -0.01 <= strain[Source.ETKDG_MMFF] < strain[Source.ETKDG]
        assert strain[Source.MODEL] > 20


def test_the_number_of_conformers_per_reference_is_bounded(store: ConformerStore) -> None:
    options = EvaluationOptions(baselines=False, per_reference=0.5)
    results, _ = evaluate(_generated(store), store, split=None, options=options)
    assert [(r.n_generated, r.n_requested) for r in results] == [(3, 3)] * 3


def test_baselines_never_repeat_the_references(store: ConformerStore) -> None:
    record = store[0]
    _, relaxed = baseline_conformers(record.smiles, n=6, seed=0)
    distances = np.abs(relaxed[:, None] - record.positions[None]).max(axis=(2, 3))
    assert distances.min() > 1e-3


def test_report_files(store: ConformerStore, tmp_path: Path) -> None:
    options = EvaluationOptions(baselines=False)
    results, _ = evaluate(_generated(store), store, split=None, options=options)
    report = build_report(
        results,
        options=options,
        failures=Failures.ZERO,
        without_reference=["CCO"],
        posebusters=None,
        generated=replace(_generated(store), account={"conformers_per_second": 3.0}, attempts={1: 5, 3: 1}),
        reference_meta=store.meta,
    )
    paths = write_report(tmp_path, report, results)
    loaded = json.loads(paths[0].read_text())
    assert loaded["conformers_per_second"] == 3.0
    assert loaded["attempts"] == {"1": 5, "3": 1}
    assert loaded["molecules_without_reference"] == 1
    assert "GetBestRMS" in loaded["rmsd"]
    assert loaded["stereo"]["kept"] == 1.0
    rows = list(csv.DictReader(paths[2].read_text().splitlines()))
    assert [row["smiles"] for row in rows] == [r.smiles for r in store]
    assert [row["name"] for row in rows] == ["m0", "m1", "m2"]
    assert float(rows[0]["model COV-R@0.5"]) == 1.0
    # the references are minima: the median of them lies above the lowest, and not by much
    assert all(0 <= float(row["model strain"]) < 10 for row in rows)
    curve = list(csv.DictReader(paths[3].read_text().splitlines()))
    assert [float(row["threshold"]) for row in curve] == [pytest.approx(0.05 * i) for i in range(41)]
    assert [float(curve[i]["COV-P mean"]) for i in (0, 1, 40)] == [0.0, 1.0, 1.0]
    assert loaded["curve"]["model"]["recall"]["mean"][40] == 1.0
    assert loaded["molecules_by_rotatable_bonds"] == {"1-2": 3}
    summary = {(row["source"], row["measure"]): row for row in csv.DictReader(paths[1].read_text().splitlines())}
    assert summary["model", "clashing"]["mean"] == "0.0"


def test_nothing_in_common_and_unknown_splits_are_refused(store: ConformerStore) -> None:
    stranger = GeneratedSet(positions={"CC": np.zeros((1, 8, 3))}, requested={"CC": 1}, account={})
    with pytest.raises(EvaluationError, match="none of the 1 molecules"):
        evaluate(stranger, store, split=None, options=EvaluationOptions())
    with pytest.raises(EvaluationError, match="no split 'nonsense'"):
        evaluate(stranger, store, split="nonsense", options=EvaluationOptions())


def _write_sdf(path: Path, store: ConformerStore, *, shuffle: bool, with_smiles: bool) -> None:
    rng = np.random.default_rng(0)
    with Chem.SDWriter(str(path)) as writer:
        for record in store:
            mol = with_conformers(Chem.AddHs(Chem.MolFromSmiles(record.smiles)), record.positions[:2])
            for i in range(2):
                one = Chem.Mol(mol, confId=i)
                if shuffle:
                    one = Chem.RenumberAtoms(one, [int(k) for k in rng.permutation(one.GetNumAtoms())])
                if with_smiles:
                    one.SetProp("smiles", record.smiles)
                writer.write(one)


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("with_smiles", [False, True])
def test_any_sdf_with_hydrogens_can_be_read(
    store: ConformerStore,
    tmp_path: Path,
    shuffle: bool,  # noqa: FBT001
    with_smiles: bool,  # noqa: FBT001
) -> None:
    path = tmp_path / "some.sdf"
    _write_sdf(path, store, shuffle=shuffle, with_smiles=with_smiles)
    found = read_generated(path)
    results, missing = evaluate(found, store, split=None, options=EvaluationOptions(baselines=False))
    assert missing == []
    for result in results:
        assert result.n_generated == 2
        assert result.scores[Source.MODEL].amr_precision < 1e-3
        assert all(report.kept for report in result.stereo)


def test_bad_files_are_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ReadbackError, match="does not exist"):
        read_generated(tmp_path / "missing.sdf")
    (tmp_path / "empty.sdf").write_text("")
    with pytest.raises(ReadbackError, match="holds no molecule"):
        read_generated(tmp_path / "empty.sdf")
    (tmp_path / "bad.sdf").write_text("nonsense\n$$$$\n")
    with pytest.raises(ReadbackError, match="record 1 cannot be read"):
        read_generated(tmp_path / "bad.sdf")


def test_quick_checks_see_stretched_bonds_and_clashes(store: ConformerStore) -> None:
    record = store[0]
    mol = Chem.AddHs(Chem.MolFromSmiles(record.smiles))
    checker = GeometryChecker(mol)
    sound = record.positions[0].astype(np.float64)
    assert checker.check(with_conformers(mol, sound[None])).ok
    assert checker.check(with_conformers(mol, 1.6 * sound[None])).bad_bonds == mol.GetNumBonds()
    folded = sound.copy()
    folded[4] = folded[0] + [0.3, 0.0, 0.0]
    assert checker.check(with_conformers(mol, folded[None])).clashes >= 1
