"""PoseBusters checks [Buttenschoen2024] of single conformers; an optional dependency."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import final

from rdkit import Chem, rdBase

from applications.molecular.structures import with_conformers


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
            "PoseBusters is not installed. Run `pip install 'quotient-diffusion[evaluation]'`, or use --posebusters 0."
        )


@contextmanager
def _quiet_logging() -> Iterator[None]:
    logger = logging.getLogger("posebusters")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _revive_log_stream() -> None:
    """Let RDKit's handler write to the present stderr, if the one it was made with has been closed since.

    PoseBusters flushes that stream, takes the failure for one of the molecule, and calls it implausible.
    """
    import rdkit

    if getattr(rdkit.log_handler.stream, "closed", False):
        rdkit.log_handler.stream = sys.stderr


def bust(conformers: Sequence[Chem.Mol]) -> PoseBustersReport:
    """Run the checks of configuration `mol` (no protein, no reference) on molecules with one conformer each.

    These are: sanitisation, connectivity, bond lengths and angles, clashes, planarity of rings and double
    bonds, energy ratio. None of them sees a mirror image; `check_stereo` does. About 0.1 s per conformer.

    Raises:
        MissingExtraError: PoseBusters is not installed.
    """
    require_posebusters()
    # PoseBusters addresses conformers by the identifier 0.
    numbered = [with_conformers(mol, mol.GetConformer().GetPositions()[None]) for mol in conformers]
    with warnings.catch_warnings(), rdBase.BlockLogs(), _quiet_logging():
        warnings.simplefilter("ignore")
        import posebusters

        _revive_log_stream()
        table = posebusters.PoseBusters(config="mol").bust(numbered)
        # A check that could not run leaves no value, and is not a pass.
        passed = table.fillna(value=False).to_numpy(dtype=bool)
    return PoseBustersReport(
        n=len(passed),
        pass_rate=float(passed.all(axis=1).mean()),
        by_check=dict(zip(map(str, table.columns), passed.mean(axis=0).tolist(), strict=True)),
        version=posebusters.__version__,
    )
