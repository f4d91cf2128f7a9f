"""Claims shared by compact connected groups."""

from __future__ import annotations

import abc

from typing_extensions import override

from groups.group import Group


class CompactConnectedGroup(Group):
    """A compact connected Lie group: unimodular, with a finite volume."""

    @property
    @override
    def compact(self) -> bool:
        return True

    @property
    @override
    def unimodular(self) -> bool:
        return True

    @property
    @override
    def connected(self) -> bool:
        return True

    @property
    @abc.abstractmethod
    @override
    def log_haar_volume(self) -> float:
        """Log volume of the group in the metric in which the basis is orthonormal."""
