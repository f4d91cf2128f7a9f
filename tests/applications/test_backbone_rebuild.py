"""N, C and O from a CA trace: measured on chains that the fit has not seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from applications.molecular.proteins.bundled import bundled_chains, bundled_ensemble
from applications.molecular.proteins.peptide_planes import PeptidePlanes, fit
from applications.molecular.proteins.rebuild import cis_peptides, rebuild_backbone
from tests.applications.backbone_material import full_backbones

MIRROR = np.array([1.0, 1.0, -1.0])


def errors(atoms: NDArray[np.float64], built: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square errors of N, CA, C and O, without the ends, which no trace determines."""
    squares = ((atoms - built) ** 2).sum(axis=-1)
    return np.sqrt([squares[1:, 0].mean(), squares[:, 1].mean(), squares[:-1, 2].mean(), squares[:-1, 3].mean()])


def bond_lengths(atoms: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    n, ca, c, o = (atoms[..., i, :] for i in range(4))
    pairs = {"N-CA": n - ca, "CA-C": ca - c, "C=O": c - o, "C-N": c[..., :-1, :] - n[..., 1:, :]}
    return {name: np.linalg.norm(vector, axis=-1) for name, vector in pairs.items()}


def test_atoms_of_unseen_chains_are_found() -> None:
    found = np.array([errors(atoms, rebuild_backbone(atoms[:, 1])) for _, atoms in full_backbones()])
    assert (found[:, 1] == 0).all()
    # measured: 0.17, 0, 0.23 and 0.73 Å on these four, 0.16, 0, 0.20 and 0.62 Å on all 25
    assert (found.mean(axis=0) < [0.22, 1e-12, 0.28, 0.80]).all()


def test_the_wrong_hand_is_told_from_the_right_one() -> None:
    """Negative control: planes of the mirror image are wrong by more than twice as much."""
    for _, atoms in full_backbones():
        right = errors(atoms, rebuild_backbone(atoms[:, 1]))
        wrong = errors(atoms, rebuild_backbone(atoms[:, 1] * MIRROR) * MIRROR)
        assert (wrong[[0, 2, 3]] > 2 * right[[0, 2, 3]]).all()


def test_bond_lengths_are_those_of_proteins() -> None:
    expected = {"N-CA": 1.458, "CA-C": 1.525, "C=O": 1.231, "C-N": 1.329}
    for chain in bundled_chains():
        trans = ~cis_peptides(chain.positions[0])
        found = bond_lengths(rebuild_backbone(chain.positions[0], chain.residue_index))
        for name, lengths in found.items():
            assert abs(np.median(lengths) - expected[name]) < 0.02
        assert (np.abs(found["C-N"][trans] - 1.329) < 0.5).all()


def test_a_cis_peptide_is_noted_and_closed() -> None:
    chains = {chain.name: chain for chain in bundled_chains()}
    chain = chains["2xdgA"]
    is_cis = cis_peptides(chain.positions[0], chain.residue_index)
    assert is_cis.sum() == 1
    atoms = rebuild_backbone(chain.positions[0], chain.residue_index)
    assert (np.abs(bond_lengths(atoms)["C-N"][is_cis] - 1.33) < 0.15).all()
    # the dihedral CA-C-N-CA is near zero in cis, near 180 degrees in trans
    b0, b1, b2 = atoms[:-1, 2] - atoms[:-1, 1], atoms[1:, 0] - atoms[:-1, 2], atoms[1:, 1] - atoms[1:, 0]
    m, n = np.cross(b0, b1), np.cross(b1, b2)
    cosine = (m * n).sum(-1) / np.linalg.norm(m, axis=-1) / np.linalg.norm(n, axis=-1)
    assert (cosine[is_cis] > 0.9).all()
    assert (cosine[~is_cis] < -0.9).all()


@given(st.integers(0, 2**32 - 1), st.integers(3, 40))
def test_rigid_motions_commute_with_rebuilding(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    trace = bundled_ensemble().positions[generator.integers(116), :n].astype(np.float64)
    rotation, shift = Rotation.random(rng=generator).as_matrix(), 100 * generator.normal(size=3)
    moved = rebuild_backbone(trace @ rotation.T + shift)
    np.testing.assert_allclose(moved, rebuild_backbone(trace) @ rotation.T + shift, atol=1e-9)


def test_batches_equal_their_parts() -> None:
    chain = bundled_ensemble()
    together = rebuild_backbone(chain.positions[:6].reshape(2, 3, 76, 3), chain.residue_index)
    assert together.shape == (2, 3, 76, 4, 3)
    np.testing.assert_allclose(together[1, 2], rebuild_backbone(chain.positions[5], chain.residue_index), atol=1e-12)


def test_pieces_do_not_see_each_other() -> None:
    trace = bundled_ensemble().positions[0, :20].astype(np.float64)
    numbers = np.r_[1:11, 15:25]
    built = rebuild_backbone(trace, numbers)
    np.testing.assert_allclose(built[:10], rebuild_backbone(trace[:10]), atol=1e-12)
    np.testing.assert_allclose(built[10:], rebuild_backbone(trace[10:]), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2])
def test_pieces_without_orientation_have_their_ca_atoms_alone(n: int) -> None:
    built = rebuild_backbone(bundled_ensemble().positions[0, :n])
    assert np.isfinite(built[:, 1]).all()
    assert np.isnan(built[:, [0, 2, 3]]).all()


def test_atoms_on_a_line_have_no_plane_and_no_warning() -> None:
    built = rebuild_backbone(np.arange(5.0)[:, None] * np.array([3.8, 0.0, 0.0]))
    assert np.isnan(built[:, [0, 2, 3]]).all()


def test_three_residues_are_enough() -> None:
    built = rebuild_backbone(bundled_ensemble().positions[0, :3])
    assert np.isfinite(built).all()
    assert all((np.abs(v - 1.4) < 0.2).all() for v in bond_lengths(built).values())


def test_the_fit_returns_planes_that_it_is_given() -> None:
    """A fit to chains that were built with known planes finds these places again."""
    known = PeptidePlanes.bundled()
    built = [rebuild_backbone(chain.positions[0])[2:-2] for chain in bundled_chains()[:12]]
    again = fit(built, ridge=1e-6)
    np.testing.assert_allclose(again.trans, known.trans, atol=1e-3)
