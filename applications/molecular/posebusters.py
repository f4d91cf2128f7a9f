"""PoseBusters checks [Buttenschoen2024] of single conformers; an optional dependency."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final, final

from rdkit import Chem, rdBase

from applications.extras import MissingExtraError, has_module
from applications.molecular.parallel import chunked_map
from applications.molecular.stereo import specified_bonds, specified_centres, unspecified
from applications.molecular.structures import with_conformers

DEFAULT_LIMIT: Final = 200
"""Conformers checked where no number is asked for."""

_CHUNK: Final = 10


@final
@dataclass(frozen=True)
class PoseBustersReport:
    """Shares of conformers that pass.

    Attributes:
        n: conformers checked.
        pass_rate: share that passes every check.
        by_check: share that passes, by name of the check, of the conformers to which it applies.
        checked: number of conformers to which it applies, by name of the check.
        version: of PoseBusters.
    """

    n: int
    pass_rate: float
    by_check: dict[str, float]
    checked: dict[str, int]
    version: str


def has_posebusters() -> bool:
    """True if PoseBusters is installed."""
    return has_module("posebusters")


def require_posebusters() -> None:
    """Fail early, with the remedy, if PoseBusters is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    if not has_posebusters():
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


def bust(
    conformers: Sequence[Chem.Mol], *, workers: int = 1, advance: Callable[[int, int], None] | None = None
) -> PoseBustersReport:
    """Run the checks on molecules with one conformer each.

    Configuration `mol` (no protein, no reference): sanitisation, connectivity, bond lengths and angles, clashes,
    planarity of rings and double bonds, energy ratio. None of these sees a mirror image. Where the molecule
    specifies stereochemistry, all of it, configuration `regen` takes its place, with the molecule itself, without
    coordinates, as the true one: it also compares formula, bonds, centres and double bonds. Its last column, the
    RMSD to a true pose, has no meaning here and is left out.

    Args:
        conformers: at least one molecule, with its requested stereochemistry and one conformer.
        workers: processes; the result does not depend on it.
        advance: called with (conformers done, conformers in all).

    Returns:
        Shares that pass. Cost: about 0.1 s per conformer.

    Raises:
        MissingExtraError: PoseBusters is not installed.
    """
    require_posebusters()
    rows = chunked_map(_bust_chunk, conformers, chunk=_CHUNK, workers=workers, advance=advance)
    names = list(dict.fromkeys(name for row in rows for name in row))
    checked = {name: sum(name in row for row in rows) for name in names}
    return PoseBustersReport(
        n=len(rows),
        pass_rate=sum(all(row.values()) for row in rows) / len(rows),
        by_check={name: sum(row.get(name, False) for row in rows) / checked[name] for name in names},
        checked=checked,
        version=version("posebusters"),
    )


def _bust_chunk(conformers: Sequence[Chem.Mol]) -> list[dict[str, bool]]:
    """Outcome of every check by its name, for each conformer."""
    rows = []
    with warnings.catch_warnings(), rdBase.BlockLogs(), _quiet_logging():
        warnings.simplefilter("ignore")
        import posebusters

        _revive_log_stream()
        plain, compared = posebusters.PoseBusters(config="mol"), posebusters.PoseBusters(config="regen")
        compared.config["modules"] = [m for m in compared.config["modules"] if m["function"] != "rmsd"]
        for mol in conformers:
            # PoseBusters addresses conformers by the identifier 0.
            numbered = with_conformers(mol, mol.GetConformer().GetPositions()[None])
            asked = Chem.RemoveHs(mol)
            asked.RemoveAllConformers()
            if (specified_centres(mol) or specified_bonds(mol)) and not unspecified(asked):
                table = compared.bust([numbered], mol_true=asked)
            else:
                table = plain.bust([numbered])
            # A check that could not run leaves no value, and is not a pass.
            passed = table.fillna(value=False).to_numpy(dtype=bool)[0]
            rows.append(dict(zip(map(str, table.columns), passed.tolist(), strict=True)))
    return rows
