"""Structure files in, backbones or reasons out; never anything but a named error."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from biotite.structure.io.pdbx import BinaryCIFFile, CIFFile, get_structure, set_structure

from applications.molecular.proteins.bundled import bundled_chains, bundled_ensemble
from applications.molecular.proteins.pdb_writer import WrittenChain, write_cif, write_pdb
from applications.molecular.proteins.structure_files import (
    ChainSkip,
    LengthUnit,
    ReadOptions,
    UnitError,
    read_backbones,
    read_full_backbone,
)
from tests.applications.backbone_material import atom, full_backbones, helix, trace, write_lines


def numbers_of(path: Path, lines: list[str]) -> list[int]:
    return read_backbones(write_lines(path, lines)).chains[0].residue_index.tolist()


@pytest.mark.parametrize("ending", [".pdb", ".ent", ".cif", ".mmcif", ".bcif"])
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_gives_the_same_chain(tmp_path: Path, ending: str, *, packed: bool) -> None:
    chain, atoms = full_backbones()[0]
    written = WrittenChain(
        atoms=atoms[None], residue_index=chain.residue_index, sequence=chain.sequence, identifier="B"
    )
    path = tmp_path / f"1bvy{ending}"
    if ending in (".pdb", ".ent"):
        write_pdb(path, [written])
    elif ending == ".bcif":
        write_cif(tmp_path / "x.cif", [written])
        binary = BinaryCIFFile()
        set_structure(binary, get_structure(CIFFile.read(str(tmp_path / "x.cif"))), data_block="x")
        binary.write(str(path))
    else:
        write_cif(path, [written])
    if packed:
        path = path.with_name(path.name + ".gz")
        path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
    found = read_full_backbone(path)
    assert [entry.chain.name for entry in found] == ["1bvy"]
    assert found[0].chain.sequence == chain.sequence
    assert found[0].chain.residue_index.tolist() == chain.residue_index.tolist()
    np.testing.assert_allclose(found[0].atoms[0], atoms, atol=6e-4)
    np.testing.assert_array_equal(found[0].chain.positions, found[0].atoms[:, :, 1])


def test_models_become_models(tmp_path: Path) -> None:
    ensemble = bundled_ensemble()
    part = replace(ensemble, positions=ensemble.positions[:5])
    write_pdb(tmp_path / "a.pdb", [WrittenChain.of(part)])
    write_cif(tmp_path / "b.cif", [WrittenChain.of(part)])
    for name in ("a.pdb", "b.cif"):
        (found,) = read_backbones(tmp_path / name).chains
        np.testing.assert_allclose(found.positions, part.positions, atol=6e-4)
        assert found.sequence == part.sequence


def test_several_chains_are_named_by_their_identifier(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "1abc.pdb.gz", [*trace(5), *trace(7, chain="B")])
    assert [(c.name, c.n_residues) for c in read_backbones(path).chains] == [("1abc_A", 5), ("1abc_B", 7)]


def test_the_alternate_location_of_highest_occupancy_is_taken(tmp_path: Path) -> None:
    lines = trace(5)
    moved = helix(5)[2] + [0.3, 0.0, 0.0]
    other = atom(moved, 3, location="B", occupancy=0.6, residue="SER")
    lines[2] = atom(helix(5)[2], 3, location="A", occupancy=0.4)
    lines.insert(3, other)
    (chain,) = read_backbones(write_lines(tmp_path / "x.pdb", lines)).chains
    assert chain.sequence == "AASAA"
    np.testing.assert_allclose(chain.positions[0, 2], moved, atol=1e-3)
    lines[3] = other.replace("  0.60", "  0.40")
    assert read_backbones(write_lines(tmp_path / "x.pdb", lines)).chains[0].sequence == "AAAAA"


def test_no_atom_of_another_location_is_mixed_in(tmp_path: Path) -> None:
    lines = trace(4)
    here = helix(4)[1]
    lines[1:2] = [
        atom([*(here + 1.0)], 2, name=" N  ", element="N", location="A", occupancy=0.9),
        atom(here, 2, location="A", occupancy=0.4),
        atom([*(here + 0.2)], 2, location="B", occupancy=0.6),
    ]
    (entry,) = read_full_backbone(write_lines(tmp_path / "x.pdb", lines))
    assert np.isnan(entry.atoms[0, 1, 0]).all()
    np.testing.assert_allclose(entry.atoms[0, 1, 1], [*(here + 0.2)], atol=1e-3)


def test_insertion_codes_count_on(tmp_path: Path) -> None:
    lines = [
        atom(p, number, insertion=code) for p, number, code in zip(helix(5), [51, 52, 52, 52, 53], "  AB ", strict=True)
    ]
    assert numbers_of(tmp_path / "x.pdb", lines) == [51, 52, 53, 54, 55]


def test_missing_residues_are_a_jump(tmp_path: Path) -> None:
    lines = trace(10)
    assert numbers_of(tmp_path / "x.pdb", [*lines[:4], *lines[7:]]) == [1, 2, 3, 4, 8, 9, 10]


def test_a_residue_without_ca_is_missing(tmp_path: Path) -> None:
    lines = trace(6)
    lines[2] = lines[2].replace(" CA ", " CB ")
    assert numbers_of(tmp_path / "x.pdb", lines) == [1, 2, 4, 5, 6]


def test_a_distance_is_a_jump_whatever_the_numbers(tmp_path: Path) -> None:
    positions = helix(8)
    positions[4:] += [0.0, 0.0, 9.0]
    lines = [atom(p, number) for number, p in enumerate(positions, start=1)]
    assert numbers_of(tmp_path / "x.pdb", lines) == [1, 2, 3, 4, 6, 7, 8, 9]


def test_numbers_that_begin_again_go_on(tmp_path: Path) -> None:
    given = [7, 8, 9, 3, 4, 5]
    assert numbers_of(tmp_path / "x.pdb", [atom(p, n) for p, n in zip(helix(6), given, strict=True)]) == [*range(7, 13)]


def test_a_seen_peptide_bond_is_no_break(tmp_path: Path) -> None:
    chain, atoms = full_backbones()[1]
    numbers = np.arange(1, 21)
    numbers[10:] += 30
    written = WrittenChain(atoms=atoms[None, :20], residue_index=numbers, sequence=chain.sequence[:20])
    write_pdb(tmp_path / "x.pdb", [written])
    assert read_backbones(tmp_path / "x.pdb").chains[0].residue_index.tolist() == [*range(1, 21)]
    write_pdb(tmp_path / "ca.pdb", [replace(written, atoms=atoms[None, :20, 1])])
    assert read_backbones(tmp_path / "ca.pdb").chains[0].residue_index.tolist() == numbers.tolist()


def test_modified_residues_count_and_ligands_do_not(tmp_path: Path) -> None:
    lines = trace(6)
    lines[0] = atom(helix(6)[0], 1, residue="MSE", record="HETATM")
    lines[3] = atom(helix(6)[3], 4, residue="SEP", record="HETATM")
    lines[5] = atom(helix(6)[5], 6, residue="ZZZ")
    lines += [
        atom([30, 30, 30], 301, residue="GLU", record="HETATM"),
        atom([31, 30, 30], 302, name="CA  ", residue="CA", record="HETATM", element="CA"),
        atom([32, 30, 30], 303, name=" O  ", residue="HOH", record="HETATM", element="O"),
    ]
    (chain,) = read_backbones(write_lines(tmp_path / "x.pdb", lines)).chains
    assert chain.sequence == "MAASAX"


def test_models_with_other_residues_are_reduced_and_it_is_said(tmp_path: Path) -> None:
    lines = trace(6)
    both = ["MODEL        1", *lines, "ENDMDL", "MODEL        2", *lines[1:], "ENDMDL"]
    reading = read_backbones(write_lines(tmp_path / "x.pdb", both))
    assert reading.chains[0].positions.shape == (2, 5, 3)
    assert reading.remarks == ["x: 5 residues that all 2 models have, of 6"]


def test_models_of_nothing_in_common_are_skipped(tmp_path: Path) -> None:
    both = ["MODEL        1", *trace(4), "ENDMDL", "MODEL        2", *trace(4, chain="B"), "ENDMDL"]
    reading = read_backbones(write_lines(tmp_path / "x.pdb", both))
    assert [s.reason for s in reading.skipped] == [ChainSkip.MODELS_DIFFER] * 2


def nothing(n: int) -> list[str]:
    return [line.replace(" CA ", " P  ") for line in trace(n)]


def not_a_number() -> list[str]:
    lines = trace(5)
    lines[2] = lines[2].replace(f"{helix(5)[2][0]:8.3f}", "     nan")
    return lines


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (trace(5, record="HETATM"), ChainSkip.HETERO_ONLY),
        (trace(1), ChainSkip.ONE_RESIDUE),
        (trace(3), ChainSkip.TOO_SHORT),
        (trace(2000), ChainSkip.TOO_LONG),
        (nothing(5), ChainSkip.NO_CA),
        (not_a_number(), ChainSkip.NOT_FINITE),
        (trace(5, scale=3.0), ChainSkip.NO_TRACE),
        (trace(5, scale=0.0), ChainSkip.NO_TRACE),
    ],
)
def test_chains_that_are_none_are_skipped_with_a_reason(tmp_path: Path, lines: list[str], reason: ChainSkip) -> None:
    reading = read_backbones(write_lines(tmp_path / "x.pdb", lines), ReadOptions(min_residues=4, max_residues=512))
    assert not reading.chains
    assert [(s.name, s.reason) for s in reading.skipped] == [("x", reason)]


def test_nanometres_are_noticed_and_converted(tmp_path: Path) -> None:
    chain = bundled_chains()[0]
    small = WrittenChain(atoms=chain.positions / 10, residue_index=chain.residue_index, sequence=chain.sequence)
    write_cif(tmp_path / "nm.cif", [small])
    with pytest.raises(UnitError, match="--unit nm"):
        read_backbones(tmp_path / "nm.cif")
    (found,) = read_backbones(tmp_path / "nm.cif", ReadOptions(unit=LengthUnit.NANOMETRE)).chains
    np.testing.assert_allclose(found.positions, chain.positions, atol=1e-2)
    write_cif(tmp_path / "a.cif", [WrittenChain.of(chain)])
    with pytest.raises(UnitError, match="--unit angstrom"):
        read_backbones(tmp_path / "a.cif", ReadOptions(unit=LengthUnit.NANOMETRE))


def test_numbers_of_the_sequence_come_before_those_of_the_authors(tmp_path: Path) -> None:
    """An mmCIF file numbers residues twice; waters have no number in the sequence."""
    rows = [
        f"ATOM C CA . ALA A {i + 1} {author} ? A {x:.3f} {y:.3f} {z:.3f} 1 1"
        for i, (author, (x, y, z)) in enumerate(zip([10, 11, 50, 51, 52], helix(5), strict=True))
    ]
    rows.append("HETATM O O . HOH B . 1 ? A 9.0 9.0 9.0 1 1")
    names = "group_PDB type_symbol label_atom_id label_alt_id label_comp_id label_asym_id label_seq_id auth_seq_id"
    more = "pdbx_PDB_ins_code auth_asym_id Cartn_x Cartn_y Cartn_z occupancy pdbx_PDB_model_num"
    columns = [f"_atom_site.{name}" for name in f"{names} {more}".split()]
    (tmp_path / "x.cif").write_text("\n".join(["data_x", "loop_", *columns, *rows, "#", ""]))
    (chain,) = read_backbones(tmp_path / "x.cif").chains
    assert chain.residue_index.tolist() == [1, 2, 3, 4, 5]


def test_limits_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="2 <= lower <= upper"):
        ReadOptions(min_residues=10, max_residues=9)
