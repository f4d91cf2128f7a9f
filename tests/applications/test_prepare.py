import json
from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem

from applications.molecular import prepare as prepare_module
from applications.molecular.dataset import ConformerStore, DatasetError, assign_split
from applications.molecular.ensembles import EnsembleOptions, reference_ensemble
from applications.molecular.prepare import PrepareError, prepare
from applications.molecular.sources import (
    SourceError,
    SourceMolecule,
    nci_molecules,
    parse_smiles_lines,
    read_smiles_file,
)
from applications.molecular.stereo import check_stereo, unspecified
from applications.molecular.structures import mmff_energy, with_conformers
from applications.workers import ProcessWorkers

SMILES = ["CCCO", "CC(F)C(O)C", "CC=CCN", "OCCC", "c1ccccc1O", "CC.O", "xx", "CC", "CB(O)O", "CC(Cl)CC=CC"]
SOURCE = [SourceMolecule(f"m{i}", s) for i, s in enumerate(SMILES)]
OPTIONS = EnsembleOptions(n_conformers=4, seed=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "set"
    prepare(SOURCE, path, options=OPTIONS)
    return path


def test_every_molecule_is_accounted_for(folder: Path) -> None:
    report = ConformerStore.open(folder).meta["report"]
    assert report["n_source"] == len(SMILES)
    assert report["n_duplicates"] == 1
    assert report["dropped"] == {
        "SEVERAL_FRAGMENTS": 1,
        "UNPARSABLE": 1,
        "TOO_FEW_ATOMS": 1,
        "NO_FORCE_FIELD": 1,
    }
    assert report["n_kept"] + report["n_duplicates"] + sum(report["dropped"].values()) == report["n_source"]


def test_records_have_the_order_of_their_smiles_and_full_stereochemistry(folder: Path) -> None:
    store = ConformerStore.open(folder)
    assert len(store) == 5
    for record in store:
        mol = Chem.AddHs(Chem.MolFromSmiles(record.smiles))
        assert [a.GetAtomicNum() for a in mol.GetAtoms()] == list(record.atomic_numbers)
        assert unspecified(Chem.MolFromSmiles(record.smiles)) == []
        placed = with_conformers(mol, record.positions)
        for i in range(len(record.positions)):
            assert check_stereo(placed, conf_id=i).kept
            energy = mmff_energy(placed, conf_id=i)
            assert energy == pytest.approx(record.energies[i], abs=0.01)
        assert np.abs(record.positions.mean(axis=1)).max() < 1e-5


def test_the_result_does_not_depend_on_workers_or_order(folder: Path, tmp_path: Path) -> None:
    other, _ = prepare(SOURCE[::-1], tmp_path / "set", options=OPTIONS, workers=ProcessWorkers(2))
    theirs = {record.smiles: record for record in other}
    for record in ConformerStore.open(folder):
        assert np.array_equal(theirs[record.smiles].positions, record.positions)
        assert np.array_equal(theirs[record.smiles].energies, record.energies)


def test_another_seed_gives_other_conformers() -> None:
    first = reference_ensemble("CCCO", OPTIONS)
    second = reference_ensemble("CCCO", EnsembleOptions(n_conformers=4, seed=4))
    assert not np.allclose(first.positions[0], second.positions[0], atol=1e-2)


def test_an_interrupted_run_continues_and_computes_nothing_twice(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_module, "SHARD_SIZE", 3)
    target = tmp_path / "set"

    class Killed(Exception):
        pass

    def stop(done: int, total: int) -> None:
        assert total == 9
        if done == 4:
            raise Killed

    with pytest.raises(Killed):
        prepare(SOURCE, target, options=OPTIONS, advance=stop)
    with pytest.raises(DatasetError, match="not a finished data set"):
        ConformerStore.open(target)
    done: list[int] = []
    store, _ = prepare(SOURCE, target, options=OPTIONS, advance=lambda d, _: done.append(d))
    assert done[0] == 3, "the finished shard was computed again"
    assert not (target / "parts").exists()
    for ours, theirs in zip(store, ConformerStore.open(folder), strict=True):
        assert ours.smiles == theirs.smiles
        assert np.array_equal(ours.positions, theirs.positions)


def test_a_finished_set_is_returned_and_another_one_is_not_overwritten(folder: Path) -> None:
    before = (folder / "positions.npy").stat().st_mtime_ns
    store, report = prepare(SOURCE, folder, options=OPTIONS)
    assert report.n_kept == len(store)
    assert (folder / "positions.npy").stat().st_mtime_ns == before
    with pytest.raises(PrepareError, match="other options"):
        prepare(SOURCE, folder, options=EnsembleOptions(n_conformers=5, seed=3))


def test_splits_are_disjoint_complete_and_keep_stereoisomers_together(folder: Path) -> None:
    splits = ConformerStore.open(folder).splits
    rows = [row for name in ("train", "validation", "test") for row in splits[name]]
    assert sorted(rows) == list(range(5))
    names = [assign_split(m.smiles) for m in nci_molecules()[:400] if Chem.MolFromSmiles(m.smiles)]
    # 400 draws of probability 0.05 each: five standard deviations are 22.
    assert abs(names.count("test") - 20) < 22
    assert names.count("train") > 320
    for smiles in ("C[C@H](N)C(=O)O", "F/C=C/C"):
        mirrored = smiles.replace("@", "@@").replace("/C=C/", "/C=C\\")
        assert assign_split(smiles) == assign_split(mirrored)


def test_a_damaged_folder_is_refused_with_a_remedy(folder: Path, tmp_path: Path) -> None:
    for name in (
        "meta.json",
        "splits.json",
        "index.parquet",
        "energies.npy",
        "atomic_numbers.npy",
        "positions.npy",
    ):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    ConformerStore.open(tmp_path)
    (tmp_path / "positions.npy").write_bytes(b"damaged")
    with pytest.raises(DatasetError, match="prepare the data again"):
        ConformerStore.open(tmp_path)
    meta = json.loads((tmp_path / "meta.json").read_text())
    (tmp_path / "meta.json").write_text(json.dumps({**meta, "format_version": 99}))
    with pytest.raises(DatasetError, match="format version 99"):
        ConformerStore.open(tmp_path)


def test_sources(tmp_path: Path) -> None:
    assert len(nci_molecules()) == 4999
    found = parse_smiles_lines(["CCO ethanol", "", "# note", "CC\tethane gas", "N,ammonia", "C"])
    assert [(m.smiles, m.source_id) for m in found] == [
        ("CCO", "ethanol"),
        ("CC", "ethane gas"),
        ("N", "ammonia"),
        ("C", "line 6"),
    ]
    empty = tmp_path / "empty.smi"
    empty.write_text("\n# nothing\n")
    with pytest.raises(SourceError, match="holds no SMILES"):
        read_smiles_file(empty)
    with pytest.raises(SourceError, match="cannot read"):
        read_smiles_file(tmp_path / "missing.smi")
    (tmp_path / "binary.smi").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SourceError, match="cannot read"):
        read_smiles_file(tmp_path / "binary.smi")


def test_cages_get_a_stereoisomer_that_can_exist() -> None:
    camphor = reference_ensemble("CC1(C)C2CCC1(C)C(=O)C2", OPTIONS)
    assert unspecified(Chem.MolFromSmiles(camphor.smiles)) == []
    assert len(camphor.energies) == 4
