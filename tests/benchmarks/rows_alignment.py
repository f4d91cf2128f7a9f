"""Means over orbits in units of an alignment, and the alignment beside those of other libraries."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from groups import PhaseAction, RotationAction
from groups.kabsch import best_rotation
from quotient import ShapeSpace
from quotient.orbit_posterior import OrbitPosterior
from quotient.orbit_posterior.catalogue import orbit_posterior
from tests.benchmarks.racing import Call, Candidate, race
from tests.benchmarks.tables import Table

BATCH, N_POINTS = 512, 32


def measure(repeats: int) -> list[Table]:
    """Means over rotations and over phases, then alignments."""
    return [rotations(repeats), phases(repeats), alignments(repeats)]


def _pair(batch: int, n_points: int, dim: int) -> tuple[Tensor, Tensor]:
    """Centred clouds and noisy copies of them, float64."""
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(2, batch, n_points, dim, generator=generator, dtype=torch.float64)
    y = x + 0.3 * z
    return x - x.mean(-2, keepdim=True), y - y.mean(-2, keepdim=True)


def _mean(posterior: OrbitPosterior, dual: Tensor, point: Tensor) -> Call:
    posterior.mean(dual, point)
    return lambda: posterior.mean(dual, point)


def _align(x: Tensor, y: Tensor) -> Candidate:
    space = ShapeSpace(x.shape[-2], x.shape[-1])
    return Candidate("Kabsch alignment of the same clouds, ShapeSpace.align", lambda: lambda: space.align(x, y).point)


def rotations(repeats: int, *, batch: int = BATCH, n_points: int = N_POINTS) -> Table:
    """E[R x | y] at little, middling and much information about R."""
    x, y = _pair(batch, n_points, 3)
    posterior = orbit_posterior(RotationAction(3))
    others = [
        Candidate(f"mean over rotations, y / {noise:g}", lambda noise=noise: _mean(posterior, y / noise, x))
        for noise in (100.0, 1.0, 0.01)
    ]
    with torch.no_grad():
        return race(f"Orbit posterior of rotations, {batch} x {n_points} x 3", _align(x, y), others, repeats)


def phases(repeats: int, *, batch: int = BATCH, n_points: int = N_POINTS) -> Table:
    """E[e^(i a) z | y]; the clouds are the complex vectors, seen in the plane."""
    x, y = _pair(batch, n_points, 2)
    posterior = orbit_posterior(PhaseAction())
    point, dual = torch.view_as_complex(x.contiguous()), torch.view_as_complex(y.contiguous())
    others = [Candidate("mean over phases", lambda: _mean(posterior, dual, point))]
    with torch.no_grad():
        return race(f"Orbit posterior of phases, {batch} vectors of C^{n_points}", _align(x, y), others, repeats)


def alignments(repeats: int, *, batch: int = BATCH, n_points: int = N_POINTS) -> Table:
    """Superposition of whole clouds, and the rotation alone."""
    x, y = _pair(batch, n_points, 3)

    def registered() -> Call:
        roma: Any = import_module("roma")

        def call() -> Tensor:
            rotation, shift = roma.rigid_points_registration(x, y)
            return x @ rotation.mT + shift.unsqueeze(-2)

        return call

    def procrustes() -> Call:
        roma: Any = import_module("roma")
        return lambda: roma.special_procrustes(y.mT @ x)

    def loop() -> Call:
        pairs = list(zip(y.numpy(), x.numpy(), strict=True))
        return lambda: [Rotation.align_vectors(target, cloud)[0].apply(cloud) for target, cloud in pairs]

    others = [
        Candidate("the rotation alone, groups.kabsch.best_rotation", lambda: lambda: best_rotation(x, y)),
        Candidate("roma.rigid_points_registration, and its motion", registered, needs=("roma",)),
        Candidate("roma.special_procrustes, the rotation alone", procrustes, needs=("roma",)),
        Candidate("scipy Rotation.align_vectors, cloud by cloud, centred before", loop),
    ]
    with torch.no_grad():
        return race(f"Alignment, {batch} x {n_points} x 3", _align(x, y), others, repeats)
