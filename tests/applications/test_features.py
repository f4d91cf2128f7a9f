import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom

from applications.molecular.batching import collate
from applications.molecular.features import (
    ATOM_WIDTH,
    PAIR_WIDTH,
    Hydrogens,
    MoleculeFeatures,
    UnsupportedElementError,
    featurize,
    modelled_atoms,
    with_hydrogens,
)

HANDED = [
    "C[C@H](O)C(=O)N",
    "C[C@@H](O)C(=O)N",
    "F[C@](Cl)(Br)I",
    "F[C@@](Cl)(Br)I",
    "C[S@](=O)CC",
    "C[S@@](=O)CC",
    "CC[P@](C)c1ccccc1",
    "C[C@@]12CC[C@H](O)C[C@@H]1CC=C2",
    "O[C@@H]1C[C@H](F)C1C",
    "[H][C@](F)(C)Cl",
]
MIRRORED = HANDED[:6]


def embed(smiles: str) -> tuple[Chem.Mol, torch.Tensor]:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    ids = list(rdDistGeom.EmbedMultipleConfs(mol, 4, randomSeed=7))
    return mol, torch.tensor(np.stack([mol.GetConformer(i).GetPositions() for i in ids]))


def signed_volumes(features: MoleculeFeatures, positions: torch.Tensor) -> torch.Tensor:
    corners = positions[:, features.atom_index][:, features.chiral_corners]
    return torch.linalg.det(corners[:, :, :3] - corners[:, :, 3:]) * features.chiral_sign


@pytest.mark.parametrize("hydrogens", list(Hydrogens))
@pytest.mark.parametrize("smiles", HANDED)
def test_the_wanted_hand_has_positive_signed_volume_and_its_mirror_image_has_not(
    smiles: str, hydrogens: Hydrogens
) -> None:
    _, positions = embed(smiles)
    features = featurize(Chem.MolFromSmiles(smiles), hydrogens=hydrogens)
    assert features.chiral_sign.numel() == smiles.replace("@@", "@").count("@")
    assert (signed_volumes(features, positions) > 0.1).all()
    assert (signed_volumes(features, -positions) < -0.1).all()


def test_embeddings_of_the_other_enantiomer_are_refused() -> None:
    for one, other in zip(MIRRORED[::2], MIRRORED[1::2], strict=True):
        _, positions = embed(other)
        features = featurize(Chem.MolFromSmiles(one), hydrogens=Hydrogens.PLACED)
        # Atom orders agree, since the two SMILES differ in their marks only.
        assert (signed_volumes(features, positions) < 0).all()


def test_double_bonds_mark_the_pairs_that_are_near_and_far() -> None:
    for smiles, column in (("C/C=C/C", -1), ("C/C=C\\C", -2), ("F/C(Cl)=C(/C)Br", None)):
        features = featurize(Chem.MolFromSmiles(smiles), hydrogens=Hydrogens.PLACED)
        cis, trans = features.pairs[..., -2], features.pairs[..., -1]
        if column is not None:
            assert features.pairs[0, 3, column] == 1.0
            assert cis.sum() + trans.sum() == 2.0
        else:
            _, positions = embed(smiles)
            distances = torch.cdist(positions, positions).mean(0)
            heavy = distances[features.atom_index][:, features.atom_index]
            begin, end = 1, 3
            for left in (0, 2):
                near = [j for j in (4, 5) if cis[left, j] == 1.0]
                far = [j for j in (4, 5) if trans[left, j] == 1.0]
                assert len(near) == len(far) == 1
                reach = heavy[left, near[0]] - heavy[end, near[0]]
                assert reach < heavy[left, far[0]] - heavy[end, far[0]]
                assert features.pairs[begin, end, 1] == 1.0


def test_unspecified_stereochemistry_marks_nothing() -> None:
    features = featurize(Chem.MolFromSmiles("CC=CC(O)(F)N"), hydrogens=Hydrogens.PLACED)
    assert features.chiral_sign.numel() == 0
    assert features.pairs[..., -2:].sum() == 0.0


@pytest.mark.parametrize("hydrogens", list(Hydrogens))
@pytest.mark.parametrize(
    "smiles",
    ["O", "[H][H]", "CCO.Cl", "C[N+](C)(C)C", "c1ccc2ccccc2c1", "B(O)O", "[O-][Cl+3]([O-])([O-])[O-]"],
)
def test_any_molecule_of_supported_elements_has_features(smiles: str, hydrogens: Hydrogens) -> None:
    mol = Chem.MolFromSmiles(smiles)
    features = featurize(mol, hydrogens=hydrogens)
    n = len(modelled_atoms(with_hydrogens(mol), hydrogens=hydrogens))
    assert features.atoms.shape == (n, ATOM_WIDTH)
    assert features.pairs.shape == (n, n, PAIR_WIDTH)
    assert features.atoms.isfinite().all()
    assert features.pairs.isfinite().all()
    assert torch.equal(features.pairs, features.pairs.transpose(0, 1))
    assert (features.bounds[..., 0] <= features.bounds[..., 1]).all()


def test_placed_hydrogens_are_left_out_wherever_they_stand() -> None:
    explicit = Chem.MolFromSmiles("[H]OC([H])([H])[H]", sanitize=False)
    Chem.SanitizeMol(explicit)
    assert featurize(explicit, hydrogens=Hydrogens.PLACED).atom_index.tolist() == [1, 2]


def test_an_unknown_element_is_named() -> None:
    with pytest.raises(UnsupportedElementError, match=r"got element Na \(atomic number 11\), expected"):
        featurize(Chem.MolFromSmiles("[Na+]"), hydrogens=Hydrogens.PLACED)


def test_bounds_hold_for_embedded_conformers() -> None:
    mol, positions = embed("CC(C)Cc1ccc(cc1)[C@@H](C)C(=O)O")
    features = featurize(mol, hydrogens=Hydrogens.MODELLED)
    distances = torch.cdist(positions, positions)
    assert (distances > features.bounds[..., 0] - 0.25).all()
    assert (distances < features.bounds[..., 1] + 0.25).all()


def test_collation_keeps_each_molecule_and_pads_with_nothing() -> None:
    items = [featurize(Chem.MolFromSmiles(s), hydrogens=Hydrogens.PLACED) for s in ("CO", "C[C@H](O)F", "C1CC1")]
    batch = collate(items, scale=2.0, pad_to=6)
    assert batch.mask.sum(1).tolist() == [2, 4, 3]
    assert torch.equal(batch.pairs[1, :4, :4], items[1].pairs)
    assert torch.equal(batch.bounds[2, :3, :3] * 2.0, items[2].bounds)
    assert batch.pairs[0, 2:].abs().sum() == 0.0
    assert batch.chiral_sign[0].abs().sum() == 0.0
    assert batch.atom_index[0].tolist() == [0, 1, -1, -1, -1, -1]
