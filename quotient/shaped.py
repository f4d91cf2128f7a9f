"""Spaces that are told the shape of their points."""

from __future__ import annotations

import abc
import math

from typing_extensions import override

from quotient.total_space import TotalSpace


class ShapedSpace(TotalSpace):
    """A space of arrays of one shape, of as many dimensions as an array has entries unless it says otherwise.

    Args:
        shape: of one point.
    """

    @abc.abstractmethod
    def __init__(self, *shape: int) -> None:
        self._shape = shape

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(str, self._shape))})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return math.prod(self._shape)
