"""The optima of the aligned treatments as exact fields: what a perfect network would learn from them."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.conversions import align_time, velocity_from_denoiser
from diffusion.errors import DiffusionError
from diffusion.oracle import OrbitMixture


class AlignedOptimum(abc.ABC):
    """The optimum of a treatment that aligns x1, for the data of an orbit mixture.

    Each template m_k is moved by ``mixture.quotient.align``, and its orbit is integrated out in the posterior weight
    r_k = P(k | x_t). For a finite set of orbits, jitter sigma = 0, the field is the optimum exactly wherever those
    alignments are global. For x1 = g m_k + sigma z the template is aligned in the place of x1: with s^2 = alpha^2 +
    gamma^2 + beta^2 sigma^2 and a^2 = alpha^2 + gamma^2, the mean of x1 given x_t, k and the g of the alignment,

        y_k = (beta sigma^2 x_t + a^2 A_{x_t}(m_k)) / s^2,

    stands for the mean of the aligned x1 given x_t and k. The error is of order sigma^2, and there is none for finite
    data: put many templates without jitter in the place of one with a large jitter.

    Args:
        mixture: the data, with their interpolant and quotient.
    """

    def __init__(self, mixture: OrbitMixture) -> None:
        self.mixture = mixture

    @abc.abstractmethod
    def denoiser(self, x_t: Tensor, t: Tensor) -> Tensor:
        """The optimal prediction of x1, shape ``[..., *point_shape]``.

        Args:
            x_t: points of the slice, shape ``[..., *point_shape]``.
            t: a scalar, or the leading shape of the points; less than 1.
        """

    @final
    def velocity(self, x_t: Tensor, t: Tensor) -> Tensor:
        """What a sampler makes of the optimum, by the conversion that is right for E[x1 | x_t]; t < 1."""
        return velocity_from_denoiser(self.denoiser(x_t, t), x_t, t, self.mixture.interpolant.schedule)

    @final
    def candidates(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The weights r_k, shape ``[K, ...]``, and the points y_k, shape ``[K, ..., *point_shape]``."""
        templates = self.mixture.orbits(x_t)
        aligned = self.mixture.quotient.align(templates, x_t.expand_as(templates)).point
        return self.mixture.responsibilities(x_t, t), self.mixture.with_orbit_mean(aligned, x_t, t)


@final
class AlignedTargetOptimum(AlignedOptimum):
    """E[A_{x_t}(x1) | x_t] = sum_k r_k y_k, the optimum of :class:`diffusion.AlignedTarget` [Xu2022].

    Horizontal at x_t, as the exact denoiser is, but longer: orientations that disagree do not cancel. Cost: one
    alignment and one posterior weight for each point and template. See :class:`AlignedOptimum` for what is exact.
    """

    @override
    def denoiser(self, x_t: Tensor, t: Tensor) -> Tensor:
        weights, points = self.candidates(x_t, t)
        return (align_time(weights, points) * points).sum(0)


@final
@dataclass(frozen=True)
class ProcrustesMean:
    """A fixed point of D -> sum_k r_k A_D(y_k).

    Attributes:
        point: D, in the orientation nearest to x_t, shape ``[..., *point_shape]``.
        change: length of the last step over the root mean square length of the y_k, shape ``[...]``.
        iterations: number of steps that the slowest point took.
    """

    point: Tensor
    change: Tensor
    iterations: int


@final
class AlignedPredictionOptimum(AlignedOptimum):
    """A fixed point D = E[A_D(x1) | x_t] = sum_k r_k A_D(y_k): of :class:`diffusion.AlignedPrediction` [Abramson2024].

    The iteration D <- sum_k r_k A_D(y_k) starts at the optimum of the aligned target and never increases
    sum_k r_k |D - A_D(y_k)|^2. Any g D is a fixed point as well: of these the one nearest to x_t is returned, the
    rival's best case, so that D is horizontal at x_t. There may be fixed points on other orbits; where one orbit
    dominates there are none, and D is the optimum of the aligned target. Cost: an alignment for each point, template
    and step. See :class:`AlignedOptimum` for what is exact.

    Args:
        mixture: the data, with their interpolant and quotient.
        tolerance: largest accepted :attr:`ProcrustesMean.change`.
        limit: most steps taken, at least 1.
    """

    def __init__(self, mixture: OrbitMixture, *, tolerance: float = 1e-6, limit: int = 10_000) -> None:
        if not tolerance > 0 or limit < 1:
            raise DiffusionError(f"a positive tolerance and at least one step are needed, got {tolerance} and {limit}")
        super().__init__(mixture)
        self.tolerance = tolerance
        self.limit = limit

    def mean(self, x_t: Tensor, t: Tensor) -> ProcrustesMean:
        """The fixed point with what is known of its accuracy; arguments as in :meth:`denoiser`.

        Raises:
            DiffusionError: when some point has not converged within ``limit`` steps.
        """
        quotient = self.mixture.quotient
        space = quotient.total_space
        weights, points = self.candidates(x_t, t)
        points = points.reshape(len(points), -1, *space.shape)
        weights = weights.reshape(len(weights), -1)
        size = (weights * space.inner_product(points, points, points)).sum(0).sqrt()
        weights = align_time(weights, points)
        mean, change = (weights * points).sum(0), torch.full_like(size, torch.inf)
        moving, iterations = torch.arange(len(mean), device=mean.device), 0
        while len(moving) and iterations < self.limit:
            before = mean[moving]
            aligned = quotient.align(points[:, moving], before.expand(len(points), *before.shape)).point
            after = (weights[:, moving] * aligned).sum(0)
            mean = mean.index_copy(0, moving, after)
            change = change.index_copy(0, moving, space.norm(after - before, before) / size[moving])
            moving = moving[~(change[moving] <= self.tolerance)]
            iterations += 1
        if len(moving):
            raise DiffusionError(
                f"the mean of aligned points still moves by {float(change.max()):.1e} of its size in step {self.limit} "
                f"at {len(moving)} points, more than {self.tolerance:.1e}: raise the limit or the tolerance"
            )
        nearest = quotient.align(mean.reshape(x_t.shape), x_t).point
        return ProcrustesMean(nearest, change.reshape(x_t.shape[: x_t.ndim - len(space.shape)]), iterations)

    @override
    def denoiser(self, x_t: Tensor, t: Tensor) -> Tensor:
        return self.mean(x_t, t).point
