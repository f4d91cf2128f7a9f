import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from applications.cli import app
from applications.molecular.chemistry import MoleculeRefused, parse_smiles
from applications.molecular.dataset import ConformerRecord, ConformerStore, Split, assign_split
from applications.molecular.ensembles import EnsembleOptions
from applications.molecular.prepare import PrepareError, prepare
from applications.molecular.sources import SourceMolecule, nci_molecules
from applications.molecular.splits import (
    AbstractSplitRule,
    RandomSplit,
    ScaffoldSplit,
    SplitError,
    divide,
    read_split_file,
    scaffold,
)


def record(smiles: str, source_id: str = "") -> ConformerRecord:
    nothing = np.zeros((0, 0, 3), dtype=np.float32)
    return ConformerRecord(parse_smiles(smiles).smiles, np.zeros(0, dtype=np.uint8), nothing, np.zeros(0), source_id)


@pytest.fixture(scope="module")
def nci() -> list[ConformerRecord]:
    found = []
    for molecule in nci_molecules()[:400]:
        try:
            found.append(record(molecule.smiles, molecule.source_id))
        except MoleculeRefused:
            continue
    return found


def shared_scaffolds(records: list[ConformerRecord], rule: AbstractSplitRule) -> set[str]:
    """Scaffolds that occur in more than one split."""
    where: dict[str, set[str]] = {}
    for name, rows in divide(records, rule).items():
        for row in rows:
            where.setdefault(scaffold(records[row].smiles), set()).add(name)
    return {found for found, names in where.items() if found and len(names) > 1}


def test_a_scaffold_is_in_one_split_only_and_the_random_split_is_not_like_that(nci: list[ConformerRecord]) -> None:
    assert shared_scaffolds(nci, ScaffoldSplit()) == set()
    assert "c1ccccc1" in shared_scaffolds(nci, RandomSplit())
    rows = divide(nci, ScaffoldSplit())
    assert sorted(row for part in rows.values() for row in part) == list(range(len(nci)))
    assert len(rows["train"]) > 0.7 * len(nci)
    assert min(map(len, rows.values())) > 0
    acyclic = [row for row, item in enumerate(nci) if not scaffold(item.smiles)]
    assert len({name for name, part in rows.items() if set(part) & set(acyclic)}) > 1


def test_scaffolds_ignore_side_chains_and_stereochemistry() -> None:
    assert scaffold("CCOc1ccc(CC)cc1") == scaffold("Nc1ccccc1") == "c1ccccc1"
    assert scaffold("C[C@H]1CC[C@@H](O)CC1") == scaffold("C[C@H]1CC[C@H](O)CC1") == "C1CCCCC1"
    assert scaffold("CCCO") == ""
    for one, other in (("C[C@H](N)CC", "C[C@@H](N)CC"), ("C[C@H]1CC[C@@H](O)CC1", "C[C@H]1CC[C@H](O)CC1")):
        assert parse_smiles(one).smiles != parse_smiles(other).smiles
        assert ScaffoldSplit().assign(record(one)) is ScaffoldSplit().assign(record(other))


def test_the_random_split_is_that_of_assign_split(nci: list[ConformerRecord]) -> None:
    for name, rows in divide(nci, RandomSplit()).items():
        assert all(assign_split(nci[row].smiles) == name for row in rows)
    assert RandomSplit().stamp() == ""


@pytest.mark.parametrize(
    "content",
    ["# ids\ntrain\ta\n\nval\tOCC\ntest\tc 1\n", json.dumps({"train": ["a"], "validation": ["OCC"], "test": ["c 1"]})],
)
def test_a_file_names_molecules_by_identifier_or_smiles(content: str, tmp_path: Path) -> None:
    path = tmp_path / "split"
    path.write_text(content)
    rule = read_split_file(path)
    records = [record("CCCO", "a"), record("CCO", "b"), record("CCCC", "c 1"), record("CCCN", "d")]
    assert divide(records, rule) == {"train": [0], "validation": [1], "test": [2]}
    assert rule.assign(records[3]) is None
    with pytest.raises(SplitError, match="names none of the 1 molecules"):
        divide(records[3:], rule)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "names nothing"),
        ("train a", "line 1.*expected lines of"),
        ("holdout\ta", "expected one of train"),
        ("train\ta\ntest\ta", "'a' is in train and in test"),
        ("{", "no valid JSON"),
        ('{"train": 3}', "expected JSON such as"),
    ],
)
def test_files_that_cannot_be_used_say_why(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "split"
    path.write_text(content)
    with pytest.raises(SplitError, match=message):
        read_split_file(path)
    with pytest.raises(SplitError, match="cannot read"):
        read_split_file(tmp_path / "missing")


def test_one_molecule_under_two_spellings_cannot_be_in_two_splits(tmp_path: Path) -> None:
    (tmp_path / "split").write_text("train\tCCO\ntest\tOCC\n")
    with pytest.raises(SplitError, match="is in train and in test"):
        read_split_file(tmp_path / "split").assign(record("CCO", "x"))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["molecules", "prepare", *map(str, arguments)])


def test_prepare_stores_the_split_and_says_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCCCO a\nCCCCN b\nCCCCF c\n")
    (tmp_path / "split.tsv").write_text("train\ta\ntest\tb\ntest\tnobody\n")
    data = tmp_path / "data"
    line = ("--source", tmp_path / "in.smi", "-o", data, "--max-confs", "1", "--split")
    done = run(*line, f"file:{tmp_path / 'split.tsv'}")
    assert done.exit_code == 0, done.output
    assert "1 train, 0 validation, 1 test" in done.output
    assert "1 in no split" in done.output
    store = ConformerStore.open(data)
    assert store.splits == {"train": [0], "validation": [], "test": [1]}
    assert store.meta["split"]["rule"] == "file"
    assert (store.meta["split"]["named"], store.meta["split"]["unassigned"]) == (3, 1)
    assert run(*line, f"file:{tmp_path / 'split.tsv'}").exit_code == 0
    for other in ("random", "scaffold"):
        assert "other options" in run(*line, other).output
    (tmp_path / "split.tsv").write_text("train\ta\ntest\tc\n")
    assert "other options" in run(*line, f"file:{tmp_path / 'split.tsv'}").output
    for wrong in ("nonsense", "file:", "scaffold:x"):
        assert "expected random, scaffold or file:PATH" in run(*line, wrong).output


def test_another_split_uses_the_conformers_of_an_interrupted_run(tmp_path: Path) -> None:
    source = [SourceMolecule(smiles, smiles) for smiles in ("CCCCO", "CCCCN")]
    options = EnsembleOptions(n_conformers=1)
    (tmp_path / "split").write_text("train\tnobody\n")
    rule = read_split_file(tmp_path / "split")
    with pytest.raises(SplitError, match="names none"):
        prepare(source, tmp_path / "set", options=options, split=rule)
    steps: list[int] = []
    store, _ = prepare(
        source, tmp_path / "set", options=options, split=ScaffoldSplit(), advance=lambda done, _: steps.append(done)
    )
    assert steps == [2], "made again"
    assert {Split(name) for name in store.splits} == set(Split)
    with pytest.raises(PrepareError, match="other options"):
        prepare(source, tmp_path / "set", options=options)
