"""Compactness of CA traces: radius of gyration and contact order [Plaxco1998]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.ca_geometry import CaTraces, pair_distances

RADIUS_PREFACTOR: Final = 3.35
RADIUS_EXPONENT: Final = 0.30
"""Radius of gyration of the bundled PDB chains, 79 to 173 residues: 3.35 L^0.30 Å; the exponent of a compact globule is
1/3."""

CONTACT: Final = 8.0
"""Two CA atoms nearer than this, in Å, are in contact (the CASP convention, for CA instead of CB)."""

MINIMAL_SEPARATION: Final = 3
"""Contacts are counted from this separation along the chain."""


@final
@dataclass(frozen=True)
class ContactOrder:
    """Mean separation along the chain of residues in contact.

    Attributes:
        relative: over the number of residues, NaN without a contact, shape (...).
        absolute: in residues, NaN without a contact, shape (...).
        n_contacts: pairs in contact, shape (...).
    """

    relative: NDArray[np.float64]
    absolute: NDArray[np.float64]
    n_contacts: NDArray[np.int64]


def radius_of_gyration(traces: CaTraces) -> NDArray[np.float64]:
    """Root mean square distance in Å of the CA atoms from their centre, shape (...)."""
    weight = traces.mask / traces.mask.sum(axis=-1, keepdims=True)
    centre = (weight[..., None] * traces.positions).sum(axis=-2, keepdims=True)
    squares = ((traces.positions - centre) ** 2).sum(axis=-1)
    return np.sqrt((weight * squares).sum(axis=-1))


def expected_radius(n_residues: NDArray[np.number] | int) -> NDArray[np.float64]:
    """Radius of gyration in Å of a globular chain of this many residues."""
    return RADIUS_PREFACTOR * np.asarray(n_residues, dtype=np.float64) ** RADIUS_EXPONENT


def contact_maps(traces: CaTraces) -> NDArray[np.bool_]:
    """Pairs i < j in contact, at least `MINIMAL_SEPARATION` apart along the chain, shape (..., L, L)."""
    # NaN, in the padding, is below no distance
    return np.triu(pair_distances(traces) < CONTACT, MINIMAL_SEPARATION)


def contact_order(traces: CaTraces) -> ContactOrder:
    """Contact orders of CA contacts. Separations count rows of the trace, so that unresolved residues do not enter."""
    contacts = contact_maps(traces)
    place = np.arange(contacts.shape[-1])
    n = contacts.sum(axis=(-1, -2))
    total = (contacts * (place - place[:, None])).sum(axis=(-1, -2))
    absolute = np.where(n > 0, total / np.maximum(n, 1), np.nan)
    return ContactOrder(relative=absolute / traces.mask.sum(axis=-1), absolute=absolute, n_contacts=n)
