"""Errors of the geometry floor. Each names what was asked, what was found, and what to do."""

from __future__ import annotations


class GeometryError(ValueError):
    """Base class of errors about points, tangent vectors and quotients."""


class PointShapeError(GeometryError):
    """A point or tangent vector does not have the shape of its space."""


class ClaimError(GeometryError):
    """An operation needs a property that the action or the space does not claim."""
