"""Seeds that depend on what is computed, not on when: pure functions of a master seed and of names."""

from __future__ import annotations

import hashlib


def derived_seed(*parts: str | int, bits: int = 63) -> int:
    """A non-negative integer below 2**bits, a fixed function of the parts (SHA-256 of their text).

    Args:
        parts: for instance the master seed, a canonical SMILES, a conformer index, an attempt number.
        bits: 63 for torch, 31 for RDKit.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - bits)


def unit_interval(text: str) -> float:
    """A number in [0, 1) that is a fixed function of the text, uniform over texts."""
    return derived_seed(text, bits=53) / 2.0**53
