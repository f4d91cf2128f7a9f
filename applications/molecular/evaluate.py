"""Generated conformers against references, beside ETKDG on the same references.

With references that are themselves ETKDG + MMFF94s, the column `etkdg_mmff` draws from the very distribution
of the references: it is a ceiling for that data, not a rival.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolDescriptors

from applications.molecular.chemistry import MoleculeRefused, parse_smiles
from applications.molecular.dataset import ConformerRecord, ConformerStore
from applications.molecular.ensembles import EnsembleOptions, embed, relax_mmff
from applications.molecular.geometry_checks import GeometryChecker
from applications.molecular.metrics import MoleculeScore, rmsd_matrix, score
from applications.molecular.parallel import ordered_map
from applications.molecular.quality import MoleculeQuality, QualityMeter
from applications.molecular.readback import GeneratedSet
from applications.molecular.seeds import derived_seed
from applications.molecular.stereo import StereoReport, check_stereo
from applications.molecular.strain import energies, lowest_minimum
from applications.molecular.structures import with_conformers


@final
class EvaluationError(ValueError):
    """Nothing can be compared; the message names the remedy."""


@final
class Source(Enum):
    """Where the conformers of a column come from."""

    MODEL = "model"
    ETKDG = "etkdg"
    ETKDG_MMFF = "etkdg_mmff"


@final
@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How molecules are compared.

    Attributes:
        thresholds: RMSD thresholds in Å.
        per_reference: at most this many generated conformers per reference are used (2 is the usual rule).
        baselines: whether ETKDG columns are computed.
        seed: of the baselines and the bootstrap; baselines never share a seed with the references.
    """

    thresholds: tuple[float, ...] = (0.5, 0.75)
    per_reference: float = 2.0
    baselines: bool = True
    seed: int = 0


@final
@dataclass(frozen=True)
class _Task:
    smiles: str
    references: NDArray[np.float32]
    generated: NDArray[np.float64]
    requested: int
    name: str


@final
@dataclass(frozen=True)
class MoleculeResult:
    """Everything measured on one molecule.

    Attributes:
        smiles: canonical isomeric SMILES.
        n_references: K.
        n_generated: conformers used, after the rule on their number.
        n_requested: conformers requested, after the same rule.
        rotatable_bonds: RDKit's strict count.
        scores: by column.
        stereo: one report per conformer used.
        geometry_ok: of the conformers used, how many pass the quick checks.
        name: what the source of the references calls it.
        quality: strain, clashes and flatness of rings, by column.
    """

    smiles: str
    n_references: int
    n_generated: int
    n_requested: int
    rotatable_bonds: int
    scores: dict[Source, MoleculeScore]
    stereo: list[StereoReport] = field(default_factory=list)
    geometry_ok: int = 0
    name: str = ""
    quality: dict[Source, MoleculeQuality] = field(default_factory=dict)


def evaluate(
    generated: GeneratedSet,
    store: ConformerStore,
    *,
    split: str | None,
    options: EvaluationOptions,
    workers: int = 1,
    advance: Callable[[int, int], None] | None = None,
) -> tuple[list[MoleculeResult], list[str]]:
    """Score every requested molecule that has references.

    Args:
        generated: conformers by molecule.
        store: references.
        split: which split of the store, None for all of it.
        options: thresholds and rules.
        workers: processes; results do not depend on it.
        advance: called with (molecules done, molecules in all).

    Returns:
        One result per molecule, and the requested SMILES without a reference.

    Raises:
        EvaluationError: no requested molecule has a reference.
    """
    known = reference_rows(store, split=split)
    found = [(smiles, frames) for smiles, frames in generated.positions.items() if smiles in known]
    tasks = []
    for smiles, frames in found:
        record = store[known[smiles]]
        tasks.append(_Task(smiles, _references(record), frames, generated.requested[smiles], record.source_id))
    if not tasks:
        raise EvaluationError(
            f"none of the {len(generated.positions)} molecules is in {store.path} (split {split or 'all'}). "
            "Generate for the molecules of that folder, or choose another --split."
        )
    results = ordered_map(partial(_evaluate_one, options=options), tasks, workers=workers, advance=advance)
    return results, [smiles for smiles in generated.positions if smiles not in known]


def _references(record: ConformerRecord) -> NDArray[np.float32]:
    """The conformers of a record whose atoms are those of its SMILES."""
    record.molecule()
    return record.positions


def reference_rows(store: ConformerStore, *, split: str | None) -> dict[str, int]:
    """Rows of the references by SMILES.

    Raises:
        EvaluationError: there is no such split.
    """
    if split is not None and split not in store.splits:
        raise EvaluationError(f"{store.path} has no split {split!r}. Choose one of {', '.join(store.splits)} or all.")
    rows = range(len(store)) if split is None else store.splits[split]
    return {store.smiles(row): row for row in rows}


def _evaluate_one(task: _Task, *, options: EvaluationOptions) -> MoleculeResult:
    molecule = parse_smiles(task.smiles)
    cap = max(1, int(np.ceil(options.per_reference * len(task.references))))
    requested = min(task.requested, cap)
    references = with_conformers(molecule.full, task.references)
    frames = {Source.MODEL: task.generated[:cap]}
    minima = [lowest_minimum(references, smiles=task.smiles)]
    if options.baselines:
        raw, relaxed = baseline_conformers(task.smiles, n=requested, seed=options.seed)
        frames |= {Source.ETKDG: raw, Source.ETKDG_MMFF: relaxed}
        minima.extend(energies(with_conformers(molecule.full, relaxed)))
    columns = {source: with_conformers(molecule.full, found) for source, found in frames.items()}
    ground = min((float(energy) for energy in minima if np.isfinite(energy)), default=float("nan"))
    meter = QualityMeter(molecule.full, ground=ground)
    checker = GeometryChecker(molecule.full)
    full = columns[Source.MODEL]
    made = range(full.GetNumConformers())
    return MoleculeResult(
        smiles=task.smiles,
        n_references=len(task.references),
        n_generated=len(made),
        n_requested=requested,
        rotatable_bonds=rdMolDescriptors.CalcNumRotatableBonds(molecule.heavy),
        scores={source: _score(mol, references, options.thresholds) for source, mol in columns.items()},
        stereo=[check_stereo(full, conf_id=i) for i in made],
        geometry_ok=sum(checker.check(full, conf_id=i).ok for i in made),
        name=task.name,
        quality={source: meter.measure(mol) for source, mol in columns.items()},
    )


def _score(mol: Chem.Mol, references: Chem.Mol, thresholds: Sequence[float]) -> MoleculeScore:
    if mol.GetNumConformers() == 0:
        return score(np.empty((references.GetNumConformers(), 0)), thresholds)
    return score(rmsd_matrix(mol, references), thresholds)


def baseline_conformers(smiles: str, *, n: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ETKDGv3 conformers, raw and relaxed in MMFF94s, with seeds of their own.

    Returns:
        [G, n, 3] raw and [G', n, 3] relaxed positions in Å; either may be empty.
    """
    molecule = parse_smiles(smiles)
    conf_ids = embed(molecule, n_conformers=n, seed=derived_seed(seed, "baseline", bits=31), time_limit=60.0)
    empty = np.empty((0, molecule.full.GetNumAtoms(), 3))
    if not conf_ids:
        return empty, empty
    raw = np.stack([molecule.full.GetConformer(i).GetPositions() for i in conf_ids])
    try:
        energies = relax_mmff(molecule.full, conf_ids, smiles=smiles, options=EnsembleOptions())
    except MoleculeRefused:
        return raw, empty
    relaxed = [molecule.full.GetConformer(i).GetPositions() for i in energies]
    return raw, np.stack(relaxed) if relaxed else empty
