"""What a generation of backbones is asked for: lengths, and a number and a seed for every structure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, final

from applications.molecular.proteins.batching import BackboneFeatures
from applications.molecular.seeds import derived_seed

LONGEST: Final = 9_999
"""Most residues of a chain of a PDB file."""

_FEWEST: Final = 2
_RANGE: Final = re.compile(r"(\d{1,9})(?:-(\d{1,9})(?::(\d{1,9}))?)?")


@final
class LengthsError(ValueError):
    """Lengths that cannot be read, or that no chain has."""


@final
@dataclass(frozen=True, kw_only=True)
class BackboneRequest:
    """One structure.

    Attributes:
        length: Number of residues.
        index: Which of the structures of this length, from 0.
        seed: Of its noise: a function of the master seed, the length and the index.
    """

    length: int
    index: int
    seed: int

    @property
    def name(self) -> str:
        """Name of the structure, for instance length_0064_0003."""
        return f"length_{self.length:04d}_{self.index:04d}"

    @property
    def features(self) -> BackboneFeatures:
        """What the network knows of it."""
        return BackboneFeatures.of_length(self.length)


def parse_lengths(text: str) -> list[int]:
    """Read lengths such as `48,64` or `60-120:20`, that is 60, 80, 100 and 120.

    Returns:
        The lengths in the order given, each once.

    Raises:
        LengthsError: If the text is no such list, or a length is not between 2 and 9,999.
    """
    lengths: list[int] = []
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        if found is None:
            raise LengthsError(f"got lengths {text[:80]!r}, expected for instance 48,64 or 60-120:20")
        first = int(found[1])
        last = int(found[2]) if found[2] else first
        step = int(found[3]) if found[3] else 1
        if not _FEWEST <= first <= last <= LONGEST or step < 1:
            raise LengthsError(
                f"got lengths {part.strip()!r}, expected {_FEWEST} to {LONGEST} residues, the shortest first, and "
                "steps of at least 1"
            )
        lengths += range(first, last + 1, step)
    return list(dict.fromkeys(lengths))


def requests_of(lengths: list[int], *, n: int, seed: int) -> list[BackboneRequest]:
    """N structures of each length."""
    return [
        BackboneRequest(length=length, index=index, seed=derived_seed(seed, "backbone", length, index))
        for length in lengths
        for index in range(n)
    ]
