"""Prior distributions of x0."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

from torch import Tensor
from typing_extensions import override

from quotient import NoiseSource, OrbitSpace


class Prior(abc.ABC):
    """A G-invariant distribution on the slice of M where densities live."""

    @property
    @abc.abstractmethod
    def isotropic(self) -> bool:
        """Claim: the prior is N(0, 1) on the slice, so the score follows from the denoiser."""

    @abc.abstractmethod
    def sample(self, quotient: OrbitSpace, like: Tensor, noise: NoiseSource) -> Tensor:
        """Points x0 of the shape, dtype and device of ``like``."""


@final
@dataclass(frozen=True)
class GaussianPrior(Prior):
    """The standard normal distribution of M, centred where the group contains translations."""

    @property
    @override
    def isotropic(self) -> bool:
        return True

    @override
    def sample(self, quotient: OrbitSpace, like: Tensor, noise: NoiseSource) -> Tensor:
        return quotient.center(quotient.total_space.to_tangent(noise.normal(like), like))
