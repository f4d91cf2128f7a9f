"""Symmetries of the network in the package, with its trained weights, through whole generations of fifty steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem.rdchem import ChiralType
from torch import Tensor

from applications.molecular.batching import collate
from applications.molecular.checkpoint import load_model
from applications.molecular.chemistry import Molecule, parse_smiles
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.equivariance import rotation_deviation
from applications.molecular.features import Hydrogens, MoleculeFeatures, featurize
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import PlainConfig
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.stereo import check_stereo
from applications.molecular.structures import assemble
from diffusion import ODESampler, uniform_grid
from quotient import CounterNoise

TOLERANCE = 1e-4  # Å, in float32
MIXED = ("OC(=O)c1ccccc1", "C[C@H](N)C(=O)O", "OC/C=C/CBr", "CCC")
CHIRAL = (
    "C[C@H](N)C(=O)O", "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O", "C[C@](F)(Cl)CO", "N[C@@H](CS)C(=O)NCC(=O)O",
    "C[C@@H]1CCC(=O)C1", "C[C@H](O)[C@@H](F)CC",
)  # fmt: skip
DOUBLE = (r"OC/C=C/CBr", r"F/C(Cl)=C/CC", r"CC/C(C)=C/C(=O)O", r"C/C=C/c1ccccc1")
FLIPPED = {ChiralType.CHI_TETRAHEDRAL_CW: ChiralType.CHI_TETRAHEDRAL_CCW,
           ChiralType.CHI_TETRAHEDRAL_CCW: ChiralType.CHI_TETRAHEDRAL_CW}  # fmt: skip


Made = dict[str, list[tuple[Molecule, np.ndarray, Chem.Mol]]]


@cache
def shipped() -> ConformerModel:
    return load_model()


def described(mol: Chem.Mol) -> MoleculeFeatures:
    return featurize(mol, hydrogens=Hydrogens.PLACED)


def noise_for(items: Sequence[MoleculeFeatures]) -> Tensor:
    """Centred noise of seeds 0, 1, ..., zero at padding, shape (B, N, 3)."""
    batch = collate(items, scale=1.0)
    like = torch.zeros(batch.size, batch.n_atoms, 3)
    model = shipped()
    return model.diffusion.path(batch).initial(model.quotient(batch), like, CounterNoise(torch.arange(len(items))))


@torch.no_grad()
def carried(items: Sequence[MoleculeFeatures], start: Tensor) -> Tensor:
    """Fifty steps from given noise, Å."""
    model = shipped()
    batch = collate(items, scale=model.scale)
    sampler = ODESampler(uniform_grid(50))
    return sampler.sample(model.quotient(batch), start, model.velocity(batch)).x * model.scale


def first_samples(smiles: Sequence[str], n: int) -> Made:
    """For each SMILES its n first conformers as the network makes them, no gate and no second try."""
    sampler = ModelSampler(shipped(), SamplingSettings(steps=50))
    molecules = [parse_smiles(s) for s in smiles]
    features = [sampler.describe(molecule) for molecule in molecules]
    jobs = [(k, seed) for k in range(len(smiles)) for seed in range(n)]
    positions = sampler.sample([features[k] for k, _ in jobs], [seed for _, seed in jobs])
    found: Made = {s: [] for s in smiles}
    for (k, _), x in zip(jobs, positions, strict=True):
        found[smiles[k]].append((molecules[k], x, assemble(molecules[k], sampler.modelled_atoms(features[k]), x)))
    return found


def mirrored(mol: Chem.Mol) -> Chem.Mol:
    """The enantiomer, atom for atom."""
    copy = Chem.Mol(mol)
    for atom in copy.GetAtoms():
        atom.SetChiralTag(FLIPPED.get(atom.GetChiralTag(), atom.GetChiralTag()))
    return copy


def test_moving_the_noise_rigidly_moves_the_conformer_rigidly() -> None:
    mols = [Chem.MolFromSmiles(s) for s in MIXED[1:]]
    generator = torch.Generator().manual_seed(0)
    found = rotation_deviation(shipped(), mols, seeds=range(len(mols)), generator=generator, n_times=2)
    assert float(found.rigid_rmsd.max()) < TOLERANCE
    assert float(found.shape_rmsd.max()) < TOLERANCE
    assert float(found.velocity.max()) < 1e-4
    items = [described(mol) for mol in mols[:1]]
    start = noise_for(items)
    pushed = start + torch.tensor([3.0, -1.0, 2.0])
    assert float((carried(items, pushed) - carried(items, start)).abs().max()) < TOLERANCE


def test_renumbering_the_atoms_renumbers_the_conformer() -> None:
    rng = np.random.default_rng(0)
    mols = [Chem.MolFromSmiles(s) for s in (MIXED[0], MIXED[2], CHIRAL[5])]
    orders = [rng.permutation(mol.GetNumAtoms()).tolist() for mol in mols]
    renumbered = [described(Chem.RenumberAtoms(mol, order)) for mol, order in zip(mols, orders, strict=True)]
    start = noise_for([described(mol) for mol in mols])
    moved = torch.zeros_like(start)
    for row, order in enumerate(orders):
        moved[row, : len(order)] = start[row, order]
    here, there = carried([described(mol) for mol in mols], start), carried(renumbered, moved)
    for row, order in enumerate(orders):
        assert float((there[row, : len(order)] - here[row, order]).abs().max()) < TOLERANCE, Chem.MolToSmiles(mols[row])
        # the control: the wrong order is not small
        assert float((there[row, : len(order)] - here[row, : len(order)]).abs().max()) > 0.1


def test_a_conformer_does_not_depend_on_its_company() -> None:
    sampler = ModelSampler(shipped(), SamplingSettings(steps=50))
    items = [sampler.describe(parse_smiles(s)) for s in (*MIXED[1:], "CCC(=O)OCC#N")]
    together = sampler.sample(items, range(len(items)))
    pair = sampler.sample(items[2:0:-1], [2, 1])
    for k, other in ((2, pair[0]), (1, pair[1]), (0, sampler.sample(items[:1], [0])[0])):
        assert np.abs(other - together[k]).max() < TOLERANCE


def both_hands(chosen: Sequence[str], n: int) -> Made:
    return first_samples([t for s in chosen for t in (s, Chem.MolToSmiles(mirrored(Chem.MolFromSmiles(s))))], n)


def kept(found: Made) -> list[bool]:
    return [check_stereo(mol).kept for made in found.values() for _, _, mol in made]


@pytest.mark.parametrize(
    ("chosen", "seeds"), [(CHIRAL[::2], 2), pytest.param(CHIRAL, 10, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_the_wanted_hand_comes_out_for_both_enantiomers(chosen: Sequence[str], seeds: int) -> None:
    found = both_hands(chosen, seeds)
    assert len(found) == 2 * len(chosen)
    assert np.mean(kept(found)) > 0.9
    # each enantiomer of each molecule by itself, not on the average of the two
    assert all(any(kept({smiles: made})) for smiles, made in found.items())
    # the control: the mirror images of the same coordinates are the other enantiomer
    reflected = {
        smiles: [(m, x, assemble(m, np.arange(m.n_heavy), x * [1.0, 1.0, -1.0])) for m, x, _ in made]
        for smiles, made in found.items()
    }
    assert np.mean(kept(reflected)) < 0.1


def test_mirrored_noise_gives_the_enantiomer_the_mirrored_hand() -> None:
    mols = [Chem.MolFromSmiles(s) for s in CHIRAL[::2]]
    items = [described(mol) for mol in (*mols, *map(mirrored, mols))]
    start = noise_for(items[: len(mols)])
    flip = torch.tensor([1.0, 1.0, -1.0])
    found = carried(items, torch.cat([start, start * flip]))
    here, there = found[: len(mols)], found[len(mols) :]
    volumes = []
    for row, item in enumerate(items[: len(mols)]):
        corners = item.chiral_corners
        volumes.append(torch.stack([signed_volume(x[row], corners) for x in (here, there)]))
        assert len(corners)
    every = torch.cat(volumes, dim=1)
    assert float((every[0] * every[1] < 0).double().mean()) > 0.9


def signed_volume(x: Tensor, corners: Tensor) -> Tensor:
    p = x[corners]
    a, b, c = (p[:, :3] - p[:, 3:]).unbind(1)
    return (a * torch.linalg.cross(b, c)).sum(-1)


@pytest.mark.parametrize(
    ("chosen", "seeds"), [(DOUBLE[:2], 2), pytest.param(DOUBLE, 10, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_both_sides_of_double_bonds_come_out(chosen: Sequence[str], seeds: int) -> None:
    pairs = [t for s in chosen for t in (s, s.replace("=C/", "=C\\", 1))]
    assert len({parse_smiles(s).smiles for s in pairs}) == len(pairs)
    found = first_samples(pairs, seeds)
    assert all(check_stereo(mol).bonds == 1 for made in found.values() for _, _, mol in made)
    assert np.mean(kept(found)) > 0.9
    assert all(any(kept({smiles: made})) for smiles, made in found.items())


def test_a_plain_transformer_deviates() -> None:
    """The control of the measure: without built-in symmetry, fresh weights do not commute with rotations."""
    spec = ModelSpec(
        network=PlainConfig(width=32, pairs=16, heads=4, blocks=2),
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.INDEPENDENT,
        scale=2.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = ConformerModel.untrained(spec)
        for parameter in model.network.parameters():
            parameter.data += 0.05 * torch.randn_like(parameter)
    mols = [Chem.MolFromSmiles(s) for s in MIXED]
    found = rotation_deviation(
        model, mols, seeds=range(len(mols)), generator=torch.Generator().manual_seed(0), steps=10
    )
    assert float(found.shape_rmsd[:3].min()) > 1e-3
    assert bool((found.rigid_rmsd >= found.shape_rmsd - 1e-6).all())
    assert float(found.velocity[:, :3].min()) > 1e-3
    assert found.velocity.shape == (5, len(MIXED))
