"""What can be looked at: something with a title and frames that makes panels of a picture and items of a page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from applications.molecular.pictures import AbstractPanel


class AbstractStructure(ABC):
    """One entry of a file.

    Attributes:
        title: what it is called.
        frames: coordinates in Å, [K, n, 3]; more than one for a trajectory or an ensemble.
        facts: what the file says about it.
    """

    title: str
    frames: NDArray[np.float64]
    facts: Mapping[str, str]

    @property
    @abstractmethod
    def key(self) -> str:
        """Neighbours of equal keys share a row of pictures."""

    @abstractmethod
    def panel(self, frame: int, title: str) -> AbstractPanel:
        """Picture of a frame."""

    @abstractmethod
    def plain(self) -> dict[str, Any]:
        """Plain values, as `templates/drawing.js` draws them: atoms, bonds, centred frames, a radius."""
