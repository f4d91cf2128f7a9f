"""PoseBusters checks [Buttenschoen2024] of single conformers; an optional dependency."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from rdkit import Chem, rdBase


@final
class MissingExtraError(ValueError):
    """An optional dependency is not installed."""


@final
@dataclass(frozen=True)
class PoseBustersReport:
    """Shares of conformers that pass.

    Attributes:
        n: conformers checked.
        pass_rate: share that passes every check.
        by_check: share that passes, by name of the check.
        version: of PoseBusters.
    """

    n: int
    pass_rate: float
    by_check: dict[str, float]
    version: str


def require_posebusters() -> None:
    """Fail early, with the remedy, if PoseBusters is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("posebusters") is None:
        raise MissingExtraError(
            "PoseBusters is not installed. "
            "Run `pip install 'quotient-diffusion[evaluation]'`, or use --posebusters 0."
        )


def bust(conformers: Sequence[Chem.Mol]) -> PoseBustersReport:
    """Run the checks of configuration `mol` (no protein, no reference) on molecules with one conformer each.

    These are: sanitisation, connectivity, bond lengths and angles, clashes, planarity of rings and double
    bonds, energy ratio. None of them sees a mirror image; `check_stereo` does. About 0.1 s per conformer.

    Raises:
        MissingExtraError: PoseBusters is not installed.
    """
    require_posebusters()
    with warnings.catch_warnings(), rdBase.BlockLogs():
        warnings.simplefilter("ignore")
        import posebusters

        table = posebusters.PoseBusters(config="mol").bust(list(conformers))
    passed = table.astype(bool)
    return PoseBustersReport(
        n=len(passed),
        pass_rate=float(passed.all(axis=1).mean()),
        by_check={str(name): float(passed[name].mean()) for name in passed.columns},
        version=posebusters.__version__,
    )
