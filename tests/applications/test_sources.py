"""Molecules that bring their own conformers: SDF, the GEOM archive, QM9; damaged and hostile files."""

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from applications.molecular.chemistry import MoleculeRefused, Refusal
from applications.molecular.ensembles import EnsembleOptions
from applications.molecular.geom_archive import UnsafePickleError, load_archive_pickle, read_geom_archive
from applications.molecular.given_ensembles import GivenConformer, given_ensemble
from applications.molecular.prepare import PrepareError, prepare
from applications.molecular.qm9_files import read_qm9
from applications.molecular.sdf_files import read_sdf
from applications.molecular.source_arguments import open_source
from applications.molecular.sources import SourceError
from applications.molecular.stereo import check_stereo
from applications.molecular.structures import with_conformers
from applications.workers import ProcessWorkers

OPTIONS = EnsembleOptions(n_conformers=30)
BUTANOL = "C[C@H](O)CC"


def embedded(smiles: str, n: int = 1, *, order: list[int] | None = None) -> list[Chem.Mol]:
    """Conformers of a molecule, one a molecule, with atoms in any order."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    parameters = rdDistGeom.ETKDGv3()
    parameters.randomSeed = 5
    found = list(rdDistGeom.EmbedMultipleConfs(mol, n, parameters))
    assert len(found) == n
    one = [Chem.Mol(mol, confId=i) for i in found]
    return one if order is None else [Chem.RenumberAtoms(m, order) for m in one]


def shuffled(smiles: str) -> list[int]:
    n = Chem.AddHs(Chem.MolFromSmiles(smiles)).GetNumAtoms()
    return np.random.default_rng(3).permutation(n).tolist()


def test_conformers_keep_their_shape_in_our_order() -> None:
    given = embedded(BUTANOL, 3, order=shuffled(BUTANOL))
    energies = [2.0, float("nan"), 1.0]
    found = given_ensemble(BUTANOL, [GivenConformer(m, e) for m, e in zip(given, energies, strict=True)], OPTIONS)
    full = Chem.AddHs(Chem.MolFromSmiles(found.smiles))
    assert found.atomic_numbers.tolist() == [a.GetAtomicNum() for a in full.GetAtoms()]
    assert found.energies[:2].tolist() == [1.0, 2.0]
    assert np.isnan(found.energies[2])
    placed = with_conformers(full, found.positions)
    for i, source in enumerate([given[2], given[0], given[1]]):
        assert check_stereo(placed, conf_id=i).kept
        for bond in full.GetBonds():
            a, b = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
            assert 0.9 < np.linalg.norm(found.positions[i, a] - found.positions[i, b]) < 1.7
        mine, theirs = (np.sort(np.linalg.norm(x[:, None] - x, axis=-1), axis=None) for x in
                        (found.positions[i], source.GetConformer().GetPositions()))  # fmt: skip
        np.testing.assert_allclose(mine, theirs, atol=1e-4)


def test_open_stereochemistry_is_settled_by_most_conformers() -> None:
    given = [*embedded(BUTANOL, 1), *embedded("C[C@@H](O)CC", 2)]
    found = given_ensemble("CC(O)CC", [GivenConformer(m) for m in given], OPTIONS)
    assert found.smiles == Chem.CanonSmiles("C[C@@H](O)CC")
    assert len(found.energies) == 2
    assert found.n_dropped == 1
    asked = given_ensemble(BUTANOL, [GivenConformer(m) for m in given], OPTIONS)
    assert asked.smiles == Chem.CanonSmiles(BUTANOL)
    assert len(asked.energies) == 1


def test_double_bonds_are_read_from_coordinates() -> None:
    given = [GivenConformer(m) for m in embedded("C/C=C\\CO", 2)]
    assert given_ensemble("CC=CCO", given, OPTIONS).smiles == Chem.CanonSmiles("C/C=C\\CO")
    with pytest.raises(MoleculeRefused, match="stereochemistry asked for"):
        given_ensemble("C/C=C/CO", given, OPTIONS)


def test_other_bonds_are_refused_and_dropped() -> None:
    butanols, ether = embedded("CCCCO", 2), embedded("CCOCC", 1)
    found = given_ensemble("CCCCO", [GivenConformer(m) for m in [*butanols, *ether]], OPTIONS)
    assert (len(found.energies), found.n_dropped) == (2, 1)
    with pytest.raises(MoleculeRefused) as caught:
        given_ensemble("CCCCO", [GivenConformer(m) for m in ether], OPTIONS)
    assert caught.value.refusal is Refusal.CONSTITUTION_CHANGED


def write_sdf(path: Path, mols: list[Chem.Mol]) -> None:
    with Chem.SDWriter(str(path)) as writer:
        for mol in mols:
            writer.write(mol)


def test_records_of_a_molecule_are_gathered(tmp_path: Path) -> None:
    first, second = embedded(BUTANOL, 2), embedded("CCCO", 1)
    for number, mol in enumerate([*first, *second]):
        mol.SetProp("_Name", f"m{number}")
        mol.SetDoubleProp("energy", float(number))
    path = tmp_path / "x.sdf"
    write_sdf(path, [first[0], second[0], first[1]])
    items = read_sdf(path)
    assert [item.source_id for item in items] == ["m0", "m2"]
    store, report = prepare(items, tmp_path / "set", options=OPTIONS)
    assert (report.n_kept, report.n_conformers, report.dropped) == (2, 3, {})
    assert store.meta["method"] == "conformers of an SDF"
    by_name = {record.source_id: record for record in store}
    assert by_name["m0"].energies.tolist() == [0.0, 1.0]
    write_sdf(path, [first[1], second[0], first[0]])
    with pytest.raises(PrepareError, match="another source"):
        prepare(read_sdf(path), tmp_path / "set", options=OPTIONS)


def test_records_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.sdf"
    write_sdf(path, [Chem.RemoveHs(embedded("CCCO")[0]), *embedded("CCCN")])
    path.write_bytes(path.read_bytes() + b"nonsense\n$$$$\n\n\n")
    _, report = prepare(open_source(str(path)), tmp_path / "set", options=OPTIONS)
    assert report.n_kept == 1
    assert report.dropped == {"HYDROGENS_MISSING": 1, "UNPARSABLE": 1}
    (tmp_path / "empty.sdf").write_text("\n")
    with pytest.raises(SourceError, match="holds no record"):
        read_sdf(tmp_path / "empty.sdf")
    with pytest.raises(SourceError, match=r"cannot (be )?read"):
        read_sdf(tmp_path / "missing.sdf")


def geom_folder(folder: Path, contents: dict[str, Any]) -> Path:
    """A folder in the layout of the archive, from SMILES to what its pickle holds."""
    (folder / "drugs").mkdir(parents=True)
    summary: dict[str, dict[str, Any]] = {"lost": {"uniqueconfs": 3}}
    for number, (smiles, content) in enumerate(contents.items()):
        name = f"drugs/{number}.pickle"
        (folder / name).write_bytes(content if isinstance(content, bytes) else pickle.dumps(content))
        summary[smiles] = {"pickle_path": name}
    (folder / "summary_drugs.json").write_text(json.dumps(summary))
    return folder


def geom_content(smiles: str, n: int) -> dict[str, Any]:
    conformers = [
        {"geom_id": i, "degeneracy": 1, "relativeenergy": 0.5 * i, "boltzmannweight": 1 / n, "rd_mol": mol}
        for i, mol in enumerate(embedded(smiles, n))
    ]
    return {"smiles": smiles, "totalconfs": n, "charge": 0, "conformers": conformers}


def test_the_archive_is_read(tmp_path: Path) -> None:
    source = geom_folder(tmp_path / "geom", {BUTANOL: geom_content(BUTANOL, 3), "CCCO": geom_content("CCCO", 2)})
    store, report = prepare(open_source(f"geom:{source}"), tmp_path / "set", options=OPTIONS, workers=ProcessWorkers(2))
    assert (report.n_kept, report.n_conformers, report.dropped) == (2, 5, {})
    assert store.meta["method"] == "GEOM"
    assert sorted(record.source_id for record in store) == ["drugs/0.pickle", "drugs/1.pickle"]
    assert all(record.energies[0] == 0.0 for record in store)


class Payload:
    """Runs a command when it is unpickled by the ordinary unpickler."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call, self.arguments


def hostile(mark: Path) -> list[Payload]:
    """Ways to make a file when loaded."""
    code = f"__import__('pathlib').Path({str(mark)!r}).touch()"
    return [
        Payload(os.system, f"touch {mark}"),
        Payload(eval, code),
        Payload(exec, code),
        Payload(Path.touch, mark),
        Payload(getattr, [], "append"),
        Payload(__import__, "os"),
    ]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_hostile_pickles_run_nothing(number: int, protocol: int, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    payload = hostile(mark)[number]
    content = {"conformers": [{"rd_mol": payload}], "smiles": "CCCO"}
    data = pickle.dumps(content, protocol=protocol)
    if number < 4:
        pickle.loads(data)
        assert mark.exists()
        mark.unlink()
    with pytest.raises(UnsafePickleError, match="refused to load"):
        load_archive_pickle(io.BytesIO(data))
    assert not mark.exists()
    source = geom_folder(tmp_path / "geom", {"CCCO": data, "CCCN": geom_content("CCCN", 1)})
    _, report = prepare(read_geom_archive(source), tmp_path / "set", options=OPTIONS)
    assert report.dropped == {"SOURCE_DAMAGED": 1}
    assert report.n_kept == 1
    assert not mark.exists()


@pytest.mark.parametrize("content", [b"", b"\x80\x04", b"garbage", pickle.dumps(3), pickle.dumps({"conformers": [1]})])
def test_damaged_pickles_are_counted(content: bytes, tmp_path: Path) -> None:
    source = geom_folder(tmp_path / "geom", {"CCCO": content})
    _, report = prepare(read_geom_archive(source), tmp_path / "set", options=OPTIONS)
    assert report.dropped == {"SOURCE_DAMAGED": 1}


def test_archives_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="has no summary"):
        read_geom_archive(tmp_path)
    summary = tmp_path / "summary_qm9.json"
    outside = tmp_path.parent / "outside.pickle"
    outside.write_bytes(pickle.dumps(geom_content("CCCO", 1)))
    summary.write_text(json.dumps({"CCCO": {"pickle_path": "../outside.pickle"}, "CC": {"pickle_path": "no.pickle"}}))
    with pytest.raises(SourceError, match="none of their pickles"):
        read_geom_archive(tmp_path)
    summary.write_text("[1")
    with pytest.raises(SourceError, match=r"cannot (be )?read"):
        read_geom_archive(tmp_path)


def qm9_folder(folder: Path, smiles: list[str]) -> Path:
    folder.mkdir()
    lines = ["XYZ_file,Index,SMILES,InChi,Elements,XYZ_Ang,HOMO_au"]
    for number, text in enumerate(smiles):
        (mol,) = embedded(text)
        elements = "[" + ",".join(f"'{a.GetSymbol()}'" for a in mol.GetAtoms()) + "]"
        positions = json.dumps(mol.GetConformer().GetPositions().round(8).tolist(), separators=(",", ":"))
        flat = Chem.MolToSmiles(Chem.MolFromSmiles(text), isomericSmiles=False, canonical=False)
        lines.append(f'"dsgdb9nsd_{number}.xyz",{number},"{flat}","InChI=x,y","{elements}","{positions}",-0.3')
    (folder / "qm9_part1.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_qm9_takes_stereochemistry_from_coordinates(tmp_path: Path) -> None:
    folder = qm9_folder(tmp_path / "data", ["C[C@H](O)CC", "CCCO"])
    items = open_source(f"qm9:{folder}")
    assert [item.source_id for item in items] == ["dsgdb9nsd_0.xyz", "dsgdb9nsd_1.xyz"]
    store, report = prepare(items, tmp_path / "set", options=OPTIONS)
    assert (report.n_kept, report.n_conformers, report.dropped) == (2, 2, {})
    assert {record.smiles for record in store} == {Chem.CanonSmiles(BUTANOL), "CCCO"}


def test_rows_of_qm9_that_do_not_fit_are_counted(tmp_path: Path) -> None:
    folder = qm9_folder(tmp_path / "data", ["CCCO", "CCCN", "CCCF"])
    path = folder / "qm9_part1.csv"
    text = path.read_text().replace("['C','C','C','N'", "['C','C','C','O'", 1)
    path.write_text(text.replace('"[[', '"[[x', 1))
    _, report = prepare(read_qm9(folder), tmp_path / "set", options=OPTIONS)
    assert report.n_kept == 1
    assert report.dropped == {"SOURCE_DAMAGED": 1, "CONSTITUTION_CHANGED": 1}
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match="has no columns XYZ_file"):
        read_qm9(folder)
    with pytest.raises(SourceError, match=r"has no qm9_part\*"):
        read_qm9(tmp_path)


def test_qm9pack_is_asked_for_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(SourceError, match="pip install --no-deps qm9pack"):
        open_source("qm9")
