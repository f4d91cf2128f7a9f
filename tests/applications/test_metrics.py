import numpy as np
import pytest

from applications.molecular.chemistry import parse_smiles
from applications.molecular.ensembles import embed
from applications.molecular.metrics import Failures, rmsd_matrix, score, summarise, summarise_scores
from applications.molecular.structures import with_conformers


def _frames(smiles: str, n: int, seed: int) -> np.ndarray:
    molecule = parse_smiles(smiles)
    ids = embed(molecule, n_conformers=n, seed=seed, time_limit=30)
    return np.stack([molecule.full.GetConformer(i).GetPositions() for i in ids])


def _rotation(rng: np.random.Generator) -> np.ndarray:
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def test_scores_by_hand() -> None:
    matrix = np.array([[0.1, 0.9, 2.0], [0.6, 1.2, 3.0]])
    result = score(matrix, [0.5, 0.75])
    assert result.coverage_recall == {0.5: 0.5, 0.75: 1.0}
    assert result.coverage_precision == {0.5: pytest.approx(1 / 3), 0.75: pytest.approx(1 / 3)}
    assert result.amr_recall == pytest.approx(0.35)
    assert result.amr_precision == pytest.approx((0.1 + 0.9 + 2.0) / 3)


def test_a_molecule_without_conformers_scores_zero_or_is_left_out() -> None:
    good, failed = score(np.array([[0.1]]), [0.5]), score(np.empty((3, 0)), [0.5])
    rng = np.random.default_rng(0)
    zero = summarise_scores([good, failed], failures=Failures.ZERO, rng=rng)
    skip = summarise_scores([good, failed], failures=Failures.SKIP, rng=rng)
    assert (zero["COV-R@0.5"].mean, zero["COV-R@0.5"].n) == (0.5, 2)
    assert (skip["COV-R@0.5"].mean, skip["COV-R@0.5"].n) == (1.0, 1)
    assert (zero["AMR-R"].mean, zero["AMR-R"].n) == (pytest.approx(0.1), 1)


def test_bootstrap_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(300):
        summary = summarise(rng.exponential(size=40).tolist(), rng=rng, resamples=300)
        hits += summary.low < 1.0 < summary.high
    # 95 % nominal; five standard deviations below 92 %, the level known for skew data of this size.
    assert hits / 300 > 0.84
    assert hits / 300 < 0.995
    empty = summarise([float("nan")], rng=rng)
    assert empty.n == 0
    assert np.isnan(empty.mean)


def test_rmsd_ignores_rigid_motion_and_sees_reflection() -> None:
    rng = np.random.default_rng(0)
    molecule = parse_smiles("C[C@H](N)C(=O)OCC")
    frames = _frames(molecule.smiles, 4, seed=1)
    references = with_conformers(molecule.full, frames)
    moved = with_conformers(molecule.full, np.stack([f @ _rotation(rng).T + rng.normal(size=3) for f in frames]))
    assert np.abs(np.diag(rmsd_matrix(moved, references))).max() < 1e-4
    mirrored = with_conformers(molecule.full, -frames)
    assert np.diag(rmsd_matrix(mirrored, references)).min() > 0.3


def test_rmsd_is_the_least_over_automorphisms() -> None:
    molecule = parse_smiles("Fc1ccccc1C(C)(C)C")
    frames = _frames(molecule.smiles, 3, seed=2)
    matches = molecule.full.GetSubstructMatches(molecule.full, uniquify=False, maxMatches=100_000)
    other = next(m for m in matches if m[: molecule.n_heavy] != matches[0][: molecule.n_heavy])
    relabelled = with_conformers(molecule.full, frames[:, list(other)])
    matrix = rmsd_matrix(relabelled, with_conformers(molecule.full, frames))
    assert np.abs(np.diag(matrix)).max() < 1e-4


@pytest.mark.parametrize("smiles", ["CCCCO", "c1ccccc1CCN", "CC(C)CC(F)(F)F"])
def test_rmsd_agrees_with_spyrmsd(smiles: str) -> None:
    spyrmsd = pytest.importorskip("spyrmsd.rmsd")
    from rdkit import Chem

    molecule = parse_smiles(smiles)
    a, b = _frames(smiles, 2, seed=3), _frames(smiles, 2, seed=4)
    matrix = rmsd_matrix(with_conformers(molecule.full, a), with_conformers(molecule.full, b))
    n = molecule.n_heavy
    numbers = np.array(molecule.atomic_numbers[:n])
    graph = Chem.GetAdjacencyMatrix(molecule.heavy)
    for r in range(2):
        oracle = spyrmsd.symmrmsd(b[r, :n], [a[g, :n] for g in range(2)], numbers, numbers, graph, graph, minimize=True)
        assert np.abs(matrix[r] - np.array(oracle)).max() < 1e-3
