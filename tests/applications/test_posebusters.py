import builtins
import io

import pytest
import rdkit
from rdkit import Chem

from applications.molecular import posebusters
from applications.molecular.chemistry import parse_smiles
from applications.molecular.ensembles import embed
from applications.molecular.structures import with_conformers


def conformer(smiles: str, *, scale: float = 1.0) -> Chem.Mol:
    """One ETKDG conformer, its coordinates multiplied by a number: -1 mirrors, 1.5 wrecks."""
    molecule = parse_smiles(smiles)
    (first,) = embed(molecule, n_conformers=1, seed=0, time_limit=20.0)
    return with_conformers(molecule.full, scale * molecule.full.GetConformer(first).GetPositions()[None])


@pytest.fixture(autouse=True)
def _installed() -> None:
    pytest.importorskip("posebusters")


def test_sound_conformers_pass_and_wreckage_fails() -> None:
    sound = posebusters.bust([conformer("CCCCO"), conformer("F/C=C/CCC")])
    assert (sound.n, sound.pass_rate) == (2, 1.0)
    assert sound.checked["bond_lengths"] == 2
    assert sound.checked["double_bond_stereochemistry"] == 1, "only where the molecule specifies some"
    assert "rmsd_≤_2å" not in sound.by_check
    wrecked = posebusters.bust([conformer("CCCCO", scale=1.5)])
    assert wrecked.pass_rate == 0.0
    assert wrecked.by_check["bond_lengths"] == 0.0
    assert wrecked.by_check["sanitization"] == 1.0


def test_a_mirror_image_fails_at_its_centre_and_nowhere_else() -> None:
    smiles = "C[C@H](N)C(=O)O"
    assert posebusters.bust([conformer(smiles)]).pass_rate == 1.0
    mirrored = posebusters.bust([conformer(smiles, scale=-1.0)])
    assert {name for name, share in mirrored.by_check.items() if share < 1} == {"tetrahedral_chirality"}
    # a mirror image of what has no hand, or of what leaves it open, is as good as any
    for other in ("CCCCO", "CC(N)C(=O)O"):
        assert posebusters.bust([conformer(other, scale=-1.0)]).pass_rate == 1.0


def test_the_wrong_side_of_a_double_bond_fails() -> None:
    wrong = with_conformers(parse_smiles("F/C=C/F").full, conformer("F/C=C\\F").GetConformer().GetPositions()[None])
    found = posebusters.bust([wrong])
    assert {name for name, share in found.by_check.items() if share < 1} == {"double_bond_stereochemistry"}


@pytest.mark.slow
def test_workers_and_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posebusters, "_CHUNK", 2)
    three = [conformer("CCCCO"), conformer("CCCCO", scale=1.5), conformer("C[C@H](N)C(=O)O", scale=-1.0)]
    steps: list[int] = []
    alone = posebusters.bust(three, advance=lambda done, _: steps.append(done))
    assert steps == [2, 3]
    assert alone.pass_rate == pytest.approx(1 / 3)
    assert posebusters.bust(three, workers=2) == alone


def test_without_posebusters_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "posebusters" else builtins.object)
    assert not posebusters.has_posebusters()
    with pytest.raises(posebusters.MissingExtraError, match=r"quotient-diffusion\[evaluation\]"):
        posebusters.require_posebusters()


def test_posebusters_survives_a_closed_error_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """As left behind by whoever redirects stderr while RDKit's handler is made."""
    closed = io.TextIOWrapper(io.BytesIO())
    closed.close()
    monkeypatch.setattr(rdkit.log_handler, "stream", closed)
    assert posebusters.bust([conformer("CCCO")]).pass_rate == 1.0
