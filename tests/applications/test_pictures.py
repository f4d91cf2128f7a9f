from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rdkit import Chem

from applications.molecular.chemistry import parse_smiles
from applications.molecular.ensembles import embed
from applications.molecular.pictures import Panel, draw_grid


def _embedded(smiles: str, n: int) -> Chem.Mol:
    molecule = parse_smiles(smiles)
    assert len(embed(molecule, n_conformers=n, seed=0, time_limit=20)) == n
    return molecule.full


def test_a_grid_shows_carbon_oxygen_and_nitrogen_in_their_colours(tmp_path: Path) -> None:
    mol = _embedded("CC(=O)Nc1ccc(O)cc1", 2)
    path = tmp_path / "grid.png"
    draw_grid([[Panel(mol, "first", 0), Panel(mol, "second", 1)]], path)
    pixels = imread(path)[..., :3].reshape(-1, 3)
    red = ((pixels[:, 0] - pixels[:, 1:].max(axis=1)) > 0.4).sum()
    blue = ((pixels[:, 2] - pixels[:, :2].max(axis=1)) > 0.3).sum()
    grey = (np.ptp(pixels, axis=1) < 0.02) & (pixels[:, 0] > 0.25) & (pixels[:, 0] < 0.6)
    assert min(red, blue) > 50
    assert grey.sum() > 500
    assert (pixels.min(axis=1) > 0.99).mean() > 0.5, "the background is white"


def test_drawing_changes_neither_the_molecule_nor_the_file_of_another_call(tmp_path: Path) -> None:
    mol = _embedded("c1ccccc1O", 1)
    before = mol.GetConformer().GetPositions().copy()
    for name in ("a.png", "b.png"):
        draw_grid([[Panel(mol, "phenol")]], tmp_path / name)
    assert np.array_equal(mol.GetConformer().GetPositions(), before)
    assert all(bond.GetIsAromatic() for bond in mol.GetBonds() if bond.IsInRing())
    assert np.array_equal(imread(tmp_path / "a.png"), imread(tmp_path / "b.png"))


@pytest.mark.parametrize("smiles", ["C", "[NH4+]", "Cl", "C#C", "BrI"])
def test_the_smallest_molecules_can_be_drawn(smiles: str, tmp_path: Path) -> None:
    draw_grid([[Panel(_embedded(smiles, 1), smiles)]], tmp_path / "one.png")
    assert imread(tmp_path / "one.png").min() < 0.9
