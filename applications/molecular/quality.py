"""What can be said about the conformers of a molecule without comparing them one by one with references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, final

import numpy as np
from rdkit import Chem

from applications.molecular.geometry_checks import GeometryChecker
from applications.molecular.metrics import Summary, summarise
from applications.molecular.ring_planarity import FLATNESS_TOLERANCE, aromatic_rings, plane_deviation
from applications.molecular.strain import energies


@final
@dataclass(frozen=True)
class MoleculeQuality:
    """Figures of the conformers of one molecule; NaN where there is nothing to measure.

    Attributes:
        strain: median over conformers of the MMFF94s strain (see `strain`), kcal/mol.
        clashing: share of conformers with a clash.
        bad_bonds: share of conformers with a bond of impossible length.
        ring_deviation: median over conformers of the largest distance of an aromatic atom from the plane of its
            ring, Å; NaN without aromatic rings.
        bent_rings: share of conformers with an aromatic ring further from flat than `FLATNESS_TOLERANCE`.
    """

    strain: float
    clashing: float
    bad_bonds: float
    ring_deviation: float
    bent_rings: float


_NAN: Final = float("nan")
NOTHING: Final = MoleculeQuality(_NAN, _NAN, _NAN, _NAN, _NAN)
"""Figures of no conformer."""


@final
class QualityMeter:
    """Measures any set of conformers of one molecule.

    Args:
        mol: the molecule with its hydrogens.
        ground: energy in kcal/mol from which strain counts, NaN if there is none.
    """

    def __init__(self, mol: Chem.Mol, *, ground: float) -> None:
        self._checker = GeometryChecker(mol)
        self._rings = [list(ring) for ring in aromatic_rings(mol)]
        self._ground = ground

    def measure(self, mol: Chem.Mol) -> MoleculeQuality:
        """Measure all conformers of `mol`. Cost: one energy evaluation and one distance matrix each."""
        ids = [conformer.GetId() for conformer in mol.GetConformers()]
        if not ids:
            return NOTHING
        reports = [self._checker.check(mol, conf_id=i) for i in ids]
        deviations = [self._deviation(mol.GetConformer(i).GetPositions()) for i in ids]
        return MoleculeQuality(
            strain=float(np.median(energies(mol) - self._ground)),
            clashing=float(np.mean([report.clashes > 0 for report in reports])),
            bad_bonds=float(np.mean([report.bad_bonds > 0 for report in reports])),
            ring_deviation=float(np.median(deviations)),
            bent_rings=float(np.mean([d > FLATNESS_TOLERANCE for d in deviations])) if self._rings else _NAN,
        )

    def _deviation(self, positions: np.ndarray) -> float:
        return max((plane_deviation(positions[ring]) for ring in self._rings), default=_NAN)


def summarise_quality(qualities: Sequence[MoleculeQuality], *, rng: np.random.Generator) -> Mapping[str, Summary]:
    """Each figure over molecules; those without a value are left out of it.

    Args:
        qualities: one per molecule.
        rng: source of the bootstrap.
    """
    return {
        field.name: summarise([getattr(quality, field.name) for quality in qualities], rng=rng)
        for field in fields(MoleculeQuality)
    }
