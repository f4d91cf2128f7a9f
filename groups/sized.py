"""Groups that come in families numbered by n."""

from __future__ import annotations

from groups.errors import GroupError
from groups.group import Group


class SizedGroup(Group):
    """The n-th group of a family.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise GroupError(f"{type(self).__name__}(n) needs n >= 1, got {n}")
        self.n = n

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n})"
