"""SMILES of every kind: each is served or refused with a reason, and the way to a conformer raises nothing."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import final

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from rdkit import Chem
from typing_extensions import override

from applications.molecular.chemistry import Molecule, MoleculeRefused, parse_smiles
from applications.molecular.features import Hydrogens, MoleculeFeatures, featurize
from applications.molecular.generate import AbstractConformerSampler, generate_window
from applications.molecular.requests import collect_requests
from applications.molecular.settings import GenerationSettings, StereoPolicy
from applications.molecular.structures import Relaxation
from tests.applications.fuzzing import any_text, bounded, only_named_errors

VALID = (
    "CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "C/C=C/[C@@](F)(Cl)CCO", "c1ccc2[nH]ccc2c1", "[O-][N+](=O)c1ccccc1",
    "CP(=O)(O)OC", "F/C=C/C=C\\Br", "C1CC2CCC1CC2", "N[C@@H](CS)C(=O)O", "O=S(=O)(c1ccccc1)N1CCOCC1", "C#CC=C=C",
    "OB(O)c1ccccc1", "C[Si](C)(C)Cl", "CC1=CC(=O)C=CC1=O", "C[N+](C)(C)CC([O-])=O", "[13CH3][C@](F)(Cl)Br",
    "C1=CC=CC=CC=C1", "N=C=O", "[H][H]", "[NH4+]", "CS(C)=O", "C[S@](=O)CC", "[C@@]12(CCCC1)CCCC2",
    "C12C3C4C1C5C2C3C45",
)  # fmt: skip
SYMBOLS = [Chem.GetPeriodicTable().GetElementSymbol(z) for z in range(1, 119)]
BONDS = ["", "", "", "-", "=", "#", "$", ":", "/", "\\", "~", "->", "<-"]
CHIRAL = ["", "", "@", "@@", "@TH1", "@AL2", "@SP3", "@TB20", "@OH30", "@?"]


@st.composite
def bracket_atom(draw: st.DrawFn) -> str:
    isotope = draw(st.sampled_from(["", "", "2", "13", "999", "99999999999"]))
    symbol = draw(st.sampled_from([*SYMBOLS, "C", "C", "N", "P", "S", "*", "c", "n", "se", "#6", "R1"]))
    hydrogens = draw(st.sampled_from(["", "", "H", "H2", "H3", "H9", "H99"]))
    charge = draw(st.sampled_from(["", "", "+", "-", "++", "-4", "+15", "+999999999999"]))
    number = draw(st.sampled_from(["", "", ":1", ":99999999999999999999"]))
    return f"[{isotope}{symbol}{draw(st.sampled_from(CHIRAL))}{hydrogens}{charge}{number}]"


PIECES = st.one_of(
    st.sampled_from(["C", "C", "N", "O", "F", "S", "P", "Cl", "Br", "B", "I", "c", "n", "o", "s", "*"]),
    bracket_atom(),
    st.sampled_from(["1", "2", "%10", "%(100)", "9"]),
    st.sampled_from(["(", ")", ".", ">>", "|", "{", "\x00", "\ud800", "é", "1" * 40]),
)


@st.composite
def grammar_smiles(draw: st.DrawFn) -> str:
    """Atoms with bonds, branches and rings that mostly close, and sometimes anything."""
    parts: list[str] = []
    rings: list[str] = []
    for _ in range(draw(st.integers(1, 14))):
        parts.append(draw(st.sampled_from(BONDS)) if parts else "")
        parts.append(draw(st.one_of(st.sampled_from(["C", "N", "O", "S", "c", "n"]), bracket_atom(), PIECES)))
        if draw(st.integers(0, 3)) == 0:
            label = draw(st.sampled_from(["1", "2", "%11", "%(200)"]))
            rings = [r for r in rings if r != label] if label in rings else [*rings, label]
            parts.append(label)
        if draw(st.integers(0, 5)) == 0:
            parts.append(f"({draw(st.sampled_from(BONDS))}{draw(PIECES)})")
    for label in rings:
        parts += ["C", label]
    return "".join(parts)


@st.composite
def mutated_smiles(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        piece = draw(st.one_of(PIECES, st.sampled_from(BONDS), st.sampled_from(CHIRAL)))
        text = text[:place] + piece + text[place + draw(st.integers(0, 3)) :]
    return text


any_smiles = st.one_of(grammar_smiles(), mutated_smiles(), st.sampled_from(VALID), any_text)


@final
class RandomCoordinates(AbstractConformerSampler):
    """A model that knows nothing: what it returns may be sound, flat, a point, or not finite."""

    def __init__(self, scale: float) -> None:
        self._scale = scale

    @override
    def describe(self, molecule: Molecule) -> MoleculeFeatures:
        return featurize(molecule.full, hydrogens=Hydrogens.PLACED)

    @override
    def modelled_atoms(self, description: MoleculeFeatures) -> NDArray[np.int64]:
        return description.atom_index.numpy()

    @override
    def sample(self, descriptions: Sequence[MoleculeFeatures], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        draws = [np.random.default_rng(seed) for seed in seeds]
        return [rng.normal(size=(d.n_atoms, 3)) * self._scale for rng, d in zip(draws, descriptions, strict=True)]


@given(text=any_smiles)
@example(text="\udcff")
@example(text="C" * 1_000_000)
@example(text="C" + "1" * 100_000)
@example(text="B[N@TB10]=B[C](F)(B)B")
@bounded(200)
def test_a_smiles_is_read_or_refused(text: str) -> None:
    error = only_named_errors(lambda: parse_smiles(text))
    assert error is None or isinstance(error, MoleculeRefused)
    if error is None:
        molecule = parse_smiles(text)
        again = parse_smiles(molecule.smiles)
        assert again.smiles == molecule.smiles
        assert again.atomic_numbers == molecule.atomic_numbers


@given(
    text=any_smiles,
    scale=st.sampled_from([0.0, 1.0, 1.5, 1e3, 1e30, 1e300, float("nan")]),
    relaxation=st.sampled_from(Relaxation),
    stereo=st.sampled_from(StereoPolicy),
)
@example(text="CS(C)=NO", scale=0.0, relaxation=Relaxation.NONE, stereo=StereoPolicy.RESAMPLE)
@example(text="C1~OC1", scale=0.0, relaxation=Relaxation.NONE, stereo=StereoPolicy.OFF)
@bounded(80)
def test_the_way_to_a_conformer_raises_nothing(
    text: str, scale: float, relaxation: Relaxation, stereo: StereoPolicy
) -> None:
    settings = GenerationSettings(n_conformers=2, attempts=2, relaxation=relaxation, stereo=stereo, duplicate_rmsd=0.1)

    def run() -> None:
        requests = collect_requests([text], stdin=io.StringIO())
        results, _ = generate_window(requests, RandomCoordinates(scale), settings)
        assert len(results) == 2 * len(requests)
        assert all((r.mol is not None) == r.row.ok for r in results)
        assert all(r.row.ok or r.row.reason or r.row.duplicate_of is not None for r in results)

    only_named_errors(run)
