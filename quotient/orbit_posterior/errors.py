"""Errors of orbit posteriors."""

from __future__ import annotations

from quotient.errors import GeometryError


class OrbitPosteriorError(GeometryError):
    """No exact orbit posterior is known, or a rule or sample is too small for the one asked."""
