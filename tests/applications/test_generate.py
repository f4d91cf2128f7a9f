import io
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from rdkit import Chem

from applications.molecular.chemistry import Molecule, parse_smiles
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.ensembles import embed
from applications.molecular.features import Hydrogens
from applications.molecular.generate import AbstractConformerSampler, generate_window
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig
from applications.molecular.requests import Request, collect_requests
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplerKind, SamplingError, SamplingSettings
from applications.molecular.settings import GenerationSettings, StereoPolicy
from applications.molecular.stereo import check_stereo
from applications.molecular.structures import Relaxation, assemble, relax, with_conformers

TINY = EquivariantConfig(scalars=16, vectors=8, pairs=8, heads=2, forces=4, blocks=1, expansion=2)
KEPT = GenerationSettings(stereo=StereoPolicy.OFF)
"""For networks without training, whose bonds are not bonds."""
MOLECULES = ["CCO", "CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "F/C=C/CC"]


def tiny_model(hydrogens: Hydrogens = Hydrogens.PLACED, coupling: Coupling = Coupling.INDEPENDENT) -> ConformerModel:
    spec = ModelSpec(network=TINY, hydrogens=hydrogens, symmetry=Symmetry.QUOTIENT, coupling=coupling, scale=2.0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return ConformerModel.untrained(spec)


def requests_of(*smiles: str) -> list[Request]:
    return collect_requests(smiles, stdin=io.StringIO())


class Scripted(AbstractConformerSampler):
    """Embedded conformers, for the first attempts at each mirrored or with one hydrogen far off: the truth is known."""

    def __init__(self, *, wrong: int = 0, torn: int = 0) -> None:
        self.wrong, self.torn = wrong, torn
        self.calls: list[int] = []
        self._seen: dict[str, int] = {}

    def describe(self, molecule: Molecule) -> Molecule:
        if molecule.smiles == "CN":
            raise ValueError("no code for this one")
        return molecule

    def modelled_atoms(self, description: Molecule) -> NDArray[np.int64]:
        return np.arange(description.full.GetNumAtoms())

    def sample(self, descriptions: Sequence[Any], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        self.calls.append(len(seeds))
        found = []
        for molecule, seed in zip(descriptions, seeds, strict=True):
            attempt = self._seen.get(molecule.smiles, 0)
            self._seen[molecule.smiles] = attempt + 1
            assert embed(molecule, n_conformers=1, seed=seed, time_limit=20)
            positions = molecule.full.GetConformer().GetPositions()
            positions[-1] += 9.0 * (attempt < self.torn)
            found.append(-positions if attempt < self.wrong else positions)
        return found


def test_wrong_stereochemistry_is_sampled_again_with_another_seed() -> None:
    settings = GenerationSettings(n_conformers=1, attempts=3, relaxation=Relaxation.NONE)
    (first,), _ = generate_window(requests_of("C[C@H](F)Cl"), Scripted(), settings)
    (third,), _ = generate_window(requests_of("C[C@H](F)Cl"), Scripted(wrong=2), settings)
    assert (first.row.ok, first.row.attempts) == (True, 1)
    assert (third.row.ok, third.row.attempts, third.row.stereo_ok) == (True, 3, True)
    assert first.row.seed != third.row.seed
    assert third.mol is not None
    assert check_stereo(third.mol).kept


def test_wrong_stereochemistry_fails_after_the_last_attempt_and_is_never_mirrored() -> None:
    settings = GenerationSettings(n_conformers=1, attempts=3)
    (result,), _ = generate_window(requests_of("C[C@H](F)Cl"), Scripted(wrong=3), settings)
    assert (result.row.ok, result.row.refusal, result.row.attempts) == (False, "STEREO_NOT_REPRODUCED", 3)
    assert "0/1 centres" in result.row.reason
    assert result.mol is None


def test_mirror_images_are_taken_where_that_is_asked_for_and_said() -> None:
    settings = GenerationSettings(n_conformers=1, attempts=2, relaxation=Relaxation.NONE, mirror_if_all_wrong=True)
    (result,), _ = generate_window(requests_of("C[C@H](F)Cl"), Scripted(wrong=1), settings)
    assert (result.row.ok, result.row.mirrored, result.row.attempts) == (True, True, 1)
    assert result.mol is not None
    assert check_stereo(result.mol).kept
    (right,), _ = generate_window(requests_of("C[C@H](F)Cl"), Scripted(), settings)
    assert (right.row.ok, right.row.mirrored) == (True, False)
    (achiral,), _ = generate_window(requests_of("CCO"), Scripted(wrong=1), settings)
    assert (achiral.row.ok, achiral.row.mirrored) == (True, False)


def test_stereo_policies() -> None:
    for policy, ok in ((StereoPolicy.FILTER, False), (StereoPolicy.OFF, True)):
        settings = GenerationSettings(n_conformers=1, stereo=policy, relaxation=Relaxation.NONE)
        sampler = Scripted(wrong=1)
        (result,), _ = generate_window(requests_of("C[C@H](F)Cl"), sampler, settings)
        assert (result.row.ok, result.row.stereo_ok, sampler.calls) == (ok, False, [1])


def test_broken_bonds_are_sampled_again_then_reported_or_kept() -> None:
    once = GenerationSettings(n_conformers=1, relaxation=Relaxation.NONE, attempts=2)
    (second,), _ = generate_window(requests_of("CCO"), Scripted(torn=1), once)
    assert (second.row.ok, second.row.attempts, second.row.bad_bonds) == (True, 2, 0)
    (never,), _ = generate_window(requests_of("CCO"), Scripted(torn=2), once)
    assert (never.row.ok, never.row.refusal, never.row.attempts) == (False, "BONDS_BROKEN", 2)
    assert never.row.bad_bonds == 1
    assert "1 of the last of 2" in never.row.reason
    assert never.mol is None
    for policy, ok in ((StereoPolicy.FILTER, False), (StereoPolicy.OFF, True)):
        sampler = Scripted(torn=1)
        (result,), _ = generate_window(requests_of("CCO"), sampler, replace(once, stereo=policy))
        assert (result.row.ok, result.row.bad_bonds, sampler.calls) == (ok, 1, [1])


def test_only_failures_are_sampled_again() -> None:
    sampler = Scripted(wrong=1)
    settings = GenerationSettings(n_conformers=4, relaxation=Relaxation.NONE)
    results, _ = generate_window(requests_of("C[C@H](F)Cl"), sampler, settings)
    assert sampler.calls == [4, 1]
    assert [r.row.attempts for r in results] == [2, 1, 1, 1]


def test_open_stereochemistry_is_stated_with_what_was_made_of_it() -> None:
    settings = GenerationSettings(n_conformers=2, relaxation=Relaxation.NONE)
    results, _ = generate_window(requests_of("CC(F)Cl"), Scripted(), settings)
    for result in results:
        assert result.row.unspecified == "centre C2"
        assert result.row.stereoisomer in {"C[C@H](F)Cl", "C[C@@H](F)Cl"}


def test_every_refused_request_gets_a_row_per_conformer() -> None:
    settings = GenerationSettings(n_conformers=3)
    results, _ = generate_window(requests_of("CC.O", "xx", "CN", "CCO"), Scripted(), settings)
    assert len(results) == 12
    assert [r.row.refusal for r in results[::3]] == ["SEVERAL_FRAGMENTS", "UNPARSABLE", "NOT_DESCRIBABLE", ""]
    assert all(r.row.reason for r in results[:9])
    assert "no code for this one" in results[6].row.reason
    assert all(r.row.ok for r in results[9:])


@pytest.mark.parametrize("hydrogens", list(Hydrogens))
def test_conformers_depend_on_neither_batch_nor_order_nor_number(hydrogens: Hydrogens) -> None:
    sampler = ModelSampler(tiny_model(hydrogens), SamplingSettings(steps=4))

    def run(smiles: Sequence[str], n: int, batch_size: int) -> dict[tuple[str, int], NDArray[np.float64]]:
        settings = GenerationSettings(
            n_conformers=n, batch_size=batch_size, stereo=StereoPolicy.OFF, relaxation=Relaxation.NONE, seed=7
        )
        results, _ = generate_window(requests_of(*smiles), sampler, settings)
        return {
            (r.row.smiles, r.row.conf_id): r.mol.GetConformer().GetPositions() for r in results if r.mol is not None
        }

    reference = run(MOLECULES, 3, 64)
    assert len(reference) == 12
    for other in (run(MOLECULES, 3, 1), run(MOLECULES[::-1], 3, 5), run(MOLECULES[:2], 2, 64)):
        for key, positions in other.items():
            assert np.abs(positions - reference[key]).max() < 1e-4
    (first, second) = (reference["CCO", 0], reference["CCO", 1])
    assert np.abs(first - second).max() > 0.1


def test_seed_changes_everything() -> None:
    sampler = ModelSampler(tiny_model(), SamplingSettings(steps=2))
    found = [generate_window(requests_of("CCCC"), sampler, replace(KEPT, seed=seed))[0][0] for seed in (0, 0, 1)]
    frames = [f.mol.GetConformer().GetPositions() for f in found if f.mol is not None]
    assert np.array_equal(frames[0], frames[1])
    assert np.abs(frames[0] - frames[2]).max() > 0.1


def test_sde_needs_a_model_with_a_score() -> None:
    sde = SamplingSettings(steps=3, kind=SamplerKind.SDE)
    with pytest.raises(SamplingError, match="--sampler ode"):
        ModelSampler(tiny_model(coupling=Coupling.ORBIT_ALIGNED), sde)
    results, _ = generate_window(requests_of("CCCC"), ModelSampler(tiny_model(), sde), KEPT)
    assert results[0].mol is not None


@pytest.mark.parametrize("hydrogens", list(Hydrogens))
@pytest.mark.parametrize("smiles", ["C", "O", "CC", "[NH4+]", "Cl", "C#N"])
def test_the_smallest_molecules_give_conformers(smiles: str, hydrogens: Hydrogens) -> None:
    sampler = ModelSampler(tiny_model(hydrogens), SamplingSettings(steps=2))
    (result,), _ = generate_window(requests_of(smiles), sampler, KEPT)
    assert result.mol is not None, result.row.reason
    assert np.isfinite(result.mol.GetConformer().GetPositions()).all()
    assert result.mol.GetNumAtoms() == parse_smiles(smiles).full.GetNumAtoms()


@pytest.mark.parametrize("smiles", ["CC(=O)Oc1ccccc1C(=O)O", "C[C@H](N)C(=O)O", "C#CC", "CS(=O)(=O)N"])
def test_placed_hydrogens_have_sound_bonds_and_heavy_atoms_stay(smiles: str) -> None:
    molecule = parse_smiles(smiles)
    assert embed(molecule, n_conformers=1, seed=0, time_limit=20)
    heavy = molecule.full.GetConformer().GetPositions()[: molecule.n_heavy]
    modelled = np.arange(molecule.n_heavy)
    mol = assemble(molecule, modelled, heavy)
    moved = Chem.Mol(mol)
    assert relax(moved, Relaxation.HYDROGENS, modelled=modelled)
    for placed in (mol, moved):
        positions = placed.GetConformer().GetPositions()
        assert np.abs(positions[: molecule.n_heavy] - (heavy - heavy.mean(axis=0))).max() < 1e-6
        for bond in placed.GetBonds():
            if bond.GetEndAtom().GetAtomicNum() == 1:
                length = np.linalg.norm(positions[bond.GetBeginAtomIdx()] - positions[bond.GetEndAtomIdx()])
                assert 0.9 < length < 1.4
    assert check_stereo(mol).kept


def test_relaxation_of_all_atoms_lowers_the_energy_and_none_moves_nothing() -> None:
    molecule = parse_smiles("CCCCO")
    assert embed(molecule, n_conformers=1, seed=0, time_limit=20)
    before = molecule.full.GetConformer().GetPositions()
    mol = with_conformers(molecule.full, before[None])
    assert not relax(mol, Relaxation.NONE, modelled=np.arange(5))
    assert np.array_equal(mol.GetConformer().GetPositions(), before)
    assert relax(mol, Relaxation.ALL, modelled=np.arange(5))
    assert np.abs(mol.GetConformer().GetPositions() - before).max() > 1e-3
