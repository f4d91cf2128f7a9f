"""Sets and ensembles of backbones: closed forms, invariance, controls that must fail."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from applications.molecular.parallel import chunked_map, ordered_map
from applications.molecular.proteins import tm
from applications.molecular.proteins.bundled import bundled_chains, bundled_ensemble
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.descriptors import (
    Descriptors,
    descriptor_frechet_distance,
    dihedral_jsd,
    frechet_distance,
    sse_jsd,
)
from applications.molecular.proteins.designability import TableError, join_table
from applications.molecular.proteins.ensembles import EnsembleError, compare_ensembles, rmsd_to, wasserstein
from applications.molecular.proteins.evaluate import (
    SET_DISTANCES,
    BackboneOptions,
    diversity,
    measure_set,
    novelty,
)
from applications.molecular.proteins.law_distance import law_distance
from applications.molecular.proteins.measures import MeasuredSet
from tests.applications.ideal_chains import chain, helix, mirrored, moved, strand


@pytest.fixture(scope="module")
def chains() -> list[BackboneChain]:
    return bundled_chains()[:16]


@pytest.fixture(scope="module")
def real(chains: list[BackboneChain]) -> MeasuredSet:
    return measure_set(chains)


@pytest.fixture(scope="module")
def ensemble() -> np.ndarray:
    return bundled_ensemble().positions.astype(np.float64)


def gaussian(n: int, mean: np.ndarray, root: np.ndarray, seed: int) -> np.ndarray:
    """A sample whose mean and covariance are exactly these."""
    x = np.random.default_rng(seed).normal(size=(n, len(mean)))
    x -= x.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(x, rowvar=False, bias=True))
    return mean + x @ (vectors / np.sqrt(values)) @ vectors.T @ root.T


@given(seed=st.integers(0, 10**6), shift=st.floats(-3, 3), scale=st.floats(0.1, 4))
def test_the_frechet_distance_of_commuting_gaussians(seed: int, shift: float, scale: float) -> None:
    rng = np.random.default_rng(seed)
    basis = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    first, second = rng.uniform(0.1, 2, size=(2, 4))
    mean = rng.normal(size=4)
    a = gaussian(60, mean, basis * first, seed)
    b = gaussian(45, mean + shift, basis * (scale * second), seed + 1)
    expected = 4 * shift**2 + ((first - scale * second) ** 2).sum()
    np.testing.assert_allclose(frechet_distance(a, b), expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(frechet_distance(b, a), expected, rtol=1e-8, atol=1e-8)


def test_the_frechet_distance_of_gaussians_that_do_not_commute_is_that_of_scipy() -> None:
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 3)) @ rng.normal(size=(3, 3)), rng.normal(size=(70, 3)) @ rng.normal(size=(3, 3))
    c1, c2 = (np.cov(x, rowvar=False, bias=True) for x in (a, b))
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(c1 + c2 - 2 * np.real(sqrtm(c1 @ c2)))
    np.testing.assert_allclose(frechet_distance(a, b), expected, rtol=1e-8)
    assert frechet_distance(a[:1], a[:1]) == 0.0
    np.testing.assert_allclose(frechet_distance(a[:1], b[:1]), ((a[0] - b[0]) ** 2).sum())


@pytest.mark.parametrize("name", SET_DISTANCES)
def test_set_distances_are_zero_on_equal_sets_and_blind_to_order(name: str, real: MeasuredSet) -> None:
    distance, x = SET_DISTANCES[name], real.descriptors
    order = np.random.default_rng(0).permutation(len(x))
    assert distance(x, x[order]) == pytest.approx(0, abs=1e-7)
    a, b = x[np.arange(8)], x[np.arange(8, 16)]
    assert distance(a, b) > 0.01
    assert distance(a, b) == pytest.approx(distance(b[np.arange(8)[::-1]], a), rel=1e-9)


def test_only_dihedrals_and_descriptors_see_mirror_images(chains: list[BackboneChain], real: MeasuredSet) -> None:
    images = measure_set([replace(c, positions=mirrored(c.positions).astype(np.float32)) for c in chains])
    assert dihedral_jsd(real.descriptors, images.descriptors) > 0.5
    assert descriptor_frechet_distance(real.descriptors, images.descriptors) > 0.1
    assert sse_jsd(real.descriptors, images.descriptors) < 0.2


def test_jensen_shannon_distances_of_known_shares() -> None:
    def of(*shares: float) -> Descriptors:
        return Descriptors(np.zeros((1, 2)), np.array([shares]), np.array([shares]))

    assert sse_jsd(of(1, 0, 0), of(0, 1, 0)) == pytest.approx(1)
    # between a certain and an even outcome of two: half of (log2 4/3 + (log2 2/3 + log2 2) / 2) bits
    bits = (np.log2(4 / 3) + (np.log2(2 / 3) + 1) / 2) / 2
    assert sse_jsd(of(7, 0, 0), of(2, 2, 0)) == pytest.approx(np.sqrt(bits))
    assert np.isnan(dihedral_jsd(of(0, 0, 0), of(1, 0, 0)))


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_wasserstein_is_that_of_scipy(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(n, 3)).round(1), 1 + 2 * rng.normal(size=(m, 3)).round(1)
    expected = [wasserstein_distance(a[:, k], b[:, k]) for k in range(3)]
    np.testing.assert_allclose(wasserstein(a, b), expected, atol=1e-12)
    np.testing.assert_allclose(wasserstein(a, a + 0.7), 0.7)


def test_law_distances_have_a_floor_and_see_another_law() -> None:
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(80, 1))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return float(wasserstein(a, b)[0])

    same = law_distance(distance, rng.normal(size=(80, 1)), reference, seed=1)
    other = law_distance(distance, 1.5 + rng.normal(size=(80, 1)), reference, seed=1)
    assert same.low <= same.value <= same.high
    assert same.value < same.floor_high
    assert other.low > other.floor_high
    assert abs(other.value - 1.5) < 0.4
    assert other == law_distance(
        distance, 1.5 + np.random.default_rng(0).normal(size=(240, 1))[160:], reference, seed=1
    )
    assert np.isnan(law_distance(distance, reference, reference[:1], seed=1).floor)


def test_ensembles_are_compared_by_invariants(ensemble: np.ndarray) -> None:
    reference, generated = ensemble[::2], ensemble[1::2]
    ends = generated[0], reference[3]
    found = compare_ensembles(generated, reference, ends=ends, seed=0, resamples=20)
    turned = np.stack([moved(frame, k) for k, frame in enumerate(generated)])[::-1]
    again = compare_ensembles(turned, reference, ends=ends, seed=0, resamples=2)
    assert list(found) == ["radius_of_gyration", "pair_distances", "rmsd_to_first", "rmsd_to_second"]
    for name, value in found.items():
        assert again[name].value == pytest.approx(value.value, abs=2e-4), "rigid motions and order change nothing"
        assert value.value < 2 * value.floor_high, name
    swollen = compare_ensembles(1.05 * generated, reference, ends=ends, seed=0, resamples=20)
    single = compare_ensembles(np.repeat(generated[:1], 30, axis=0), reference, ends=ends, seed=0, resamples=2)
    for name in ("radius_of_gyration", "pair_distances"):
        assert swollen[name].low > swollen[name].floor_high, "a control that must fail"
    assert single["pair_distances"].value > 1.5 * found["pair_distances"].value, "one conformation is no ensemble"


def test_the_rmsd_uses_proper_rotations_only(ensemble: np.ndarray) -> None:
    frames = np.stack([moved(ensemble[0], 1), mirrored(ensemble[0])])
    distances = rmsd_to(frames, ensemble[0])
    assert distances[0] < 1e-4
    assert distances[1] > 3


def test_ensembles_that_cannot_be_compared() -> None:
    x = np.zeros((3, 5, 3))
    with pytest.raises(EnsembleError, match="got 5, 6 residues"):
        compare_ensembles(x, np.zeros((3, 6, 3)), ends=None, seed=0)
    with pytest.raises(EnsembleError, match="one conformation"):
        compare_ensembles(x, x[:1], ends=None, seed=0)


def test_tm_scores_of_copies_and_mirror_images(chains: list[BackboneChain]) -> None:
    x = chains[5].positions[0]
    assert tm.tm_score(x, moved(x, 3)).mean == pytest.approx(1, abs=1e-4)
    assert tm.tm_score(x, mirrored(x)).mean < 0.6
    part = tm.tm_score(x[:40], x)
    assert part.by_first == pytest.approx(1, abs=1e-4)
    assert part.by_second == pytest.approx(40 / len(x), abs=0.02)
    with pytest.raises(tm.TMScoreError, match="got 4 residues"):
        tm.tm_score(x[:4], x)


def test_diversity_and_novelty(chains: list[BackboneChain]) -> None:
    copies = measure_set([chains[0], replace(chains[0], name="again"), chains[1], chain(strand(3), "short")])
    found = diversity(copies, BackboneOptions())
    assert (found.n, found.n_clusters, found.too_short) == (3, 2, 1)
    assert 0.4 < found.mean_tm < 0.7
    near = novelty(copies, measure_set(chains[1:4]), BackboneOptions(tm_limit=2, seed=1))
    assert len(near.names) == 2
    alone = novelty(
        copies, measure_set([*chains[1:3], chain(moved(chains[0].positions[0], 2), "copy")]), BackboneOptions()
    )
    assert alone.nearest == ["copy", "copy", chains[1].name]
    np.testing.assert_allclose(alone.nearest_tm, 1, atol=1e-4)
    single = diversity(measure_set(chains[:1]), BackboneOptions())
    assert (single.n, single.n_clusters) == (1, 1)
    assert np.isnan(single.mean_tm)


def test_clusters_are_single_linkage_and_blind_to_order() -> None:
    matrix = np.eye(5)
    for i, j in ((0, 1), (1, 2), (3, 4)):
        matrix[i, j] = matrix[j, i] = 0.5
    matrix[0, 2] = matrix[2, 0] = 0.2
    assert tm.clusters(matrix).tolist() == [0, 0, 0, 1, 1]
    order = np.array([4, 2, 0, 3, 1])
    shuffled = tm.clusters(matrix[np.ix_(order, order)])
    assert shuffled.tolist() == [0, 1, 1, 0, 1]


def test_processes_do_not_change_results(chains: list[BackboneChain]) -> None:
    one, two = (measure_set(chains[:3], workers=workers) for workers in (1, 2))
    np.testing.assert_array_equal(one.descriptors.vectors, two.descriptors.vectors)
    seen: list[tuple[int, int]] = []
    assert chunked_map(list, list(range(7)), chunk=3, advance=lambda *done: seen.append(done)) == list(range(7))
    assert seen == [(3, 7), (6, 7), (7, 7)]
    assert ordered_map(str, [1, 2]) == ["1", "2"]


def test_tables_are_joined_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("sc_RMSD,name,plddt\n1.5,a.pdb,90\n2.5,b,\n1,other,3\n")
    found = join_table(path, ["b", "a", "c"])
    assert found.columns == ["sc_RMSD", "plddt", "designable"]
    np.testing.assert_array_equal(found.values, [[2.5, np.nan, 0], [1.5, 90, 1], [np.nan] * 3])
    assert (found.matched, found.unknown) == (2, ["other"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected `name`"),
        ("id,x\na,1\n", "expected `name`"),
        ("name\na\n", "at least one column"),
        ("name,x\na,1\na,2\n", "a second time"),
        ("name,x\na,high\n", "got 'high' in column x"),
        ("name,x\na\n", "got 1 cells"),
        ("name,x\nb,1\n", "no name is a structure: got b"),
    ],
)
def test_tables_that_cannot_be_joined(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(content)
    with pytest.raises(TableError, match=message):
        join_table(path, ["a"])


def test_a_helix_is_one_fold_whatever_its_length() -> None:
    assert tm.tm_score(helix(40), helix(60)).by_first > 0.9
