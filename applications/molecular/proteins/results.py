"""What generation of backbones returns: one row per requested structure, with the coordinates where it succeeded."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.held_out import bond_fraction, radius_of_gyration
from applications.molecular.proteins.requests import BackboneRequest


@final
@dataclass(frozen=True, kw_only=True)
class BackboneRow:
    """One line of the table. Empty fields do not apply.

    Attributes:
        name: name of the structure.
        length: number of residues.
        index: which of the structures of this length.
        seed: seed of its noise.
        ok: True if there is a structure.
        reason: why not.
        file: file that holds it, relative to the table.
        model: number of its model in that file.
        bond_fraction: share of its CA-CA bonds within 0.1 Å of 3.80 Å.
        radius_of_gyration: Å.
    """

    name: str
    length: int
    index: int
    seed: int
    ok: bool
    reason: str = ""
    file: str = ""
    model: int | None = None
    bond_fraction: float | None = None
    radius_of_gyration: float | None = None

    def cells(self) -> list[str]:
        """The row as text: booleans as true/false, missing values empty, numbers with four decimals."""
        return [_cell(value) for value in asdict(self).values()]


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(BackboneRow))
"""Column names of the table, in order."""


def made_row(request: BackboneRequest, positions: NDArray[np.float64], *, file: str, model: int) -> BackboneRow:
    """The row of a structure."""
    return BackboneRow(
        **_asked(request),
        ok=True,
        file=file,
        model=model,
        bond_fraction=bond_fraction([positions]),
        radius_of_gyration=radius_of_gyration([positions]),
    )


def failed_row(request: BackboneRequest, reason: str) -> BackboneRow:
    """The row of a structure that there is not."""
    return BackboneRow(**_asked(request), ok=False, reason=reason)


def _asked(request: BackboneRequest) -> dict[str, Any]:
    return {"name": request.name, "length": request.length, "index": request.index, "seed": request.seed}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.4f}" if isinstance(value, float) else str(value)
