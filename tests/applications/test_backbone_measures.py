"""Measures of one backbone: closed forms on ideal chains, invariance, real chains and their mirror images."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from applications import extras
from applications.molecular.proteins.bundled import bundled_chains
from applications.molecular.proteins.ca_geometry import (
    CIS_RANGE,
    CLASH,
    CaTraces,
    bond_lengths,
    clash_counts,
    pair_distances,
    pseudo_angles,
    pseudo_dihedrals,
    share_between,
)
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.compactness import contact_order, expected_radius, radius_of_gyration
from applications.molecular.proteins.handedness import handedness
from applications.molecular.proteins.measures import measure_chain, united
from applications.molecular.proteins.secondary_structure import fractions, secondary_structure
from tests.applications.ideal_chains import HELIX, chain, helix, mirrored, moved, strand


@pytest.fixture(scope="module")
def real() -> list[BackboneChain]:
    return bundled_chains()


def of(positions: np.ndarray, **kwargs: tuple[int, ...]) -> CaTraces:
    return CaTraces.of_chain(chain(positions, **kwargs))  # type: ignore[arg-type]


def screw_distance(k: int, radius: float, turn: float, rise: float) -> float:
    return float(np.sqrt(2 * radius**2 * (1 - np.cos(k * turn)) + (k * rise) ** 2))


def screw_dihedral(radius: float, turn: float, rise: float) -> float:
    """From the distances of a screw by the law of the four points; its sign is that of turn times rise."""
    d1, d2, d3 = (screw_distance(k, radius, turn, rise) for k in (1, 2, 3))
    cosine = 1 - d2**2 / (2 * d1**2)
    sine2 = 1 - cosine**2
    straight = d1 * (1 - 2 * cosine)
    return float(
        np.sign(turn * rise) * np.degrees(np.arccos((straight**2 + 2 * d1**2 * sine2 - d3**2) / (2 * d1**2 * sine2)))
    )


@given(
    radius=st.floats(1, 5),
    turn=st.floats(0.3, 2.6),
    rise=st.floats(0.3, 3),
    hand=st.sampled_from([-1, 1]),
    seed=st.integers(0, 99),
)
def test_a_screw_has_the_geometry_of_its_closed_form(
    radius: float, turn: float, rise: float, hand: int, seed: int
) -> None:
    screw = radius, hand * turn, rise
    traces = of(moved(helix(12, radius=screw[0], turn=screw[1], rise=screw[2]), seed))
    d1, d2 = (screw_distance(k, *screw) for k in (1, 2))
    np.testing.assert_allclose(bond_lengths(traces), d1, rtol=1e-4)
    np.testing.assert_allclose(pseudo_angles(traces), np.degrees(2 * np.arcsin(d2 / (2 * d1))), atol=0.02)
    np.testing.assert_allclose(pseudo_dihedrals(traces), screw_dihedral(*screw), atol=0.05)


def test_an_alpha_helix_and_a_strand_have_the_numbers_of_text_books() -> None:
    alpha, beta = of(helix(20)), of(strand(20))
    np.testing.assert_allclose(bond_lengths(alpha), 3.80, atol=0.03)
    np.testing.assert_allclose(pseudo_dihedrals(alpha), 50, atol=1)
    np.testing.assert_allclose(pseudo_dihedrals(of(mirrored(helix(20)))), -50, atol=1)
    np.testing.assert_allclose(np.abs(pseudo_dihedrals(beta)), 180, atol=1e-3)
    np.testing.assert_allclose(pseudo_angles(beta), 120, atol=1e-3)
    assert not clash_counts(alpha).any()


def test_nothing_is_measured_across_a_break() -> None:
    whole, broken = helix(20), helix(20).copy()
    broken[8:] += [30.0, 0.0, 0.0]
    traces = of(broken, breaks=(7,))
    assert np.isnan(bond_lengths(traces)[0]).nonzero()[0].tolist() == [7]
    assert np.isnan(pseudo_angles(traces)[0]).nonzero()[0].tolist() == [6, 7]
    assert np.isnan(pseudo_dihedrals(traces)[0]).nonzero()[0].tolist() == [5, 6, 7]
    for measure in (bond_lengths, pseudo_angles, pseudo_dihedrals):
        there = np.isfinite(measure(traces))
        np.testing.assert_allclose(measure(traces)[there], measure(of(whole))[there], atol=1e-3)


def test_degenerate_traces_have_no_angles() -> None:
    point, line = np.zeros((6, 3)), np.arange(6.0)[:, None] * [1.0, 0.0, 0.0]
    assert np.isnan(pseudo_angles(of(point))).all()
    np.testing.assert_allclose(pseudo_angles(of(line)), 180)
    assert np.isnan(pseudo_dihedrals(of(line))).all()
    for n in (1, 2, 3):
        short = of(strand(n))
        assert pseudo_dihedrals(short).shape == (1, 0)
        assert bond_lengths(short).shape == (1, n - 1)


def test_clashes_count_pairs_without_a_bond() -> None:
    x = strand(6)
    x[5] = x[0] + [0.0, 0.0, CLASH - 0.1]
    assert clash_counts(of(x)).tolist() == [1]
    x[5] = x[0] + [0.0, 0.0, CLASH + 0.1]
    assert clash_counts(of(x)).tolist() == [0]
    close = strand(6, bond=3.0)
    assert clash_counts(of(close)).tolist() == [0], "bonds do not clash"
    assert clash_counts(of(close, breaks=(2,))).tolist() == [1], "neighbours without a bond do"


def test_a_padded_batch_gives_what_each_chain_gives(real: list[BackboneChain]) -> None:
    chosen = [CaTraces.of_chain(c) for c in real[:4]]
    batch = CaTraces.padded(chosen)
    for row, single in enumerate(chosen):
        n = single.mask.shape[-1]
        for measure, lost in ((bond_lengths, 1), (pseudo_angles, 2), (pseudo_dihedrals, 3)):
            padded = measure(batch)[row]
            np.testing.assert_array_equal(padded[: n - lost], measure(single)[0])
            assert np.isnan(padded[n - lost :]).all()
        assert clash_counts(batch)[row] == clash_counts(single)[0]
        np.testing.assert_allclose(radius_of_gyration(batch)[row], radius_of_gyration(single)[0], rtol=1e-12)
        np.testing.assert_allclose(contact_order(batch).relative[row], contact_order(single).relative[0], rtol=1e-12)


def test_sizes_and_contact_orders_of_closed_forms() -> None:
    two = np.array([[0.0, 0, 0], [6.0, 0, 0]])
    assert radius_of_gyration(of(two)).tolist() == [3.0]
    # points of a square of side a, without their diagonals' help: Rg = a / sqrt 2
    square = 10 * np.array([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]])
    np.testing.assert_allclose(radius_of_gyration(of(square)), 10 / np.sqrt(2), rtol=1e-6)
    hairpin = np.concatenate([strand(6), strand(6)[::-1] + np.array([0.0, 0.0, 5.0])])
    order = contact_order(of(hairpin))
    distances = pair_distances(of(hairpin))[0]
    pairs = [(i, j) for i in range(12) for j in range(i + 3, 12) if distances[i, j] < 8]
    assert order.n_contacts.tolist() == [len(pairs)]
    np.testing.assert_allclose(order.absolute, np.mean([j - i for i, j in pairs]))
    np.testing.assert_allclose(order.relative, np.mean([j - i for i, j in pairs]) / 12)
    assert np.isnan(contact_order(of(20 * np.eye(3))).relative).all()
    np.testing.assert_allclose(expected_radius(1), 3.35)


def test_p_sea_finds_the_ideal_elements_and_barely_sees_the_hand() -> None:
    alpha, beta = helix(24), strand(24, bond=3.8, angle=125)
    shares = [fractions(secondary_structure(chain(x)))[0] for x in (alpha, mirrored(alpha), beta)]
    assert shares[0][0] > 0.8
    assert shares[1][0] > 0.5
    assert shares[2][1] > 0.8
    np.testing.assert_allclose(np.sum(shares, axis=1), 1)


def test_handedness_tells_an_ideal_helix_from_its_mirror_image() -> None:
    for positions, right in ((helix(24), 1.0), (mirrored(helix(24)), 0.0)):
        found = handedness(chain(positions), secondary_structure(chain(positions)))
        assert found.right.tolist() == [right]
        assert found.n_dihedrals[0] > 10
    flat = chain(strand(24))
    assert np.isnan(handedness(flat, secondary_structure(flat)).right).all()


def test_handedness_tells_real_chains_from_their_mirror_images(real: list[BackboneChain]) -> None:
    with_helix, dihedrals = 0, []
    for one in real[:25]:
        other = replace(one, positions=mirrored(one.positions).astype(np.float32))
        found, image = (handedness(c, secondary_structure(c)) for c in (one, other))
        assert found.n_dihedrals.tolist() == image.n_dihedrals.tolist()
        if found.n_dihedrals[0]:
            with_helix += 1
            assert found.right[0] == 1.0, one.name
            assert image.right[0] == 0.0, one.name
        dihedrals.append(found.dihedrals)
    assert with_helix > 15
    np.testing.assert_allclose(np.concatenate(dihedrals).mean(), 50, atol=1)


def test_real_chains_have_the_values_that_are_documented(real: list[BackboneChain]) -> None:
    bonds = np.concatenate([bond_lengths(CaTraces.of_chain(c))[0] for c in real])
    bonds = bonds[np.isfinite(bonds)]
    assert share_between(bonds, 3.7, 3.9) > 0.99
    cis = bonds[(bonds > CIS_RANGE[0]) & (bonds < CIS_RANGE[1])]
    assert 5 < len(cis) < 30
    assert (len(real), sum(int(clash_counts(CaTraces.of_chain(c))[0]) for c in real)) == (50, 0)
    ratios = [float(radius_of_gyration(CaTraces.of_chain(c))[0] / expected_radius(c.n_residues)) for c in real]
    assert abs(np.median(ratios) - 1) < 0.05


@pytest.mark.parametrize("seed", range(3))
def test_a_rigid_motion_changes_no_measure(real: list[BackboneChain], seed: int) -> None:
    one = real[7 + seed]
    other = replace(one, positions=moved(one.positions, seed).astype(np.float32))
    first, second = (measure_chain(c).rows[0] for c in (one, other))
    for name in first.__dataclass_fields__:
        left, right = getattr(first, name), getattr(second, name)
        assert left == right or left == pytest.approx(right, rel=1e-4, nan_ok=True), name


def test_models_are_measured_one_by_one(real: list[BackboneChain]) -> None:
    one = real[3]
    other = moved(mirrored(one.positions), 5)
    both = measure_chain(replace(one, positions=np.concatenate([one.positions, other]).astype(np.float32)))
    singles = united([measure_chain(one), measure_chain(replace(one, positions=other.astype(np.float32)))])
    assert [row.name for row in both.rows] == [f"{one.name}:1", f"{one.name}:2"]
    np.testing.assert_array_equal(both.descriptors.vectors, singles.descriptors.vectors)
    assert [row.right_handed for row in both.rows] == [row.right_handed for row in singles.rows] == [1.0, 0.0]


@pytest.mark.parametrize("positions", [np.zeros((1, 3)), strand(2), np.zeros((12, 3)), 1e4 * strand(30)])
def test_the_smallest_and_strangest_chains_are_measured(positions: np.ndarray) -> None:
    (row,) = measure_chain(chain(positions)).rows
    assert row.coil == 1.0
    assert np.isnan(row.right_handed)


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    missing: Callable[[str], bool] = lambda _: False  # noqa: E731
    monkeypatch.setattr(extras, "has_module", missing)
    with pytest.raises(extras.MissingExtraError, match=r"quotient-diffusion\[protein\]"):
        secondary_structure(chain(helix(10)))


def test_the_helix_of_these_tests_is_an_alpha_helix() -> None:
    assert screw_distance(1, *HELIX) == pytest.approx(3.8, abs=0.03)
    assert screw_dihedral(*HELIX) == pytest.approx(50, abs=1)
