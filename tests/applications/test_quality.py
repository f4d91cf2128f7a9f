"""Strain, clashes, flatness of rings and threshold curves on cases whose answer is known, and on spoilt ones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from applications.molecular.chemistry import parse_smiles
from applications.molecular.curves import THRESHOLDS, threshold_curve
from applications.molecular.ensembles import EnsembleOptions, reference_ensemble
from applications.molecular.metrics import Failures, score
from applications.molecular.quality import NOTHING, QualityMeter, summarise_quality
from applications.molecular.ring_planarity import aromatic_rings, plane_deviation
from applications.molecular.strain import energies, lowest_minimum
from applications.molecular.structures import mmff_energy, with_conformers


def minima(smiles: str, n: int = 4) -> NDArray[np.float64]:
    return reference_ensemble(smiles, EnsembleOptions(n_conformers=n)).positions.astype(np.float64)


def hexagon(*, lifted: float = 0.0) -> NDArray[np.float64]:
    angle = np.arange(6) * np.pi / 3
    points = 1.39 * np.stack([np.cos(angle), np.sin(angle), np.zeros(6)], axis=-1)
    points[:, 2] += lifted * np.array([1, -1, 1, -1, 1, -1])
    return points


def test_distance_from_the_plane_of_a_ring_whatever_its_position() -> None:
    rng = np.random.default_rng(0)
    for lifted in (0.0, 1e-3, 0.3):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        assert plane_deviation(hexagon(lifted=lifted) @ turn + 100.0) == pytest.approx(lifted, abs=1e-9)
    # one atom of six lifted by h: the best plane tilts after it, so less than h remains
    bent = hexagon()
    bent[0, 2] = 0.3
    assert 0.05 < plane_deviation(bent) < 0.3


def test_aromatic_rings_are_found_and_others_are_not() -> None:
    assert [len(ring) for ring in aromatic_rings(parse_smiles("c1ccc2[nH]ccc2c1").full)] == [5, 6]
    assert aromatic_rings(parse_smiles("C1CCCCC1").full) == []
    assert [len(ring) for ring in aromatic_rings(parse_smiles("c1ccc2c(c1)CCC2").full)] == [6]


def test_a_ring_that_is_bent_is_seen_and_a_molecule_without_one_has_no_figure() -> None:
    molecule = parse_smiles("Cc1ccccc1")
    frames = minima(molecule.smiles, 3)
    meter = QualityMeter(molecule.full, ground=0.0)
    flat = meter.measure(with_conformers(molecule.full, frames))
    assert flat.ring_deviation < 0.02
    assert flat.bent_rings == 0
    ring = list(aromatic_rings(molecule.full)[0])
    spoilt = frames.copy()
    centred = spoilt[0, ring] - spoilt[0, ring].mean(axis=0)
    spoilt[0, ring] += 0.5 * np.array([1, -1, 1, -1, 1, -1])[:, None] * np.linalg.svd(centred)[2][2]
    bent = meter.measure(with_conformers(molecule.full, spoilt))
    assert bent.bent_rings == pytest.approx(1 / 3)
    assert bent.ring_deviation < 0.02, "the median is that of the two flat ones"
    plain = parse_smiles("CCCO")
    without = QualityMeter(plain.full, ground=0.0).measure(with_conformers(plain.full, minima("CCCO", 2)))
    assert np.isnan([without.ring_deviation, without.bent_rings]).all()
    assert without.clashing == 0


def test_strain_is_zero_at_the_lowest_minimum_and_the_energy_difference_elsewhere() -> None:
    molecule = parse_smiles("CCCCO")
    frames = minima(molecule.smiles, 8)
    mol = with_conformers(molecule.full, frames)
    each = energies(mol)
    assert each == pytest.approx([mmff_energy(mol, conf_id=i) for i in range(len(frames))])
    ground = lowest_minimum(mol, smiles=molecule.smiles)
    assert ground == pytest.approx(each.min(), abs=1e-3)
    assert each.max() - each.min() > 0.3, "the references differ, or the test says nothing"
    meter = QualityMeter(molecule.full, ground=ground)
    assert meter.measure(mol).strain == pytest.approx(np.median(each) - each.min(), abs=1e-3)
    lowest = with_conformers(molecule.full, frames[[int(each.argmin())]])
    assert meter.measure(lowest).strain == pytest.approx(0.0, abs=1e-3)
    # uniform stretching by 3 % costs energy, relaxation of what is stretched finds the minimum again
    stretched = with_conformers(molecule.full, 1.03 * frames[[int(each.argmin())]])
    assert meter.measure(stretched).strain > 3.0
    before = stretched.GetConformer().GetPositions()
    assert lowest_minimum(stretched, smiles=molecule.smiles) == pytest.approx(ground, abs=0.1)
    assert np.array_equal(stretched.GetConformer().GetPositions(), before)


def test_without_parameters_there_is_no_strain_but_the_rest() -> None:
    molecule = parse_smiles("CB(O)O")
    frames = np.random.default_rng(0).normal(size=(2, molecule.full.GetNumAtoms(), 3))
    mol = with_conformers(molecule.full, frames)
    assert np.isnan(energies(mol)).all()
    assert np.isnan(lowest_minimum(mol, smiles=molecule.smiles))
    found = QualityMeter(molecule.full, ground=float("nan")).measure(mol)
    assert np.isnan(found.strain)
    assert found.bad_bonds == 1.0


def test_clashes_are_a_share_of_conformers_and_no_conformers_are_no_figures() -> None:
    molecule = parse_smiles("CCCCO")
    frames = minima(molecule.smiles, 4)
    frames[0, 4] = frames[0, 0] + [0.3, 0.0, 0.0]
    meter = QualityMeter(molecule.full, ground=0.0)
    assert meter.measure(with_conformers(molecule.full, frames)).clashing == 0.25
    assert meter.measure(with_conformers(molecule.full, frames[1:])).clashing == 0.0
    assert meter.measure(with_conformers(molecule.full, frames[:0])) is NOTHING
    summary = summarise_quality(
        [NOTHING, meter.measure(with_conformers(molecule.full, frames))], rng=np.random.default_rng(0)
    )
    assert (summary["clashing"].mean, summary["clashing"].n) == (0.25, 1)
    assert summary["ring_deviation"].n == 0


def test_curves_by_hand_and_by_the_scores_at_each_threshold() -> None:
    first, second = np.array([[0.1, 0.9], [0.6, 1.2]]), np.array([[1.5, 0.31, 3.0]])
    scores = [score(m, THRESHOLDS) for m in (first, second)]
    curve = threshold_curve(scores, failures=Failures.ZERO, rng=np.random.default_rng(0))
    assert (curve.thresholds[0], curve.thresholds[-1], len(curve.thresholds), curve.n) == (0.0, 2.0, 41, 2)
    for i, d in enumerate(THRESHOLDS):
        assert curve.recall.mean[i] == pytest.approx(np.mean([s.coverage_recall[d] for s in scores]))
        assert curve.precision.mean[i] == pytest.approx(np.mean([s.coverage_precision[d] for s in scores]))
    at = dict(zip(curve.thresholds, zip(curve.recall.mean, curve.precision.mean, strict=True), strict=True))
    assert at[0.0] == (0.0, 0.0)
    assert at[0.5] == (pytest.approx(0.75), pytest.approx((1 / 2 + 1 / 3) / 2))
    assert at[2.0] == (1.0, pytest.approx((1 + 2 / 3) / 2))
    assert list(curve.recall.mean) == sorted(curve.recall.mean)
    for band in (curve.recall, curve.precision):
        assert all(low <= mean <= high for low, mean, high in zip(band.low, band.mean, band.high, strict=True))
    # 0.6 < 0.6 is false: coverage is strict, as in the scores
    assert threshold_curve(scores[:1], failures=Failures.ZERO, rng=np.random.default_rng(0)).recall.mean[12] == 0.5


def test_curves_count_failures_by_the_convention() -> None:
    scores = [score(np.array([[0.1]]), [0.5]), score(np.empty((3, 0)), [0.5])]
    ends = {}
    for failures in Failures:
        curve = threshold_curve(scores, failures=failures, rng=np.random.default_rng(0))
        ends[failures] = (curve.recall.mean[-1], curve.precision.mean[-1], curve.n)
    assert ends == {Failures.ZERO: (0.5, 0.5, 2), Failures.SKIP: (1.0, 1.0, 1)}
    nothing = threshold_curve(scores[1:], failures=Failures.SKIP, rng=np.random.default_rng(0))
    assert nothing.n == 0
    assert np.isnan(nothing.recall.mean).all()


def test_curve_intervals_agree_with_the_bootstrap_of_the_scores() -> None:
    rng = np.random.default_rng(1)
    scores = [score(rng.exponential(2.0, size=(5, 5)), [0.5]) for _ in range(60)]
    curve = threshold_curve(scores, failures=Failures.ZERO, rng=np.random.default_rng(0), resamples=4000)
    values = np.array([s.coverage_recall[0.5] for s in scores])
    error = values.std() / np.sqrt(len(values))
    i = curve.thresholds.index(0.5)
    assert (curve.recall.high[i] - curve.recall.low[i]) / (2 * 1.96 * error) == pytest.approx(1.0, abs=0.12)
