"""Ground truth for the orbit-aligned coupling: mixtures of orbits whose denoiser, velocity and density are exact."""

from __future__ import annotations

import math
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from diffusion.conversions import align_time, velocity_from_denoiser
from diffusion.couplings import OrbitAligned
from diffusion.errors import DiffusionError
from diffusion.interpolant import Interpolant
from quotient import AlignmentKind, OrbitSpace
from quotient.submersion import upcast

_ALIGNED = 1e-9


@final
class OrbitAlignedMixture:
    """x1 on the orbit of the template m_k with probability w_k, x0 moved along its orbit to be nearest to x1.

    With A_x(m) the point of the orbit of m nearest to x, the orbit k moves every prior point along a straight line,

        x_t = T(x0) = alpha x0 + beta A_x0(m_k),

    and T is the gradient of a convex function. So at most one x0 leads to x. With m' = A_x(m_k) it is
    x0 = (x - beta m') / alpha, provided that A_x0(m_k) = m', and

        p_t(x | k) = alpha^-n p0(x0) det(C - beta K) / det C,   C_ab = <e_a m', e_b x>,  K_ab = <e_a m', e_b m'>,

    and zero where no x0 leads to x. n is the dimension of the slice; determinants leave out the directions in which m_k
    does not move. Statement and proof: docs/theory/orbit-aligned.md. An evaluation aligns every template twice.

    Args:
        quotient: Q = M/G, M flat, with nearest points of orbits in closed form.
        templates: m_k, shape ``[K, *point_shape]``; centred here. Many of them stand for a continuous law.
        interpolant: with the coupling ``OrbitAligned()``, a Gaussian prior and no bridge noise.
        weights: w_k, positive, shape ``[K]``; equal by default.

    Raises:
        DiffusionError: for another interpolant, a curved M, weights that are not positive, or an action without a
            closed form of nearest points.
    """

    def __init__(
        self, quotient: OrbitSpace, templates: Tensor, *, interpolant: Interpolant, weights: Tensor | None = None
    ) -> None:
        middle = torch.tensor(0.5, dtype=torch.float64)
        bridged = bool(interpolant.schedule.gamma_squared(middle) != 0)
        if not isinstance(interpolant.coupling, OrbitAligned) or not interpolant.prior.gaussian or bridged:
            raise DiffusionError(
                "this oracle is exact for OrbitAligned(), a Gaussian prior and no bridge noise, got "
                f"{interpolant!r}: for the independent coupling use OrbitMixture"
            )
        weights = torch.ones(len(templates), dtype=torch.float64) if weights is None else weights
        if weights.shape != templates.shape[:1] or bool((weights <= 0).any()):
            raise DiffusionError(f"needs one positive weight for each of the {len(templates)} templates, got {weights}")
        if not quotient.total_space.flat:
            raise DiffusionError(f"{quotient.total_space!r} is curved: the paths of this oracle are straight lines")
        self.quotient = quotient
        self.templates = quotient.center(upcast(templates))
        self.interpolant = interpolant
        self.weights = (weights / weights.sum()).double()
        if quotient.align(self.templates, self.templates[:1]).kind is not AlignmentKind.GLOBAL:
            raise DiffusionError(
                f"{quotient!r} finds stationary points of the distance only, and the oracle needs nearest ones: "
                "define nearest_element on the action"
            )
        self._missing = quotient.gram(self.templates).shape[-1] - quotient.orbit_dimension(self.templates)
        self._dimension = int(quotient.slice_dimension(self.templates[0]).round())

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw points of Q from the target: templates as they stand, shape ``[count, *point_shape]``."""
        return self.templates[torch.multinomial(self.weights, count, replacement=True, generator=generator)]

    @cached_property
    def _prior_constant(self) -> float:
        """Log of det(L / (2 pi))^(1/2) on the slice, L the precision of the prior."""
        space, origin = self.quotient.total_space, torch.zeros_like(self.templates[0])
        frame = self.quotient.center(space.parseval_frame(origin))
        images = self.interpolant.prior.precision(self.quotient, frame)
        matrix = space.inner_product(frame.unsqueeze(1), images.unsqueeze(0), origin)
        sizes = torch.linalg.eigvalsh(matrix)[len(matrix) - self._dimension :]
        return 0.5 * float(sizes.log().sum()) - 0.5 * self._dimension * math.log(2 * math.pi)

    def _log_jacobian(self, moved: Tensor, x: Tensor, beta: Tensor) -> tuple[Tensor, Tensor]:
        """Log of det(C - beta K) / det C, and whether C - beta K is positive definite, both ``[K, ...]``."""
        space = self.quotient.total_space
        axis = -len(space.shape) - 1
        foot = x.unsqueeze(axis).unsqueeze(axis)
        there, here = self.quotient.generators(moved), self.quotient.generators(x).unsqueeze(axis - 1)
        turns = self.quotient.center(there)
        gram = space.inner_product(turns.unsqueeze(axis), turns.unsqueeze(axis - 1), foot)
        mixed = space.inner_product(there.unsqueeze(axis), here, foot)
        mixed = 0.5 * (mixed + mixed.mT) + self._still(moved)
        factors = [torch.linalg.cholesky_ex(matrix) for matrix in (mixed - beta[..., None, None] * gram, mixed)]
        inside = (factors[0].info == 0) & (factors[1].info == 0)
        diagonals = [factor.L.diagonal(dim1=-2, dim2=-1) for factor in factors]
        logs = [torch.where(inside.unsqueeze(-1), values, 1.0).log().sum(-1) for values in diagonals]
        return 2 * (logs[0] - logs[1]), inside

    def _still(self, moved: Tensor) -> Tensor:
        """Orthogonal projectors on the directions of the Lie algebra in which the templates do not move."""
        gram = self.quotient.gram(moved)
        if not bool(self._missing.any()):
            return torch.zeros_like(gram)
        with torch.no_grad():
            vectors = torch.linalg.eigh(gram).eigenvectors
            missing = self._missing.to(gram.device).reshape(-1, *(1,) * (gram.ndim - 2))
            kept = torch.arange(gram.shape[-1], device=gram.device) < missing
            return (vectors * kept.unsqueeze(-2)) @ vectors.mT

    def _nearest(self, x0: Tensor, moved: Tensor) -> Tensor:
        """Whether each moved template is the point of its orbit nearest to x0, boolean, ``[K, ...]``."""
        space = self.quotient.total_space
        with torch.no_grad():
            gain = space.inner_product(x0, self.quotient.align(moved, x0).point - moved, x0)
            return gain <= _ALIGNED * space.norm(x0, x0) * space.norm(moved, x0)

    def _components(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Log(w_k p_t(x | k)) and log(w_k p0(x0)), without the constant of the prior, ``[K, ...]``, and m'_k."""
        space, schedule = self.quotient.total_space, self.interpolant.schedule
        here = upcast(x_t)
        alpha, beta = schedule.alpha(t.double()), schedule.beta(t.double())
        batch = (1,) * (here.ndim - len(space.shape))
        templates = self.templates.to(here.device).reshape(-1, *batch, *space.shape).expand(-1, *here.shape)
        x = here.expand_as(templates)
        moved = self.quotient.align(templates, x).point
        x0 = (x - align_time(beta, here) * moved) / align_time(alpha, here)
        energy = space.inner_product(x0, self.interpolant.prior.precision(self.quotient, x0), x0)
        prior = self.weights.to(here.device).log().reshape(-1, *batch) - 0.5 * energy
        jacobian, inside = self._log_jacobian(moved, x, beta)
        inside = inside & self._nearest(x0, moved)
        return torch.where(inside, prior + jacobian - self._dimension * alpha.log(), -torch.inf), prior, moved

    def log_density(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Log p_t on the slice, with respect to its volume, ``[...]``; minus infinity where no path passes.

        Args:
            x_t: points of the slice, shape ``[..., *point_shape]``.
            t: a scalar, or the leading shape of the points; less than 1.
        """
        return (torch.logsumexp(self._components(x_t, t)[0], 0) + self._prior_constant).to(x_t.real.dtype)

    def posterior(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """The law of x1 given x_t: its weights ``[K, ...]`` and the points m'_k ``[K, ..., *point_shape]``.

        Where no path passes there is no such law, and the weights are those of w_k p0(x0).
        """
        logs, prior, moved = self._components(x_t, t)
        outside = (logs == -torch.inf).all(0)
        weights = torch.softmax(torch.where(outside, prior, logs), 0)
        return weights.to(x_t.real.dtype), moved.to(x_t.dtype)

    def denoiser(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[x1 | x_t] = sum_k p(k | x_t) A_x_t(m_k), horizontal, shape ``[..., *point_shape]``."""
        weights, moved = self.posterior(x_t, t)
        return (align_time(weights, moved) * moved).sum(0)

    def velocity(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E[alpha' x0 + beta' x1 | x_t], from the denoiser, for t < 1; horizontal for orthogonal actions."""
        return velocity_from_denoiser(self.denoiser(x_t, t), x_t, t, self.interpolant.schedule)
