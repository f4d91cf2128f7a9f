"""What a generation is asked for, beside the molecules and the model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final

from applications.molecular.structures import Relaxation


@final
class StereoPolicy(Enum):
    """What happens to a conformer with the wrong stereochemistry or a broken bond."""

    RESAMPLE = "resample"
    """Sampled again with fresh noise, then reported as failed."""
    FILTER = "filter"
    """Reported as failed at once."""
    OFF = "off"
    """Kept, with `stereo_ok` false or `bad_bonds` above zero."""


@final
@dataclass(frozen=True, kw_only=True)
class GenerationSettings:
    """What does not belong to the sampler.

    Attributes:
        n_conformers: conformers per molecule.
        seed: master seed.
        stereo: what to do with wrong stereochemistry, and with bonds of an impossible length.
        mirror_if_all_wrong: whether a sample in which every specified centre has the wrong hand is replaced by its
            mirror image, as ET-Flow does [Hassan2024]. That is not a sample of the model; for comparisons.
        attempts: samples drawn at most for one conformer under `StereoPolicy.RESAMPLE`.
        relaxation: which atoms a force field may move afterwards.
        duplicate_rmsd: heavy-atom RMSD in Å below which a conformer repeats an earlier one of its molecule and is left
            out; zero keeps all.
        batch_size: conformers per evaluation of the model; results do not depend on it beyond rounding.
        window: conformers between two writes.
    """

    n_conformers: int = 1
    seed: int = 0
    stereo: StereoPolicy = StereoPolicy.RESAMPLE
    mirror_if_all_wrong: bool = False
    attempts: int = 5
    relaxation: Relaxation = Relaxation.HYDROGENS
    duplicate_rmsd: float = 0.0
    batch_size: int = 64
    window: int = 256
