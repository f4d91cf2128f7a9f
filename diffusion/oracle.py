"""Ground truth without a network: orbit-invariant mixtures whose denoiser, velocity and score are known exactly."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor

from diffusion.conversions import align_time, velocity_from_denoiser
from diffusion.errors import DiffusionError, NoClosedScoreError
from diffusion.interpolant import Interpolant
from groups import GroupAction
from quotient import OrbitSpace
from quotient.orbit_posterior.base import OrbitPosterior


@final
class OrbitMixture:
    """x1 = g m_k + sigma z with Haar g, template m_k drawn with weight w_k, and z standard normal on the slice.

    With x_t = alpha x0 + beta x1 + gamma eps and a Gaussian prior x_t given (g, k) is normal with mean beta g m_k and
    variance s^2 = alpha^2 + gamma^2 + beta^2 sigma^2, so

        p_t(x) = (2 pi s^2)^(-d/2) sum_k w_k exp(-(|x|^2 + beta^2 |m_k|^2) / (2 s^2)) Z(beta x / s^2, m_k)

    where Z(y, m) is the integral of exp<y, g m> over the group: its logarithm and its gradient E[g m] are those of the
    orbit posterior. d is the dimension of the slice.

    Args:
        quotient: Q = M/G, M flat.
        action: the compact part of G, acting linearly on the slice (rotations where G has translations too).
        posterior: log Z and E[g m] for that action.
        templates: m_k, shape ``[K, *point_shape]``; centred here.
        jitter: sigma, not negative.
        interpolant: with independent coupling and the isotropic Gaussian prior.
        weights: w_k, positive, shape ``[K]``; equal by default.

    Raises:
        NoClosedScoreError: when the interpolant has another coupling or prior.
        DiffusionError: for an action that is not compact, a negative jitter, and weights that are not positive.
    """

    def __init__(
        self,
        quotient: OrbitSpace,
        action: GroupAction,
        posterior: OrbitPosterior,
        templates: Tensor,
        *,
        jitter: float,
        interpolant: Interpolant,
        weights: Tensor | None = None,
    ) -> None:
        if not (interpolant.coupling.independent and interpolant.prior.isotropic):
            raise NoClosedScoreError(
                f"the oracle is exact for an independent coupling and the isotropic Gaussian prior, got {interpolant!r}"
            )
        weights = torch.ones(len(templates), dtype=torch.float64) if weights is None else weights
        if not action.group.compact:
            raise DiffusionError(f"the mixture needs the compact part of the group, got {action.group!r}")
        if not jitter >= 0 or weights.shape != templates.shape[:1] or not bool((weights > 0).all()):
            raise DiffusionError(
                f"the jitter must not be negative, and each template needs one positive weight, got {jitter}, {weights}"
            )
        self.quotient = quotient
        self.action = action
        self.posterior = posterior
        self.templates = quotient.center(templates)
        self.jitter = jitter
        self.interpolant = interpolant
        self.weights = weights / weights.sum()
        self._dimension = float(quotient.slice_dimension(self.templates[0]))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw x1, shape ``[count, *point_shape]``."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        x = self.templates[chosen]
        turned = self.action.act(self.action.group.random((count,), generator, x), x)
        noise = torch.randn(turned.shape, generator=generator, dtype=turned.dtype)
        if turned.is_complex():
            noise = noise * math.sqrt(2.0)
        return turned + self.jitter * self.quotient.center(self.quotient.total_space.to_tangent(noise, turned))

    def _scales(self, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        """Values beta and s^2 with the dtype of norms of points."""
        c = self.interpolant.schedule.coefficients(t)
        variance = c.alpha**2 + c.gamma**2 + c.beta**2 * self.jitter**2
        return c.beta.to(like.real.dtype), variance.to(like.real.dtype)

    def _pairs(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The dual point y = beta x_t / s^2 and the templates, both ``[K, ..., *point_shape]``."""
        beta, variance = self._scales(t, x_t)
        dual = align_time(beta / variance, x_t) * x_t
        return dual.expand(len(self.templates), *dual.shape), self.orbits(x_t)

    def orbits(self, like: Tensor) -> Tensor:
        """The templates m_k, one copy for each point of ``like``, ``[K, ..., *point_shape]``."""
        shape = self.quotient.total_space.shape
        templates = self.templates.to(like).reshape(-1, *(1,) * (like.ndim - len(shape)), *shape)
        return templates.expand(len(self.templates), *like.shape)

    def _log_weights(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Log weights of the templates given x_t but for a common term, shape ``[K, ...]``."""
        return self._weighed(self.posterior.log_normalizer(*self._pairs(x_t, t)), x_t, t)

    def _weighed(self, logs: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """The same from log Z."""
        space, templates = self.quotient.total_space, self.orbits(x_t)
        beta, variance = self._scales(t, x_t)
        sizes = space.inner_product(templates, templates, templates)
        weights = self.weights.to(sizes).log().reshape(-1, *(1,) * (sizes.ndim - 1))
        return weights + logs - beta**2 * sizes / (2 * variance)

    def log_density(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Log p_t on the slice, with respect to its volume, shape ``[...]``.

        Args:
            x_t: points of the slice, shape ``[..., *point_shape]``.
            t: a scalar, or the leading shape of the points.
        """
        _, variance = self._scales(t, x_t)
        size = self.quotient.total_space.inner_product(x_t, x_t, x_t)
        normalizer = 0.5 * self._dimension * (2 * math.pi * variance).log()
        return torch.logsumexp(self._log_weights(x_t, t), 0) - size / (2 * variance) - normalizer

    def responsibilities(self, x_t: Tensor, t: Tensor) -> Tensor:
        """r_k = P(k | x_t), the posterior weight of each template with its orbit integrated out, shape ``[K, ...]``.

        Args:
            x_t: points of the slice, shape ``[..., *point_shape]``.
            t: a scalar, or the leading shape of the points; less than 1 where sigma = 0.
        """
        if len(self.templates) == 1:
            like = self.quotient.total_space.inner_product(x_t, x_t, x_t)
            return torch.ones_like(like).unsqueeze(0)
        return torch.softmax(self._log_weights(x_t, t), 0)

    def with_orbit_mean(self, orbit_mean: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """E[x1 | x_t] for a given mean of g m_k: (beta sigma^2 x_t + a^2 E[g m_k]) / s^2 with a^2 = alpha^2 + gamma^2.

        Args:
            orbit_mean: E[g m_k | x_t], shape ``[..., *point_shape]``, or one for each orbit in front of them.
            x_t: points of the slice.
            t: as in :meth:`responsibilities`.
        """
        beta, variance = self._scales(t, x_t)
        kept = align_time(beta * self.jitter**2 / variance, x_t)
        return kept * x_t + align_time(1 - beta**2 * self.jitter**2 / variance, x_t) * orbit_mean

    def _orbit_mean(self, x_t: Tensor, t: Tensor) -> Tensor:
        """sum_k r_k E[g m_k], shape ``[..., *point_shape]``."""
        dual, templates = self._pairs(x_t, t)
        if len(templates) == 1:
            return self.posterior.mean(dual, templates).squeeze(0)
        logs, means = self.posterior.log_normalizer_and_mean(dual, templates)
        return (align_time(torch.softmax(self._weighed(logs, x_t, t), 0), means) * means).sum(0)

    def score(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Grad log p_t = -x / s^2 + (beta / s^2) sum_k r_k E[g m_k], r_k the posterior weight of template k."""
        beta, variance = self._scales(t, x_t)
        return align_time(1 / variance, x_t) * (align_time(beta, x_t) * self._orbit_mean(x_t, t) - x_t)

    def denoiser(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[x1 | x_t] = (beta sigma^2 x_t + a^2 sum_k r_k E[g m_k]) / s^2.

        The same as Tweedie's formula on the score, without its division by beta.
        """
        return self.with_orbit_mean(self._orbit_mean(x_t, t), x_t, t)

    def velocity(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[alpha' x0 + beta' x1 + gamma' eps | x_t], from the denoiser; not at t = 1 exactly."""
        return velocity_from_denoiser(self.denoiser(x_t, t), x_t, t, self.interpolant.schedule)
