"""Backbones on request: windows of structures, streamed in order to the files, continued after an interruption.

Every structure has its own seed, a function of (master seed, length, index): what is generated for it depends neither
on the batch it is in, nor on the order or number of other requests.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.identity import model_identity
from applications.molecular.proteins.model import BackboneModel
from applications.molecular.proteins.output import BackboneOutput, Outcome, written_chain
from applications.molecular.proteins.pdb_writer import write_pdb
from applications.molecular.proteins.requests import BackboneRequest
from applications.molecular.proteins.sampling import BackboneSampler
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.versions import versions

_FULL_BATCH_RESIDUES: Final = 128
_MOST_FRAMES: Final = 100


@final
@dataclass(frozen=True, kw_only=True)
class BackboneSettings:
    """What is asked for beside the model and the sampler.

    Attributes:
        lengths: Numbers of residues.
        n: Structures of each length.
        seed: Master seed.
        rebuilt: Whether N, C and O are written beside CA.
        batch_size: Structures in one evaluation of the network, and between two writes; from 128 residues on fewer, as
            the memory grows with the square of the length.
    """

    lengths: tuple[int, ...]
    n: int = 1
    seed: int = 0
    rebuilt: bool = False
    batch_size: int = 16


def generation_account(model: BackboneModel, sampling: SamplingSettings, settings: BackboneSettings) -> dict[str, Any]:
    """What `out.json` says about a run before its results."""
    return {
        **model_identity(model.spec, model.card),
        "config": {
            "lengths": list(settings.lengths),
            "n": settings.n,
            "seed": settings.seed,
            "backbone": settings.rebuilt,
            "sampler": sampling.kind.value,
            "steps": sampling.steps,
            "grid": sampling.grid.value,
            "noise_scale": sampling.noise_scale,
        },
        "versions": versions(("quotient-diffusion", "torch", "numpy")),
    }


def fingerprint(account: dict[str, Any]) -> str:
    """Identifies results: weights, configuration and requests, but not versions, device or batch size."""
    text = json.dumps([account["weights_sha256"], account["model_spec"], account["config"]])
    return hashlib.sha256(text.encode()).hexdigest()


def generate_backbones(
    requests: Sequence[BackboneRequest],
    sampler: BackboneSampler,
    output: BackboneOutput,
    *,
    batch_size: int,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Generate everything requested and write it; structures already in `output` are skipped.

    Args:
        requests: Structures, those of one length together.
        sampler: The model.
        output: Where results go.
        batch_size: See `BackboneSettings`.
        advance: Called with (structures done, structures in all).
    """
    begin = time.monotonic()
    done = output.progress.made + output.progress.failed
    for batch in _batches(requests[done:], batch_size):
        started = time.monotonic()
        outcomes = _sampled(batch, sampler)
        sampled = time.monotonic() - started
        output.append(outcomes, sampling_seconds=sampled, total_seconds=time.monotonic() - begin)
        begin = time.monotonic()
        done += len(batch)
        if advance:
            advance(done, len(requests))
    output.files.finish()


def write_trajectories(
    requests: Sequence[BackboneRequest],
    sampler: BackboneSampler,
    folder: Path,
    *,
    batch_size: int,
    advance: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Sample structures again, by their seeds, and write the way of each as a PDB file of at most 101 models.

    The sampled path is horizontal: it has no rotation of its own that would need alignment.

    Args:
        requests: The structures.
        sampler: With the model and the settings of their generation.
        folder: Made if missing.
        batch_size: See `BackboneSettings`.
        advance: Called with (files written, files in all).

    Returns:
        The files, in the order of the requests.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for batch in _batches(requests, batch_size):
        ways = sampler.trajectories([request.features for request in batch], [request.seed for request in batch])
        for request, way in zip(batch, ways, strict=True):
            steps = len(way) - 1
            kept = np.linspace(0, steps, min(_MOST_FRAMES, steps) + 1).round().astype(int)
            paths.append(folder / f"{request.name}.pdb")
            write_pdb(paths[-1], [written_chain(way[kept], rebuilt=False)])
            if advance:
                advance(len(paths), len(requests))
    return paths


def _batches(requests: Sequence[BackboneRequest], limit: int) -> Iterator[Sequence[BackboneRequest]]:
    """Consecutive requests of one length, so that nothing is padded."""
    start = 0
    while start < len(requests):
        length = requests[start].length
        most = max(1, min(limit, limit * _FULL_BATCH_RESIDUES**2 // length**2))
        end = start + 1
        while end < len(requests) and requests[end].length == length and end - start < most:
            end += 1
        yield requests[start:end]
        start = end


def _sampled(batch: Sequence[BackboneRequest], sampler: BackboneSampler) -> list[Outcome]:
    """What the model returns. A batch that it fails on, for instance for want of memory, is halved."""
    try:
        made = sampler.sample([request.features for request in batch], [request.seed for request in batch])
    except (RuntimeError, MemoryError) as error:
        if len(batch) == 1:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            return [Outcome(request=batch[0], positions=None, reason=f"the model failed ({reason})")]
        half = len(batch) // 2
        return [*_sampled(batch[:half], sampler), *_sampled(batch[half:], sampler)]
    return [_judged(request, positions) for request, positions in zip(batch, made, strict=True)]


def _judged(request: BackboneRequest, positions: NDArray[np.float64]) -> Outcome:
    if np.isfinite(positions).all():
        return Outcome(request=request, positions=positions)
    return Outcome(request=request, positions=None, reason="the model gave coordinates that are not finite")
