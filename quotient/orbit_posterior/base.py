"""Orbit posteriors as an interface: what a tilted Haar measure knows of g x."""

from __future__ import annotations

import abc
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient.orbit_posterior._arrays import prepare, result_dtype
from quotient.orbit_posterior.errors import OrbitPosteriorError


@dataclass(frozen=True)
class OrbitEstimate:
    """An orbit posterior with its errors.

    Attributes:
        log_normalizer: log Z(y, x), shape ``[...]``.
        mean: E[g x], shape ``[..., *point_shape]``.
        log_normalizer_error: size of the error of log Z, shape ``[...]``; a standard error where g was sampled.
        mean_error: size of the error of each coordinate of the mean, real, ``[..., *point_shape]``.
        effective_sample_size: number of independent samples that would say as much, ``[...]``; infinite without
            sampling.
        r_hat: ratio of the spread of all chains to the spread within one, near 1 after convergence, ``[...]``; 1
            without chains.
    """

    log_normalizer: Tensor
    mean: Tensor
    log_normalizer_error: Tensor
    mean_error: Tensor
    effective_sample_size: Tensor
    r_hat: Tensor


class OrbitPosterior(abc.ABC):
    """The law of g x for g ~ exp<y, g x> dg, dg the Haar measure of total mass one.

        log Z(y, x) = log int exp<y, g x> dg,    mean(y, x) = E[g x] = grad_y log Z

    The inner product is <u, v> = Re sum conj(u) v. It is the posterior of the orbit under Gaussian noise: for
    x_t = beta g x + a z with standard normal z and Haar g, the dual point is y = beta x_t / a^2; for noise of precision
    L that commutes with the group, y = beta L x_t. The mean is equivariant in y and invariant in x,

        mean(h y, x) = h mean(y, x),    mean(y, h x) = mean(y, x),    grad_x log Z(y, x) = mean(y <-> x).

    Both functions broadcast batches, work in float64 inside and return the dtype of their arguments. They are
    differentiable in y and x, twice and more (see each class).
    """

    @abc.abstractmethod
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        """Log Z(y, x) for y = ``dual``, x = ``point``, real, shape ``[...]``."""

    @abc.abstractmethod
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        """E[g x] for y = ``dual``, x = ``point``, shape ``[..., *point_shape]``."""

    @abc.abstractmethod
    def estimate(self, dual: Tensor, point: Tensor) -> OrbitEstimate:
        """Both, with their errors; zero errors mean that the formulas are exact up to rounding."""

    def log_normalizer_and_mean(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        """Both, for y = ``dual`` and x = ``point``. A documented hook: closed formulas share their work."""
        mean = self.mean(dual, point)
        return self.log_normalizer(dual, point), mean

    def scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        """Log Z(y, x) - max_g <y, g x>, shape ``[...]``, without cancellation; a constant of differentiation.

        A documented hook: where the maximum is known in closed form.

        Raises:
            OrbitPosteriorError: where it is not.
        """
        del dual, point
        raise OrbitPosteriorError(
            f"{type(self).__name__}: the largest <y, g x> has no closed form here: subtract that of an alignment "
            "(GroupQuotient.align) from log_normalizer"
        )


class ExactOrbitPosterior(OrbitPosterior):
    """An orbit posterior from closed formulas: exact up to rounding, no error to report."""

    @override
    def estimate(self, dual: Tensor, point: Tensor) -> OrbitEstimate:
        log_normalizer, mean = self.log_normalizer_and_mean(dual, point)
        return OrbitEstimate(
            log_normalizer=log_normalizer,
            mean=mean,
            log_normalizer_error=torch.zeros_like(log_normalizer),
            mean_error=torch.zeros_like(mean.real if mean.is_complex() else mean),
            effective_sample_size=torch.full_like(log_normalizer, torch.inf),
            r_hat=torch.ones_like(log_normalizer),
        )


class ActionOrbitPosterior(ExactOrbitPosterior):
    """A closed formula for one action, written for prepared arrays in double precision.

    Args:
        action: a linear action by isometries.
    """

    def __init__(self, action: GroupAction) -> None:
        self.action = action

    def __repr__(self) -> str:
        return f"{type(self).__name__}({type(self.action).__name__}({self.action.group!r}))"

    @abc.abstractmethod
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        """Log Z of prepared arrays."""

    @abc.abstractmethod
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        """E[g x] of prepared arrays."""

    def _both(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        """Log Z and E[g x] of prepared arrays. A hook for formulas that share their work."""
        return self._log_normalizer(dual, point), self._mean(dual, point)

    @abc.abstractmethod
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        """Log Z - max <y, g x> of prepared arrays without gradients."""

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._log_normalizer(*prepare(self.action, dual, point)).to(result_dtype(dual, point)[1])

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._mean(*prepare(self.action, dual, point)).to(result_dtype(dual, point)[0])

    @override
    def log_normalizer_and_mean(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        dtype, real = result_dtype(dual, point)
        log_normalizer, mean = self._both(*prepare(self.action, dual, point))
        return log_normalizer.to(real), mean.to(dtype)

    @override
    def scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        wide = prepare(self.action, dual.detach(), point.detach())
        return self._scaled_log_normalizer(*wide).to(result_dtype(dual, point)[1])
