"""The ensembles of protein backbones that are learned: what is trained on, and what is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final, final

import numpy as np
from cells import MissingDataError
from laws import Array

from applications.molecular.proteins.batching import BackboneFeatures
from applications.molecular.proteins.bundled import bundled_ensemble
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.ensembles import compare_ensembles, rmsd_to
from applications.molecular.proteins.held_out import bond_fraction
from applications.molecular.proteins.trajectory_files import read_trajectory

TESTS: Final = "mdanalysistests-2.11.0"
"""Source distribution of MDAnalysisTests, and the folder that it unpacks to."""

_BLOCKS: Final = 4
_STRETCH: Final = 48
_FLOOR_DRAWS: Final = 20


@final
@dataclass(frozen=True)
class BackboneEnsemble:
    """Conformations of one chain.

    Attributes:
        training: those that are learned, as the models of one entry.
        reference: those that generated ones are compared with, [models, n, 3] in Å.
        ends: two of the training conformations, [n, 3] each; the RMSD to each is compared.
    """

    training: BackboneChain
    reference: Array
    ends: tuple[Array, Array]

    @property
    def features(self) -> BackboneFeatures:
        """What networks know of the chain."""
        return BackboneFeatures(residue_index=self.training.residue_index, sequence=self.training.sequence)

    def compare(self, x: Array) -> dict[str, float]:
        """Distances in law of conformations [samples, n, 3] to the reference in Å, and their share of right bonds."""
        found = compare_ensembles(x, self.reference, ends=self.ends, seed=0, resamples=1)
        return {**{name: distance.value for name, distance in found.items()}, "bonds": bond_fraction(list(x))}

    def floor(self, samples: int) -> dict[str, float]:
        """What a perfect memory gives: the mean comparison of as many draws, with replacement, from the training."""
        rng = np.random.default_rng(0)
        known = self.training.positions.astype(np.float64)
        drawn = [self.compare(known[rng.integers(len(known), size=samples)]) for _ in range(_FLOOR_DRAWS)]
        return {name: float(np.mean([one[name] for one in drawn])) for name in drawn[0]}


@final
@dataclass(frozen=True)
class Source:
    """An ensemble by name, and how it is got from the folder of data and runs."""

    name: str
    open: Callable[[Path], BackboneEnsemble]


@cache
def ubiquitin(work: Path) -> BackboneEnsemble:
    """116 models in four blocks: the first and the third are learned, the others compared with; nothing is read.

    The ends are the two learned models that are the farthest apart.
    """
    del work
    chain = bundled_ensemble()
    blocks = np.array_split(np.arange(chain.n_models), _BLOCKS)
    learned, held = (chain.positions[np.concatenate(blocks[first::2])] for first in (0, 1))
    apart = np.stack([rmsd_to(learned, one) for one in learned])
    first, second = np.unravel_index(apart.argmax(), apart.shape)
    known = learned.astype(np.float64)
    return BackboneEnsemble(replace(chain, positions=learned), held.astype(np.float64), (known[first], known[second]))


@cache
def adenylate_kinase(work: Path) -> BackboneEnsemble:
    """80 residues in 98 frames of a transition [Beckstein2009]: all are learned, and the same ones compared with.

    Of all stretches of so many residues it is the one whose shape differs most between the first and the last frame.

    Raises:
        MissingDataError: the trajectory is not below the folder.
    """
    folder = work / TESTS / "MDAnalysisTests" / "data"
    trajectory, topology = folder / "adk_dims.dcd", folder / "adk.psf"
    if not (trajectory.is_file() and topology.is_file()):
        raise MissingDataError(
            f"got no {trajectory.name} and {topology.name} in {folder}. Run `pip download --no-deps "
            f"MDAnalysisTests==2.11.0` and `tar -xf {TESTS}.tar.gz -C {work}`."
        )
    (chain,) = read_trajectory(trajectory, topology).chains
    stretch = _most_changed(chain.positions.astype(np.float64), _STRETCH)
    learned = replace(
        chain,
        positions=chain.positions[:, stretch],
        residue_index=chain.residue_index[stretch],
        sequence=chain.sequence[stretch],
    )
    frames = learned.positions.astype(np.float64)
    return BackboneEnsemble(learned, frames, (frames[0], frames[-1]))


def _most_changed(frames: Array, length: int) -> slice:
    """The stretch of a chain whose first and last frame are the farthest apart in RMSD."""
    starts = range(frames.shape[1] - length + 1)
    changes = [rmsd_to(frames[-1:, k : k + length], frames[0, k : k + length]).item() for k in starts]
    start = int(np.argmax(changes))
    return slice(start, start + length)


UBIQUITIN = Source("ubiquitin", ubiquitin)
ADENYLATE_KINASE = Source("adenylate kinase", adenylate_kinase)
