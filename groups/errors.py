"""Errors of the group floor."""

from __future__ import annotations


class GeomstatsBackendError(ImportError):
    """geomstats was imported with another backend before this library."""


class GroupError(ValueError):
    """A group or a group element is not what an operation needs."""


class ActionError(ValueError):
    """A group action was declared or used wrongly."""
