"""The law that conformers are drawn from: chi-square at 1e-4 for every seed, and the other laws must fail it."""

import numpy as np
import pytest
import torch
from rdkit import Chem
from scipy.stats import chi2

from applications.molecular.draws import TEMPERATURE, Draw, MissingEnergyError
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.training_data import BatchConfig, ConformerBatches, Example

LEVEL = 1e-4
SEEDS = (0, 1, 2)
ENERGIES = [[0.0, 0.4, 1.1, 1.5], [0.3], [-1.0, -1.2], [5.0, 5.1, 5.2, 5.9, 6.2, 5.3]]


def molecules() -> list[Example]:
    """Four molecules of three atoms; conformer k of molecule m is a triangle of its own size, so that it is known."""
    found = []
    for m, energies in enumerate(ENERGIES):
        features = featurize(Chem.MolFromSmiles(("CCO", "CCN", "CCC", "COC")[m]), hydrogens=Hydrogens.PLACED)
        corners = torch.tensor([[1.0, 0.0, 0.0], [-0.5, 0.8, 0.0], [-0.5, -0.8, 0.0]])
        sizes = 1.0 + torch.arange(len(energies)) + 10.0 * m
        positions = sizes[:, None, None] * corners
        found.append(Example(features=features, positions=positions, energies=np.array(energies)))
    return found


def law(draw: Draw) -> np.ndarray:
    """Probability of each conformer of all molecules in turn, from the definition."""
    if draw is Draw.ALL:
        return np.full(sum(map(len, ENERGIES)), 1.0 / sum(map(len, ENERGIES)))
    rows = []
    for energies in ENERGIES:
        weights = np.exp(-np.array(energies) / (8.314462618 * TEMPERATURE / 4184.0))
        weights = weights if draw is Draw.BOLTZMANN else np.ones(len(energies))
        rows.append(weights / weights.sum() / len(ENERGIES))
    return np.concatenate(rows)


def counts(draw: Draw, seed: int, *, steps: int) -> np.ndarray:
    """How often each conformer is drawn, one molecule a batch, which makes draws independent."""
    config = BatchConfig(max_molecules=1, seed=seed, draw=draw)
    stream = ConformerBatches(molecules(), config=config, scale=1.0, group_size=3)
    first = np.cumsum([0, *map(len, ENERGIES)])
    found = np.zeros(first[-1])
    for step in range(steps):
        size = round(float(stream.at(step).points[0].norm(dim=-1).max()))
        found[first[size // 10] + size % 10 - 1] += 1
    return found


def refuted(found: np.ndarray, probabilities: np.ndarray) -> bool:
    expected = found.sum() * probabilities
    statistic = ((found - expected) ** 2 / expected).sum()
    return bool(chi2.sf(statistic, len(found) - 1) < LEVEL)


@pytest.mark.parametrize("seed", SEEDS)
def test_conformers_follow_the_law_asked_for_and_no_other(seed: int) -> None:
    for draw in Draw:
        found = counts(draw, seed, steps=800)
        assert not refuted(found, law(draw))
        assert all(refuted(found, law(other)) for other in Draw if other is not draw)


@pytest.mark.parametrize("draw", list(Draw))
def test_items_of_a_batch_are_distinct(draw: Draw) -> None:
    """Molecules, or under `ALL` conformers, are drawn without replacement."""
    config = BatchConfig(max_molecules=4, draw=draw)
    stream = ConformerBatches(molecules(), config=config, scale=1.0)
    for step in range(50):
        sizes = stream.at(step).points.norm(dim=-1).amax(-1).round()
        items = sizes if draw is Draw.ALL else sizes // 10
        assert len(items.unique()) == 4


def test_boltzmann_weights_need_energies_and_survive_large_ones() -> None:
    torch.testing.assert_close(Draw.BOLTZMANN.weights(np.array([-1e6, -1e6 + 300.0])), np.array([1.0, 0.0]))
    unknown = [Example(features=e.features, positions=e.positions) for e in molecules()]
    with pytest.raises(MissingEnergyError, match="draw uniform, or prepare the data from a source with energies"):
        ConformerBatches(unknown, config=BatchConfig(draw=Draw.BOLTZMANN), scale=1.0)
    for draw in (Draw.UNIFORM, Draw.ALL):
        ConformerBatches(unknown, config=BatchConfig(draw=draw), scale=1.0).at(0)
