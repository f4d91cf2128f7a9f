"""Written files are read back by others: biotite, RDKit, and the columns themselves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from biotite.structure.io.pdb import PDBFile
from biotite.structure.io.pdbx import CIFFile, get_structure
from hypothesis import given
from hypothesis import strategies as st
from rdkit import Chem

from applications.molecular.proteins.bundled import bundled_ensemble
from applications.molecular.proteins.pdb_writer import StructureFormatError, WrittenChain, write_cif, write_pdb
from applications.molecular.proteins.rebuild import rebuild_backbone


def ubiquitin(k: int = 3) -> WrittenChain:
    chain = bundled_ensemble()
    return WrittenChain(
        atoms=rebuild_backbone(chain.positions[:k], chain.residue_index),
        residue_index=chain.residue_index,
        sequence=chain.sequence,
    )


def read_pdb(path: Path) -> Any:
    return PDBFile.read(str(path)).get_structure()


def read_cif(path: Path) -> Any:
    return get_structure(CIFFile.read(str(path)))


def many(n: int, *, k: int = 1) -> WrittenChain:
    return WrittenChain(atoms=np.zeros((k, n, 3)), residue_index=np.arange(1, n + 1), sequence="A" * n)


def test_biotite_and_rdkit_read_the_same_atoms(tmp_path: Path) -> None:
    chain = ubiquitin()
    write_pdb(tmp_path / "x.pdb", [chain, replace(chain, identifier="B")])
    write_cif(tmp_path / "x.cif", [chain, replace(chain, identifier="B")])
    expected = np.concatenate([chain.atoms, chain.atoms], axis=1).reshape(3, -1, 3)
    stack = read_pdb(tmp_path / "x.pdb")
    np.testing.assert_allclose(stack.coord, expected, atol=6e-4)
    other = read_cif(tmp_path / "x.cif")
    np.testing.assert_allclose(other.coord, expected, atol=1e-4)
    for name in ("chain_id", "res_id", "res_name", "atom_name", "element"):
        np.testing.assert_array_equal(stack.get_annotation(name), other.get_annotation(name))
    mol = Chem.MolFromPDBFile(str(tmp_path / "x.pdb"), sanitize=False, proximityBonding=False)
    assert mol.GetNumConformers() == 3
    for k, conformer in enumerate(mol.GetConformers()):
        np.testing.assert_allclose(conformer.GetPositions(), expected[k], atol=6e-4)
    info = mol.GetAtomWithIdx(1).GetPDBResidueInfo()
    assert (info.GetName(), info.GetResidueName(), info.GetResidueNumber()) == (" CA ", "MET", 1)


@given(
    position=st.tuples(*[st.floats(-999.999, 9999.999)] * 3),
    number=st.integers(-999, 9999),
    letter=st.sampled_from("ARNDCQEGHILKMFPSTWYVXBZ"),
)
def test_any_atom_within_the_columns_comes_back(
    tmp_path_factory: pytest.TempPathFactory, position: tuple[float, float, float], number: int, letter: str
) -> None:
    path = tmp_path_factory.mktemp("one") / "x.pdb"
    write_pdb(path, [WrittenChain(atoms=np.array([[position]]), residue_index=np.array([number]), sequence=letter)])
    atom = read_pdb(path)
    np.testing.assert_allclose(atom.coord[0, 0], position, atol=6e-4 + 1e-7 * max(map(abs, position)))
    assert atom.res_id[0] == number
    assert all(len(line) <= 80 for line in path.read_text().splitlines())


def test_remarks_are_folded_and_one_model_has_no_model_records(tmp_path: Path) -> None:
    write_pdb(tmp_path / "x.pdb", [many(2)], remarks=["made by " + "quotient " * 20, "angle: 5°\nEND"])
    lines = (tmp_path / "x.pdb").read_text().splitlines()
    remarks = [line for line in lines if line.startswith("REMARK   6 ")]
    assert len(remarks) == 5
    assert remarks[-2:] == ["REMARK   6 angle: 5?", "REMARK   6 END"]
    assert [line[:6] for line in lines[len(remarks) :]] == ["ATOM  ", "ATOM  ", "TER   ", "END"]


def test_atoms_that_are_not_known_are_left_out_of_every_model(tmp_path: Path) -> None:
    chain = ubiquitin(2)
    chain.atoms[1, 4, 3] = np.nan
    chain.atoms[:, 0, 0] = np.nan
    write_pdb(tmp_path / "x.pdb", [chain])
    write_cif(tmp_path / "x.cif", [chain])
    assert read_pdb(tmp_path / "x.pdb").coord.shape == (2, 4 * 76 - 2, 3)
    assert read_cif(tmp_path / "x.cif").coord.shape == (2, 4 * 76 - 2, 3)


@pytest.mark.parametrize(
    ("chains", "message"),
    [
        ([], "no chain"),
        ([many(2), many(2)], "expected ones that differ"),
        ([many(2), replace(many(2, k=2), identifier="B")], "different numbers of models"),
        ([replace(many(2), identifier="AA")], "one ASCII character"),
        ([replace(many(2), identifier="")], "one ASCII character"),
        ([many(10_000)], r"residue numbers 1 to 10000.*\.cif"),
        ([replace(many(2), residue_index=np.array([-1000, 1]))], "-1000 to 1"),
        ([replace(many(9_000), identifier=c) for c in "ABCDEFGHIJKL"], r"108012 atoms.*\.cif"),
        ([many(1, k=10_000)], "10000 models"),
        ([replace(many(1), atoms=np.full((1, 1, 3), 1e4))], "Centre the structure"),
    ],
)
def test_what_the_columns_cannot_hold_is_refused(tmp_path: Path, chains: list[WrittenChain], message: str) -> None:
    with pytest.raises(StructureFormatError, match=message):
        write_pdb(tmp_path / "x.pdb", chains)
    assert not list(tmp_path.iterdir())


def test_large_structures_go_into_mmcif(tmp_path: Path) -> None:
    write_cif(tmp_path / "x.cif", [replace(many(10_001), identifier="long")])
    found = read_cif(tmp_path / "x.cif")
    assert found.res_id[-1] == 10_001
    assert found.chain_id[-1] == "long"


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(StructureFormatError, match="expected"):
        replace(many(3), sequence="AA")
    with pytest.raises(StructureFormatError, match="not finite"):
        replace(many(1), atoms=np.full((1, 1, 3), np.nan))
