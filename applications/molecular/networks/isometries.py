"""Which isometries of space an equivariant network commutes with."""

from __future__ import annotations

from enum import Enum
from typing import final


@final
class Isometries(Enum):
    """A subgroup of O(3) under which a velocity field is equivariant."""

    ROTATIONS = "SO(3)"
    """Proper rotations: the network sees which hand a configuration has, and which is wanted."""
    ROTATIONS_AND_REFLECTIONS = "O(3)"
    """Reflections too: F(-x) = -F(x). Mirror images are generated equally often, whatever hand is asked for."""
