"""Sizes of networks that can be built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, final

_LARGEST: Final = 65_536
_MOST_BLOCKS: Final = 256


@final
class NetworkSizeError(ValueError):
    """A configuration that no network can have."""


def check_sizes(sizes: Mapping[str, object], *, divided_by_heads: tuple[str, ...]) -> None:
    """Check the sizes of a configuration: integers from one up, with an equal share of channels for every head.

    Args:
        sizes: by name, `heads` and `blocks` among them.
        divided_by_heads: those that must be multiples of `heads`.

    Raises:
        NetworkSizeError: one of them is not as it should be.
    """
    for name, value in sizes.items():
        most = _MOST_BLOCKS if name == "blocks" else _LARGEST
        # type() and not isinstance: True is no size
        if type(value) is not int or not 1 <= value <= most:
            raise NetworkSizeError(f"got {name} {str(value)[:40]!r}, expected an integer from 1 to {most}")
    for name in divided_by_heads:
        share, heads = sizes[name], sizes["heads"]
        if isinstance(share, int) and isinstance(heads, int) and share % heads:
            raise NetworkSizeError(f"got {name} {share} with {heads} heads, expected a multiple of the heads")
