"""Conformers on request: batched sampling, the stereo gate with fresh attempts, one row per conformer.

Every conformer has its own seed, a function of (master seed, canonical SMILES, conformer number, attempt):
what is generated for it depends neither on the batch it is in, nor on the order or number of other requests.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from applications.molecular.chemistry import Molecule, MoleculeRefused, Refusal
from applications.molecular.duplicates import without_duplicates
from applications.molecular.geometry_checks import GeometryChecker
from applications.molecular.requests import Request
from applications.molecular.results import ConformerRow, GeneratedConformer, refused_rows
from applications.molecular.seeds import derived_seed
from applications.molecular.settings import GenerationSettings, StereoPolicy
from applications.molecular.stereo import check_stereo, unspecified, with_seen_stereo
from applications.molecular.structures import Relaxation, are_sound, assemble, mmff_energy, relax

_FULL_BATCH_ATOMS = 32


class AbstractConformerSampler(ABC):
    """Something that turns molecules and seeds into coordinates."""

    @abstractmethod
    def describe(self, molecule: Molecule) -> Any:
        """What the model needs to know about a molecule; computed once for all of its conformers.

        Raises:
            ValueError: the model cannot take the molecule.
        """

    @abstractmethod
    def modelled_atoms(self, description: Any) -> NDArray[np.int64]:
        """Indices of the atoms whose coordinates are sampled, in the order of `Molecule.full`."""

    @abstractmethod
    def sample(self, descriptions: Sequence[Any], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        """Coordinates [m, 3] in Å of one conformer for each description and seed."""


@final
@dataclass
class _Job:
    """One requested conformer on its way."""

    molecule: Molecule
    description: Any
    modelled: NDArray[np.int64]
    checker: GeometryChecker
    row: ConformerRow
    mol: Chem.Mol | None = None


def generate_window(
    requests: Sequence[Request],
    sampler: AbstractConformerSampler,
    settings: GenerationSettings,
    *,
    decided: Callable[[int], None] | None = None,
) -> tuple[list[GeneratedConformer], float]:
    """Generate the conformers of some requests.

    One that the model or RDKit fails on is a row with a reason, and stops none of the others.

    Args:
        requests: molecules that can be served and others alike.
        sampler: the model.
        settings: how many, seeds, gates.
        decided: called after each batch with the number of rows that are final.

    Returns:
        One result per requested conformer, in the order of the requests, and the seconds spent in the model.
    """
    plans = [_plan(request, sampler, settings) for request in requests]
    pending = [job for plan in plans if isinstance(plan[0], _Job) for job in plan if isinstance(job, _Job)]
    done = len(plans) * settings.n_conformers - len(pending)
    seconds = 0.0
    attempts = settings.attempts if settings.stereo is StereoPolicy.RESAMPLE else 1
    for attempt in range(attempts):
        for batch in _batches(pending, settings):
            begin = time.monotonic()
            outcomes = _sample(batch, sampler, settings, attempt)
            seconds += time.monotonic() - begin
            for job, outcome in zip(batch, outcomes, strict=True):
                _decide(job, outcome, settings, attempt)
            done += len(batch) if attempt == attempts - 1 else sum(job.row.ok for job in batch)
            if decided:
                decided(done)
        pending = [job for job in pending if not job.row.ok]
        if not pending:
            break
    results: list[GeneratedConformer] = []
    for plan in plans:
        finished = [GeneratedConformer(row=item.row, mol=item.mol) if isinstance(item, _Job) else item for item in plan]
        if settings.duplicate_rmsd > 0:
            finished = without_duplicates(finished, threshold=settings.duplicate_rmsd)
        results.extend(_with_relative_energies(finished))
    return results, seconds


def _plan(
    request: Request, sampler: AbstractConformerSampler, settings: GenerationSettings
) -> list[_Job] | list[GeneratedConformer]:
    n = settings.n_conformers
    molecule = request.parse()
    if isinstance(molecule, MoleculeRefused):
        refused = refused_rows(
            name=request.name,
            given=request.given,
            smiles="",
            refusal=molecule.refusal,
            reason=molecule.sentence,
            n=n,
        )
        return list(refused)
    try:
        description = sampler.describe(molecule)
        checker = GeometryChecker(molecule.full)
    except (ValueError, RuntimeError) as error:
        refusal = Refusal.NOT_DESCRIBABLE
        reason = f"{refusal.value} ({_first_line(error)})"
        refused = refused_rows(
            name=request.name,
            given=request.given,
            smiles=molecule.smiles,
            refusal=refusal,
            reason=reason,
            n=n,
        )
        return list(refused)
    modelled = sampler.modelled_atoms(description)
    row = ConformerRow(
        name=request.name,
        given=request.given,
        smiles=molecule.smiles,
        conf_id=0,
        ok=False,
        unspecified="; ".join(unspecified(molecule.heavy)),
    )
    return [_Job(molecule, description, modelled, checker, replace(row, conf_id=i)) for i in range(n)]


def _batches(jobs: Sequence[_Job], settings: GenerationSettings) -> list[list[_Job]]:
    """Jobs that are sampled together."""
    chosen = batches_by_size({i: len(job.modelled) for i, job in enumerate(jobs)}, limit=settings.batch_size)
    return [[jobs[i] for i in batch] for batch in chosen]


def _sample(
    jobs: Sequence[_Job], sampler: AbstractConformerSampler, settings: GenerationSettings, attempt: int
) -> list[NDArray[np.float64] | str]:
    """Coordinates of each job, or why there are none."""
    for job in jobs:
        seed = derived_seed(settings.seed, job.molecule.smiles, job.row.conf_id, attempt)
        job.row = replace(job.row, attempts=attempt + 1, seed=seed)
    if all(len(job.modelled) == 1 for job in jobs):
        # One modelled atom is a point of R^3/SE(3), which is a single point: nothing is left to sample.
        return [np.zeros((1, 3)) for _ in jobs]
    return _evaluated(jobs, sampler)


def _evaluated(jobs: Sequence[_Job], sampler: AbstractConformerSampler) -> list[NDArray[np.float64] | str]:
    """What the model returns. A batch that it fails on, for instance for want of memory, is halved."""
    try:
        return list(sampler.sample([job.description for job in jobs], [job.row.seed or 0 for job in jobs]))
    except (RuntimeError, MemoryError) as error:
        if len(jobs) == 1:
            return [_first_line(error)]
    half = len(jobs) // 2
    return [*_evaluated(jobs[:half], sampler), *_evaluated(jobs[half:], sampler)]


def batches_by_size(sizes: Mapping[int, int], *, limit: int) -> list[list[int]]:
    """Group items of similar size, so that little is padded and memory is bounded.

    Args:
        sizes: number of atoms of each item.
        limit: most items in a batch; from 32 atoms on fewer, as the memory grows with the square of the size.

    Returns:
        The items, small ones first. A batch holds no two sizes further apart than 1.25 n + 2.
    """
    batches: list[list[int]] = []
    for item in sorted(sizes, key=lambda i: sizes[i]):
        size = sizes[item]
        if batches:
            last = batches[-1]
            similar = size <= 1.25 * sizes[last[0]] + 2
            if similar and len(last) < limit and (len(last) + 1) * size**2 <= limit * _FULL_BATCH_ATOMS**2:
                last.append(item)
                continue
        batches.append([item])
    return batches


def _decide(job: _Job, outcome: NDArray[np.float64] | str, settings: GenerationSettings, attempt: int) -> None:
    if isinstance(outcome, str):
        refusal, detail = Refusal.MODEL_FAILED, outcome
    else:
        try:
            _judge(job, outcome, settings, attempt)
            return
        except (ValueError, RuntimeError) as error:
            refusal, detail = Refusal.TOOLKIT_ERROR, _first_line(error)
    job.mol = None
    job.row = replace(job.row, ok=False, refusal=refusal.name, reason=f"{refusal.value} ({detail})")


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _judge(job: _Job, positions: NDArray[np.float64], settings: GenerationSettings, attempt: int) -> None:
    if not are_sound(positions):
        refusal = Refusal.NOT_FINITE
        job.row = replace(job.row, refusal=refusal.name, reason=refusal.value)
        return
    mol = assemble(job.molecule, job.modelled, positions)
    report = check_stereo(mol)
    mirrored = settings.mirror_if_all_wrong and report.all_centres_wrong
    if mirrored:
        mol = assemble(job.molecule, job.modelled, -positions)
        report = check_stereo(mol)
    kept = report.kept or settings.stereo is StereoPolicy.OFF
    moved = kept and relax(mol, settings.relaxation, modelled=job.modelled)
    if moved:
        # Relaxation of all atoms could pass a barrier: what is written is what is checked.
        report = check_stereo(mol)
        kept = report.kept or settings.stereo is StereoPolicy.OFF
    job.row = replace(
        job.row,
        stereo_ok=report.kept,
        centres=report.centres,
        centres_kept=report.centres_kept,
        bonds=report.bonds,
        bonds_kept=report.bonds_kept,
        mirrored=mirrored,
        refusal="",
        reason="",
    )
    if not kept:
        refusal = Refusal.STEREO_NOT_REPRODUCED
        drawn = attempt + 1
        centres = f"{report.centres_kept}/{report.centres} centres"
        bonds = f"{report.bonds_kept}/{report.bonds} double bonds"
        reason = f"{refusal.value} ({centres} and {bonds} in the last of {drawn})"
        job.row = replace(job.row, refusal=refusal.name, reason=reason)
        return
    geometry = job.checker.check(mol)
    job.row = replace(job.row, bad_bonds=geometry.bad_bonds, clashes=geometry.clashes)
    if geometry.bad_bonds and settings.stereo is not StereoPolicy.OFF:
        refusal = Refusal.BONDS_BROKEN
        reason = f"{refusal.value} ({geometry.bad_bonds} of the last of {attempt + 1} are not)"
        job.row = replace(job.row, refusal=refusal.name, reason=reason)
        return
    job.mol = mol
    job.row = replace(
        job.row,
        ok=True,
        stereoisomer=_stereoisomer(mol),
        relaxed=settings.relaxation.value if moved else Relaxation.NONE.value,
        mmff_energy=mmff_energy(mol),
    )


def _stereoisomer(mol: Chem.Mol) -> str:
    """Isomeric SMILES read from coordinates alone."""
    seen = with_seen_stereo(mol)
    with rdBase.BlockLogs():
        return Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(seen)))


def _with_relative_energies(conformers: list[GeneratedConformer]) -> Iterator[GeneratedConformer]:
    energies = [c.row.mmff_energy for c in conformers if c.row.mmff_energy is not None]
    lowest = min(energies, default=0.0)
    for conformer in conformers:
        energy = conformer.row.mmff_energy
        relative = None if energy is None else energy - lowest
        yield replace(conformer, row=replace(conformer.row, rel_energy=relative))
