import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from applications.molecular.chemistry import Molecule, parse_smiles
from applications.molecular.stereo import (
    check_stereo,
    specified_bonds,
    specified_centres,
    stereoisomers,
    unspecified,
)
from applications.molecular.structures import with_conformers

OPEN = [
    "CC=CC",
    "CC1CCC(C)CC1",
    "OC(C(O)=O)C(O)C(O)=O",
    "CC=CC(O)C=CC",
    "FC=CC=CC(Cl)Br",
    "CC1CCCC1C",
    "CS(=O)CC",
    "CC(=NO)CC",
    "CC1CC(C)CC(C)C1",
    "C1CCC=CCCC1",
]


def _embedded(molecule: Molecule, n: int) -> np.ndarray:
    ids = rdDistGeom.EmbedMultipleConfs(molecule.full, n, randomSeed=5)
    assert len(ids) == n
    return np.stack([molecule.full.GetConformer(i).GetPositions() for i in ids])


@pytest.mark.parametrize("smiles", OPEN)
def test_a_conformer_is_accepted_for_its_own_stereoisomer_and_for_no_other(smiles: str) -> None:
    isomers = [parse_smiles(s) for s in stereoisomers(Chem.MolFromSmiles(smiles), seed=0)]
    assert len(isomers) > 1
    for shown in isomers:
        frames = _embedded(shown, 2)
        for asked in isomers:
            match = shown.full.GetSubstructMatch(asked.full, useChirality=False)
            mol = with_conformers(asked.full, frames[:, list(match)])
            verdicts = {check_stereo(mol, conf_id=i).kept for i in range(len(frames))}
            assert verdicts == {shown.smiles == asked.smiles}, (shown.smiles, asked.smiles)


@pytest.mark.parametrize(("smiles", "chiral"), [("C[C@H](F)Cl", True), ("C[S@](=O)CC", True), ("F/C=C/F", False)])
def test_a_mirror_image_is_refused_exactly_when_the_molecule_is_chiral(smiles: str, chiral: bool) -> None:  # noqa: FBT001
    molecule = parse_smiles(smiles)
    mirrored = with_conformers(molecule.full, _embedded(molecule, 3) * np.array([1.0, 1.0, -1.0]))
    assert {check_stereo(mirrored, conf_id=i).kept for i in range(3)} == {not chiral}


def test_centres_and_bonds_are_counted_one_by_one() -> None:
    molecule = parse_smiles("F/C=C/[C@H](Cl)Br")
    mirrored = with_conformers(molecule.full, -_embedded(molecule, 1))
    report = check_stereo(mirrored)
    assert (report.centres, report.centres_kept, report.bonds, report.bonds_kept) == (1, 0, 1, 1)
    assert not report.kept


def test_an_open_centre_is_named_and_accepted_either_way() -> None:
    molecule = parse_smiles("CC(F)Cl")
    assert unspecified(molecule.heavy) == ["centre C2"]
    assert unspecified(parse_smiles("C[C@H](F)Cl").heavy) == []
    frames = _embedded(molecule, 2)
    assert check_stereo(with_conformers(molecule.full, frames)).kept
    assert check_stereo(with_conformers(molecule.full, -frames)).kept


@pytest.mark.parametrize("smiles", OPEN)
def test_isomers_are_complete_specified_and_ordered_by_the_seed_alone(smiles: str) -> None:
    mol = Chem.MolFromSmiles(smiles)
    first, again = list(stereoisomers(mol, seed=0)), list(stereoisomers(mol, seed=0))
    assert first == again
    assert {frozenset(stereoisomers(mol, seed=s)) for s in range(4)} == {frozenset(first)}
    for isomer in first:
        heavy = parse_smiles(isomer).heavy
        assert specified_centres(heavy) or specified_bonds(heavy)
        assert unspecified(heavy) == []


def test_different_seeds_choose_different_isomers() -> None:
    mol = Chem.MolFromSmiles("FC=CC=CC(Cl)Br")
    assert len({next(stereoisomers(mol, seed=s)) for s in range(20)}) > 3
