"""Held-out figures during training: conformers of a few fixed molecules, compared with their references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from applications.molecular.batching import collate
from applications.molecular.checkpoint import save_model
from applications.molecular.features import featurize
from applications.molecular.metrics import rmsd_matrix, score
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import AbstractConformerNetwork
from applications.molecular.structures import with_conformers
from applications.molecular.training_run import AbstractTask
from diffusion import Euler, ODESampler, uniform_grid
from quotient.noise import CounterNoise

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Mol

_BATCH = 80


@final
@dataclass(frozen=True, kw_only=True)
class HeldOutMolecule:
    """A molecule with reference conformers that training does not see.

    Attributes:
        mol: Molecule whose atoms are those of `references`, all hydrogens explicit.
        references: Reference conformers in Å, shape (K, n, 3).
    """

    mol: Mol
    references: np.ndarray


@final
@dataclass(frozen=True, kw_only=True)
class HeldOutConfig:
    """Size of a held-out comparison.

    Attributes:
        generated: Conformers generated per molecule.
        references: Most references used per molecule.
        threshold: RMSD in Å below which a conformer is covered.
        steps: Euler steps.
    """

    generated: int = 20
    references: int = 10
    threshold: float = 0.5
    steps: int = 50


@torch.inference_mode()
def generate_positions(
    model: ConformerModel, mols: Sequence[Mol], *, seeds: Sequence[int], steps: int
) -> list[np.ndarray]:
    """Generate one conformer of each molecule by the probability-flow ODE.

    Args:
        model: The model.
        mols: Molecules, with repetitions for several conformers.
        seeds: Seed of the initial noise of each.
        steps: Euler steps.

    Returns:
        Coordinates of the modelled atoms in Å, shape (m, 3) each, in the order of `mols`.
    """
    described: dict[int, Any] = {}
    for mol in mols:
        described.setdefault(id(mol), featurize(mol, hydrogens=model.hydrogens))
    items = [described[id(mol)] for mol in mols]
    order = sorted(range(len(mols)), key=lambda i: items[i].n_atoms)
    sampler = ODESampler(uniform_grid(steps), method=Euler())
    parameter = next(model.network.parameters())
    out: list[np.ndarray] = [np.empty((0, 3))] * len(mols)
    for start in range(0, len(order), _BATCH):
        chosen = order[start : start + _BATCH]
        batch = collate([items[i] for i in chosen], scale=model.scale).to(parameter.device)
        noise = CounterNoise(torch.tensor([seeds[i] for i in chosen], dtype=torch.int64, device=parameter.device))
        like = torch.zeros(len(chosen), batch.n_atoms, 3, device=parameter.device)
        x: Tensor = model.diffusion.sample(sampler, like, noise, condition=batch).x * model.scale
        for row, i in enumerate(chosen):
            out[i] = x[row, : items[i].n_atoms].cpu().numpy()
    return out


def held_out_figures(
    model: ConformerModel, molecules: Sequence[HeldOutMolecule], *, config: HeldOutConfig
) -> dict[str, float]:
    """Mean recall and precision over molecules.

    Args:
        model: The model.
        molecules: Molecules with references; at least one.
        config: Size of the comparison.

    Returns:
        `amr_recall` and `amr_precision` in Å, `coverage_recall` and `coverage_precision` in [0, 1].
    """
    jobs = [(k, g) for k in range(len(molecules)) for g in range(config.generated)]
    positions = generate_positions(
        model,
        [molecules[k].mol for k, _ in jobs],
        seeds=[k * config.generated + g for k, g in jobs],
        steps=config.steps,
    )
    scores = []
    for k, item in enumerate(molecules):
        keep = featurize(item.mol, hydrogens=model.hydrogens).atom_index.numpy()
        own = np.stack(positions[k * config.generated : (k + 1) * config.generated])
        full = np.zeros((config.generated, item.mol.GetNumAtoms(), 3))
        full[:, keep] = own
        picks = np.linspace(0, len(item.references) - 1, min(config.references, len(item.references))).astype(int)
        matrix = rmsd_matrix(with_conformers(item.mol, full), with_conformers(item.mol, item.references[picks]))
        scores.append(score(matrix, [config.threshold]))
    return {
        "amr_recall": float(np.mean([s.amr_recall for s in scores])),
        "amr_precision": float(np.mean([s.amr_precision for s in scores])),
        "coverage_recall": float(np.mean([s.coverage_recall[config.threshold] for s in scores])),
        "coverage_precision": float(np.mean([s.coverage_precision[config.threshold] for s in scores])),
    }


@final
class HeldOutTask(AbstractTask[AbstractConformerNetwork, ConformerModel]):
    """A conformer model, measured on molecules that training does not see.

    Args:
        spec: What defines the model.
        molecules: Held-out molecules; none skips the generation.
        config: Size of the comparison.
    """

    headline = "amr_recall"

    def __init__(self, *, spec: ModelSpec, molecules: Sequence[HeldOutMolecule], config: HeldOutConfig) -> None:
        self._spec = spec
        self._molecules = list(molecules)
        self._config = config

    @override
    def model(self, network: AbstractConformerNetwork, card: Mapping[str, Any]) -> ConformerModel:
        return ConformerModel(spec=self._spec, network=network, card=card)

    @override
    def figures(self, model: ConformerModel) -> dict[str, float]:
        return held_out_figures(model, self._molecules, config=self._config) if self._molecules else {}

    @override
    def held_out(self) -> dict[str, Any]:
        return {"molecules": len(self._molecules), "split": "validation"}

    @override
    def save(self, model: ConformerModel, folder: Path) -> object:
        return save_model(model, folder)
