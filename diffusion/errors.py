"""Errors of the diffusion floor."""

from __future__ import annotations


class DiffusionError(ValueError):
    """Base class of errors about processes and samplers."""


class NoClosedScoreError(DiffusionError):
    """An operation needs the score, which this interpolant does not give in closed form."""


class TimeGridError(DiffusionError):
    """A time grid is not an increasing sequence in [0, 1]."""


class NotEquivariantError(DiffusionError):
    """A velocity lacks the symmetry that was claimed for it."""
