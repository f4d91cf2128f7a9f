"""How velocity, denoiser, score and noise turn into each other.

For x_t = alpha x0 + beta x1 + gamma eps with x0 ~ N(0, 1) independent of x1, put a^2 = alpha^2 + gamma^2.
With the denoiser D = E[x1 | x_t]:

    velocity  v = (a' x_t - (a' beta - a beta') D) / a
    score     s = -(x_t - beta D) / a^2
    noise     E[eps_hat | x_t] = (x_t - beta D) / a

Without bridge noise (gamma = 0) the relation of v and D holds along every path, so for every coupling; that of the
score needs the independent Gaussian prior.
"""

from __future__ import annotations

from torch import Tensor

from diffusion.schedules import Schedule


def align_time(value: Tensor, like: Tensor) -> Tensor:
    """Append axes to a function of time ``[...]`` so that it multiplies points ``[..., *point_shape]``.

    A scalar stays a scalar; any other shape must be the leading shape of the points.
    """
    return value if value.ndim == 0 else value.reshape(value.shape + (1,) * (like.ndim - value.ndim))


def _rates(schedule: Schedule, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Factors p and q (see :attr:`Rates.merged`), beta and beta', with axes appended."""
    rates = schedule.rates(t)
    p, q, beta, d_beta = (align_time(value, like) for value in (*rates.merged, rates.beta, rates.d_beta))
    return p, q, beta, d_beta


def _values(schedule: Schedule, t: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
    """Amplitude a and beta, with axes appended; nothing is differentiated."""
    a = (schedule.alpha(t) ** 2 + schedule.gamma(t) ** 2).sqrt()
    return align_time(a, like), align_time(schedule.beta(t), like)


def velocity_from_denoiser(denoiser: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """V = (a' x_t - (a' beta - a beta') D) / a, for t < 1."""
    p, q, beta, d_beta = _rates(schedule, t, x_t)
    return (q * x_t - (q * beta - p * d_beta) * denoiser) / p


def denoiser_from_velocity(velocity: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """D = (a v - a' x_t) / (a beta' - a' beta), at all times."""
    p, q, beta, d_beta = _rates(schedule, t, x_t)
    return (p * velocity - q * x_t) / (p * d_beta - q * beta)


def score_from_denoiser(denoiser: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """S = -(x_t - beta D) / a^2 = grad log p_t, for the independent Gaussian prior and t < 1."""
    a, beta = _values(schedule, t, x_t)
    return -(x_t - beta * denoiser) / a**2


def denoiser_from_score(score: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """D = (x_t + a^2 s) / beta, for the independent Gaussian prior and t > 0 (Tweedie's formula)."""
    a, beta = _values(schedule, t, x_t)
    return (x_t + a**2 * score) / beta


def noise_from_denoiser(denoiser: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
    """E[eps_hat | x_t] = (x_t - beta D) / a, for the independent Gaussian prior and t < 1."""
    a, beta = _values(schedule, t, x_t)
    return (x_t - beta * denoiser) / a
