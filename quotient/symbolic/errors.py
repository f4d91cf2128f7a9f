"""Errors of the symbolic derivation."""

from __future__ import annotations

from quotient.errors import GeometryError


class SymbolicError(GeometryError):
    """A symbolic description is incomplete, contradicts itself, or cannot be evaluated."""
