"""Couplings of prior and data points."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient import OrbitSpace


class Coupling(abc.ABC):
    """A joint law of (x0, x1) whose marginals on Q are those of prior and data."""

    @property
    @abc.abstractmethod
    def independent(self) -> bool:
        """Claim: x0 and x1 are independent on M, so the score follows from the denoiser."""

    @abc.abstractmethod
    def couple(self, quotient: OrbitSpace, x0: Tensor, x1: Tensor) -> Tensor:
        """The prior point to be joined with ``x1``, on the orbit of ``x0``."""


@final
@dataclass(frozen=True)
class Independent(Coupling):
    """x0 as drawn."""

    @property
    @override
    def independent(self) -> bool:
        return True

    @override
    def couple(self, quotient: OrbitSpace, x0: Tensor, x1: Tensor) -> Tensor:
        return x0


@final
@dataclass(frozen=True)
class OrbitAligned(Coupling):
    """x0 moved along its orbit to be nearest to x1.

    On flat M the straight line between the two is then a horizontal geodesic: with the linear schedule the interpolant
    is flow matching on Q between independent pi(x0) and pi(x1). The probability-flow ODE is exact; the score has no
    closed form, so there is no SDE. Needs joint random motions of (x0, x1), or an equivariant network.
    """

    @property
    @override
    def independent(self) -> bool:
        return False

    @override
    def couple(self, quotient: OrbitSpace, x0: Tensor, x1: Tensor) -> Tensor:
        with torch.no_grad():
            return quotient.align(x0, x1).point
