import pickle

import pytest
from rdkit import Chem

from applications.molecular.chemistry import MoleculeRefused, Refusal, SizeLimits, constitution, parse_smiles


@pytest.mark.parametrize(
    ("smiles", "refusal"),
    [
        ("", Refusal.UNPARSABLE),
        ("C1CC", Refusal.UNPARSABLE),
        ("C(C)(C)(C)(C)C", Refusal.UNPARSABLE),
        ("[Na+].[Cl-]", Refusal.SEVERAL_FRAGMENTS),
        ("*CC", Refusal.UNKNOWN_ATOM),
        ("C[Fe]", Refusal.UNSUPPORTED_ELEMENT),
        ("[2H]C", Refusal.HYDROGEN_ISOTOPE),
        ("C[CH2]", Refusal.RADICAL),
        ("C1~OC1", Refusal.UNKNOWN_BOND),
        ("C$C", Refusal.UNKNOWN_BOND),
        ("C[S@OH3](F)(F)(F)(F)Cl", Refusal.UNSUPPORTED_STEREO),
        ("C[N@TB14]=C", Refusal.UNSUPPORTED_STEREO),
        ("[H][H]", Refusal.TOO_FEW_ATOMS),
        ("C" * 201, Refusal.TOO_MANY_ATOMS),
    ],
)
def test_every_bad_input_has_its_own_reason(smiles: str, refusal: Refusal) -> None:
    with pytest.raises(MoleculeRefused) as caught:
        parse_smiles(smiles)
    assert caught.value.refusal is refusal
    assert refusal.value in str(caught.value)


def test_the_reason_says_what_was_found() -> None:
    with pytest.raises(MoleculeRefused, match="valence"):
        parse_smiles("C(C)(C)(C)(C)C")
    with pytest.raises(MoleculeRefused, match="found Fe"):
        parse_smiles("C[Fe]")
    with pytest.raises(MoleculeRefused, match="expected at least 4"):
        parse_smiles("CCO", limits=SizeLimits(4, 30))


@pytest.mark.parametrize(
    "smiles",
    ["OCC", "c1ccccc1C(=O)[O-]", "C[C@H](N)C(=O)O", "F/C=C\\F", "[CH3:7][OH:2]", "[H]/N=C(/C)CC", "[NH4+]"],
)
def test_smiles_of_a_molecule_gives_its_atom_order_back(smiles: str) -> None:
    molecule = parse_smiles(smiles)
    again = Chem.AddHs(Chem.MolFromSmiles(molecule.smiles))
    assert [a.GetAtomicNum() for a in again.GetAtoms()] == molecule.atomic_numbers
    assert 1 not in molecule.atomic_numbers[: molecule.n_heavy]
    assert set(molecule.atomic_numbers[molecule.n_heavy :]) <= {1}
    assert parse_smiles(molecule.smiles).smiles == molecule.smiles


def test_constitution_forgets_stereochemistry_only() -> None:
    assert constitution("C[C@H](N)C(=O)O") == constitution("C[C@@H](N)C(=O)O")
    assert constitution("F/C=C/F") == constitution("F/C=C\\F")
    assert constitution("CCO") != constitution("COC")


def test_a_refusal_survives_the_way_back_from_a_worker_process() -> None:
    refused = pickle.loads(pickle.dumps(MoleculeRefused("CC.O", Refusal.SEVERAL_FRAGMENTS, "found 2")))
    assert (refused.smiles, refused.refusal, refused.detail) == ("CC.O", Refusal.SEVERAL_FRAGMENTS, "found 2")
