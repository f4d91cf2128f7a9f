"""`quotient proteins prepare`: what is kept, dropped, divided and continued."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain as chain_of
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from applications.cli import app
from applications.molecular.proteins import prepare as module
from applications.molecular.proteins.bundled import bundled_chains, bundled_ensemble
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.prepare import BackbonePrepareError, prepare
from applications.molecular.proteins.sources import open_backbone_source
from applications.molecular.proteins.splits import (
    BlockSplit,
    Entry,
    RandomBackboneSplit,
    open_backbone_split,
    relatives,
)
from applications.molecular.proteins.store import BackboneStore
from applications.molecular.proteins.structure_files import ReadOptions, UnitError
from applications.molecular.sources import SourceError
from applications.molecular.splits import SplitError
from applications.workers import ProcessWorkers
from tests.applications.backbone_material import folder_of_structures, trace, write_lines


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["proteins", "prepare", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def chain(name: str, sequence: str) -> BackboneChain:
    n = len(sequence)
    return BackboneChain(
        name=name,
        positions=np.zeros((1, n, 3), np.float32),
        residue_index=np.arange(n),
        sequence=sequence,
    )


def entries(*given_chains: BackboneChain) -> list[Entry]:
    return [Entry(c, "") for c in given_chains]


def test_the_bundled_chains_make_a_data_set(tmp_path: Path) -> None:
    code, out, _ = run("-o", tmp_path / "a")
    assert (code, out.splitlines()[1]) == (0, "  40 train, 5 validation, 5 test")
    store = BackboneStore.open(tmp_path / "a")
    assert store.names == [c.name for c in bundled_chains()]
    assert sorted(chain_of.from_iterable(store.splits.values())) == [*range(50)]
    again = run("-o", tmp_path / "a")
    assert again[:2] == (code, out)
    assert "another source" in run("-o", tmp_path / "a", "--seed", "1")[2]


def test_the_ensemble_is_divided_into_blocks(tmp_path: Path) -> None:
    code, out, _ = run("-o", tmp_path / "a", "--source", "ubiquitin")
    assert (code, out.splitlines()[0].split(": ")[1]) == (0, "3 entries, 116 models")
    store = BackboneStore.open(tmp_path / "a")
    assert store.names == ["2k39A:train", "2k39A:validation", "2k39A:test"]
    assert [c.n_models for c in store] == [92, 12, 12]
    assert store.splits == {"train": [0], "validation": [1], "test": [2]}
    np.testing.assert_array_equal(np.concatenate([c.positions for c in store]), bundled_ensemble().positions)


def test_a_folder_is_read_and_everything_left_out_is_told(tmp_path: Path) -> None:
    folder = folder_of_structures(tmp_path / "in", 6)
    (folder / "bad.cif").write_text("data_x\nloop_\n_atom_site.id\n1 2")
    write_lines(folder / "short.pdb", trace(10))
    write_lines(folder / "hetero.pdb", trace(30, record="HETATM"))
    (folder / "more").mkdir()
    write_lines(folder / "more" / "1ahsA.pdb.gz", trace(30))
    (folder / "readme.txt").write_text("no structure")
    code, out, _ = run("-o", tmp_path / "a", "--source", folder)
    assert code == 0
    assert out.splitlines()[0].endswith("6 entries, 6 models")
    assert {line.strip() for line in out.splitlines()[2:]} == {
        "1 dropped: files that cannot be read",
        "1 dropped: only HETATM records: ligands, no polymer",
        "1 dropped: fewer residues than the lower limit",
        "1 dropped: a name that an earlier chain has",
    }
    with (tmp_path / "a" / "dropped.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [Path(row["name"]).name for row in rows] == ["bad.cif", "hetero", "1ahsA", "short"]
    assert not (tmp_path / "a" / "parts").exists()
    assert BackboneStore.open(tmp_path / "a").meta["report"]["n_items"] == 10


def test_the_result_does_not_depend_on_the_workers(tmp_path: Path) -> None:
    items = open_backbone_source([str(folder_of_structures(tmp_path / "in", 4))]).items
    here, report = prepare(items, tmp_path / "a", split=RandomBackboneSplit())
    with ProcessWorkers(1) as workers:
        there, same_report = prepare(items, tmp_path / "b", split=RandomBackboneSplit(), workers=workers)
    assert here.fingerprint == there.fingerprint
    assert report == same_report


def test_an_interrupted_run_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHARD_SIZE", 2)
    items = open_backbone_source([str(folder_of_structures(tmp_path / "in", 5))]).items
    whole, _ = prepare(items, tmp_path / "whole", split=RandomBackboneSplit())
    seen: list[int] = []

    def stop(done: int, total: int) -> None:
        seen.append(done)
        if done == total - 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(items, tmp_path / "a", split=RandomBackboneSplit(), advance=stop)
    assert not (tmp_path / "a" / "meta.json").exists()
    with pytest.raises(BackbonePrepareError, match="beginning of another"):
        prepare(items[:4], tmp_path / "a", split=RandomBackboneSplit())
    seen.clear()
    store, _ = prepare(items, tmp_path / "a", split=RandomBackboneSplit(), advance=lambda d, t: seen.append(d))
    assert seen == [3, 4, 5]
    assert store.fingerprint == whole.fingerprint


def test_nothing_left_and_units_are_errors_of_one_line(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "short.pdb", trace(10))
    code, _, err = run("-o", tmp_path / "a", "--source", path)
    assert code == 1
    assert "nothing is left of 1 file(s): short" in err
    nm = write_lines(tmp_path / "nm.pdb", trace(30, scale=0.1))
    code, _, err = run("-o", tmp_path / "b", "--source", nm)
    assert code == 1
    assert "--unit nm" in err
    items = open_backbone_source([str(nm)]).items
    with pytest.raises(UnitError):
        prepare(items, tmp_path / "c", split=BlockSplit(), options=ReadOptions())
    code, _, err = run("-o", tmp_path / "b", "--source", nm, "--unit", "nm", "--split", "blocks")
    assert code == 1
    assert "at least three to divide into blocks" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "nowhere"], "is no file"),
        (["--source", "trajectory:x.dcd"], "--topology"),
        (["--topology", "x.pdb"], ""),
        (["--split", "folds"], "expected random, blocks or file:PATH"),
        (["--split", "file:none.txt"], "cannot read the split file"),
        (["--min-residues", "50", "--max-residues", "40"], "lower <= upper"),
        (["--split", "blocks"], "at least three"),
        (["--source", "ubiquitin", "--split", "random"], "--split blocks"),
    ],
)
def test_wrong_arguments_are_errors_of_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    code, _, err = run("-o", tmp_path / "a", *arguments)
    if message:
        assert code == 1
        assert message in err
    assert len([line for line in err.splitlines() if line.startswith("error: ")]) == code


def test_a_folder_without_structures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(SourceError, match="holds no structure file"):
        open_backbone_source([str(tmp_path / "in")])
    with pytest.raises(SourceError, match="--source trajectory"):
        open_backbone_source([str(tmp_path / "in")], topology=tmp_path / "x.pdb")


def test_a_file_names_the_splits(tmp_path: Path) -> None:
    names = [c.name for c in bundled_chains()]
    (tmp_path / "s.json").write_text(json.dumps({"train": names[:3], "val": names[3:4], "test": names[4:5]}))
    code, out, _ = run("-o", tmp_path / "a", "--split", f"file:{tmp_path / 's.json'}")
    assert code == 0
    assert "3 train, 1 validation, 1 test" in out
    assert "45 in no split" in out
    (tmp_path / "t.txt").write_text("train\tother\n")
    assert "such as '1ahsA'" in run("-o", tmp_path / "b", "--split", f"file:{tmp_path / 't.txt'}")[2]


def test_relatives_are_found_through_others() -> None:
    given_entries = entries(
        chain("1abcA", "AAAA"), chain("1ABC_B", "CCCC"), chain("x", "CCCC"), chain("y", "XX"), chain("z", "XX")
    )
    assert relatives(given_entries) == [[0, 1, 2], [3], [4]]
    files = [replace(entry, origin=origin) for entry, origin in zip(given_entries, "abccc", strict=True)]
    assert len(relatives(files)) == 3
    assert len(relatives([replace(entry, origin="/c") for entry in files])) == 1


@given(st.lists(st.sampled_from(["ACD", "ACE", "ACF", "ACG", "ACH", "ACI"]), max_size=30), st.integers(0, 9))
def test_random_splits_keep_equal_sequences_together(sequences: Iterable[str], seed: int) -> None:
    given_entries = entries(*(chain(f"chain {i}", s) for i, s in enumerate(sequences)))
    if len({e.chain.sequence for e in given_entries}) < 3:
        with pytest.raises(SplitError, match="at least three"):
            RandomBackboneSplit(seed).divide(given_entries)
        return
    rows = RandomBackboneSplit(seed).divide(given_entries).rows
    assert sorted(chain_of.from_iterable(rows.values())) == [*range(len(given_entries))]
    assert all(rows.values())
    kept = [{given_entries[row].chain.sequence for row in part} for part in rows.values()]
    assert sum(map(len, kept)) == len(set().union(*kept))


@given(st.integers(3, 300))
def test_blocks_are_consecutive_and_whole(k: int) -> None:
    source = replace(chain("e", "AC"), positions=np.arange(k * 6, dtype=np.float32).reshape(k, 2, 3))
    division = BlockSplit().divide(entries(source))
    np.testing.assert_array_equal(np.concatenate([e.chain.positions for e in division.entries]), source.positions)
    assert all(e.chain.n_models >= max(1, round(k / 10)) for e in division.entries)


def test_seeds_change_a_random_split() -> None:
    given_entries = entries(*bundled_chains())
    first, second = (open_backbone_split(None, seed=seed, is_ensemble=False).divide(given_entries) for seed in (0, 1))
    assert first.rows != second.rows
    assert first.rows == RandomBackboneSplit(0).divide(given_entries).rows
