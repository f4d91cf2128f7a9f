"""Prior distributions of x0."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.errors import DiffusionError
from quotient import NoiseSource, OrbitSpace, UnitSphere


class Prior(abc.ABC):
    """A G-invariant distribution on the slice of M where densities live."""

    @property
    @abc.abstractmethod
    def isotropic(self) -> bool:
        """Claim: the prior is N(0, 1) on the slice."""

    @property
    def gaussian(self) -> bool:
        """Claim: the prior is N(0, L^-1) on the slice, with the precision L of :meth:`precision`."""
        return self.isotropic

    @abc.abstractmethod
    def sample(self, quotient: OrbitSpace, like: Tensor, noise: NoiseSource) -> Tensor:
        """Points x0 of the shape, dtype and device of ``like``."""

    def precision(self, quotient: OrbitSpace, vector: Tensor) -> Tensor:
        """L v for a Gaussian prior N(0, L^-1), shape ``[..., *point_shape]``. A documented hook.

        Raises:
            DiffusionError: for a prior that is not Gaussian.
        """
        del quotient
        if not self.gaussian:
            raise DiffusionError(
                f"{self!r} is not Gaussian, so neither scores nor orbit averages follow from the denoiser: use the ODE "
                "with the treatment Equivariant() or Quotient()"
            )
        return vector


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


@final
class HarmonicPrior(Prior):
    """Beads on springs: clouds with the density exp(-1/2 sum_(a,b) k_ab |x_a - x_b|^2) on the slice [Jing2023].

    With the weighted graph Laplacian L of the springs, x0 = L^(-1/2) z on centred clouds; neighbours start close to
    each other. Invariant under rigid motions, and Gaussian with precision L, but not isotropic: the exact denoiser is
    then not horizontal, only the score is.

    Args:
        springs: k, symmetric, not negative, zero on the diagonal, ``[..., n_points, n_points]``; the graph of the real
            points must be connected.
        mask: which points are real, boolean ``[..., n_points]``; by default those that have springs.

    Raises:
        DiffusionError: when the matrix is not symmetric, has negative entries, or its graph is not connected.
    """

    def __init__(self, springs: Tensor, *, mask: Tensor | None = None) -> None:
        k = springs.double()
        if k.ndim < 2 or k.shape[-1] != k.shape[-2] or not torch.equal(k, k.mT) or bool((k < 0).any()):
            raise DiffusionError(
                f"springs must be a symmetric matrix without negative entries, got shape {tuple(springs.shape)}"
            )
        k = k - torch.diag_embed(torch.diagonal(k, dim1=-2, dim2=-1))
        self._laplacian = torch.diag_embed(k.sum(-1)) - k
        values, vectors = torch.linalg.eigh(self._laplacian)
        real = (k.sum(-1) > 0 if mask is None else mask).sum(-1)
        small = values <= 1e-9 * values.amax(-1, keepdim=True)
        loose = small.sum(-1) - (k.shape[-1] - real)
        if bool((loose != 1).any()):
            raise DiffusionError("the graph of the springs is not connected: its parts would have no relative position")
        roots = torch.where(small, 0.0, torch.where(small, 1.0, values).rsqrt())
        self._root = (vectors * roots.unsqueeze(-2)) @ vectors.mT

    def __repr__(self) -> str:
        return f"HarmonicPrior({list(self._laplacian.shape)})"

    @property
    @override
    def isotropic(self) -> bool:
        return False

    @property
    @override
    def gaussian(self) -> bool:
        return True

    @override
    def sample(self, quotient: OrbitSpace, like: Tensor, noise: NoiseSource) -> Tensor:
        return quotient.center(self._root.to(like) @ quotient.total_space.keep(noise.normal(like)))

    @override
    def precision(self, quotient: OrbitSpace, vector: Tensor) -> Tensor:
        return self._laplacian.to(vector) @ vector


@final
@dataclass(frozen=True)
class UniformSpherePrior(Prior):
    """The uniform distribution of a sphere, real, complex or of pre-shapes: x0 = z / |z|."""

    @property
    @override
    def isotropic(self) -> bool:
        return False

    @override
    def sample(self, quotient: OrbitSpace, like: Tensor, noise: NoiseSource) -> Tensor:
        space = quotient.total_space
        if not isinstance(space, UnitSphere):
            raise DiffusionError(f"UniformSpherePrior needs a unit sphere, got {space!r}")
        return space.projection(noise.normal(like))
