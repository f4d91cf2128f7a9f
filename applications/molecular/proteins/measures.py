"""Everything that is measured on one backbone by itself."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.ca_geometry import (
    BOND,
    BOND_TOLERANCE,
    CIS_RANGE,
    CaTraces,
    bond_lengths,
    clash_counts,
    share_between,
)
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.compactness import contact_order, expected_radius, radius_of_gyration
from applications.molecular.proteins.descriptors import Descriptors, angle_pairs, describe, joined
from applications.molecular.proteins.handedness import handedness
from applications.molecular.proteins.secondary_structure import fractions, secondary_structure


@final
@dataclass(frozen=True)
class BackboneMeasures:
    """One structure: a model of a chain. Shares are of one; what does not exist is NaN.

    Attributes:
        name: of the chain, and ":k" for model k, from 1, if there are several.
        n_residues: L.
        n_breaks: chain breaks.
        bonds_right: share of CA-CA bonds of 3.80 +- 0.10 Å.
        bonds_cis: share of CA-CA bonds of 2.70 to 3.15 Å, as cis peptides have.
        bond_length: mean CA-CA bond in Å.
        clashes: pairs without a bond nearer than 3.5 Å.
        helix: share of residues, by P-SEA.
        strand: share of residues, by P-SEA.
        coil: the rest.
        right_handed: share of helical dihedrals that are right-handed; NaN without a helix.
        helical_dihedrals: their number.
        radius_of_gyration: in Å.
        radius_ratio: radius of gyration over 3.35 L^0.30 Å.
        relative_contact_order: mean separation of contacts over L.
        absolute_contact_order: mean separation of contacts in residues.
    """

    name: str
    n_residues: int
    n_breaks: int
    bonds_right: float
    bonds_cis: float
    bond_length: float
    clashes: int
    helix: float
    strand: float
    coil: float
    right_handed: float
    helical_dihedrals: int
    radius_of_gyration: float
    radius_ratio: float
    relative_contact_order: float
    absolute_contact_order: float


MEASURES = tuple(field.name for field in fields(BackboneMeasures) if field.name not in ("name", "helical_dihedrals"))
"""Names of the figures that a mean over structures makes sense for."""


@final
@dataclass(frozen=True)
class MeasuredSet:
    """Structures with what was measured on them.

    Attributes:
        rows: one a structure.
        descriptors: of the same structures.
        traces: their CA coordinates in Å, shapes (L, 3).
        residue_index: their residue numbers, shapes (L,).
        angles: pseudo angles and dihedrals of all of them in degrees, shape (m, 2).
        bonds: all their CA-CA bonds in Å.
    """

    rows: list[BackboneMeasures]
    descriptors: Descriptors
    traces: list[NDArray[np.float32]]
    residue_index: list[NDArray[np.int64]]
    angles: NDArray[np.float64]
    bonds: NDArray[np.float64]


def measure_chain(chain: BackboneChain) -> MeasuredSet:
    """Measure every model of a chain. Cost: about 50 ms a model of 150 residues, most of it P-SEA.

    Raises:
        MissingExtraError: biotite is not installed.
    """
    traces, letters = CaTraces.of_chain(chain), secondary_structure(chain)
    bonds, shares, hands = bond_lengths(traces), fractions(letters), handedness(chain, letters)
    clashes, radii, order = clash_counts(traces), radius_of_gyration(traces), contact_order(traces)
    right = share_between(bonds, BOND - BOND_TOLERANCE, BOND + BOND_TOLERANCE)
    cis = share_between(bonds, *CIS_RANGE)
    rows = [
        BackboneMeasures(
            name=chain.name if chain.n_models == 1 else f"{chain.name}:{k + 1}",
            n_residues=chain.n_residues,
            n_breaks=int((np.diff(chain.residue_index) > 1).sum()),
            bonds_right=float(right[k]),
            bonds_cis=float(cis[k]),
            bond_length=float(bonds[k][np.isfinite(bonds[k])].mean()) if np.isfinite(right[k]) else float("nan"),
            clashes=int(clashes[k]),
            helix=float(shares[k, 0]),
            strand=float(shares[k, 1]),
            coil=float(shares[k, 2]),
            right_handed=float(hands.right[k]),
            helical_dihedrals=int(hands.n_dihedrals[k]),
            radius_of_gyration=float(radii[k]),
            radius_ratio=float(radii[k] / expected_radius(chain.n_residues)),
            relative_contact_order=float(order.relative[k]),
            absolute_contact_order=float(order.absolute[k]),
        )
        for k in range(chain.n_models)
    ]
    return MeasuredSet(
        rows=rows,
        descriptors=describe(chain, letters),
        traces=list(chain.positions),
        residue_index=[chain.residue_index] * chain.n_models,
        angles=angle_pairs(chain),
        bonds=bonds[np.isfinite(bonds)],
    )


def united(parts: list[MeasuredSet]) -> MeasuredSet:
    """Several sets, at least one, as one."""
    return MeasuredSet(
        rows=[row for part in parts for row in part.rows],
        descriptors=joined([part.descriptors for part in parts]),
        traces=[trace for part in parts for trace in part.traces],
        residue_index=[index for part in parts for index in part.residue_index],
        angles=np.concatenate([part.angles for part in parts]),
        bonds=np.concatenate([part.bonds for part in parts]),
    )
