"""Inputs that a network derives from coordinates: distances, their place between bounds, chirality, time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from applications.molecular.batching import FeatureBatch

N_RADIAL = 24
"""Radial functions of a pair, unless a network asks for another number."""
N_CHIRAL_SCALARS = 2

_CUTOFF = 6.0
_RESOLUTION = 0.03
_TAIL = 30.0


def pair_geometry_width(n_radial: int) -> int:
    """Number of inputs that `pair_geometry` gives for each pair."""
    return n_radial + 6


def skip_velocity(x_t: Tensor, t: Tensor) -> Tensor:
    """Velocity that is optimal for independent standard Gaussian data and noise.

    F = (2t - 1) / (t^2 + (1 - t)^2) x_t; a network adds its correction to it, which then has unit scale at
    all t.

    Args:
        x_t: Coordinates, shape (B, N, 3).
        t: Times, shape (B,).

    Returns:
        Velocity, shape (B, N, 3).
    """
    variance = t.square() + (1.0 - t).square()
    return ((2.0 * t - 1.0) / variance)[:, None, None] * x_t


def gaussians(distance: Tensor, centres: Tensor, widths: Tensor) -> Tensor:
    """exp(-((distance - centres) / widths)^2), at least exp(-30), shape (..., n) for n centres and widths."""
    exponents = ((distance[..., None] - centres) / widths).square()
    # far tails would be denormal numbers, which are slow
    return torch.exp(-exponents.clamp_max(_TAIL))


@final
@dataclass(frozen=True, kw_only=True)
class PairGeometry:
    """Distances and what is read from them.

    Attributes:
        inverse_distance: 1 / distance, zero at padding and on the diagonal, shape (B, N, N).
        values: Inputs invariant under rotations and reflections, shape (B, N, N, pair_geometry_width(n_radial)).
    """

    inverse_distance: Tensor
    values: Tensor


def pair_geometry(
    x: Tensor, t: Tensor, features: FeatureBatch, pair_mask: Tensor, *, n_radial: int = N_RADIAL
) -> PairGeometry:
    """Describe all interatomic distances of a configuration.

    Besides Gaussian radial functions, the deviation of each distance from its lower bound, its upper bound
    and their middle, in units of the noise level 1 - t (plus a small constant): the force that a bond needs
    is then of order one at every noise level.

    Args:
        x: Coordinates, shape (B, N, 3).
        t: Times, shape (B,).
        features: Batch that holds the bounds.
        pair_mask: True for pairs of two different real atoms, shape (B, N, N).
        n_radial: Number of radial functions; their widths shrink with their spacing.

    Returns:
        The inverse distances and the inputs.
    """
    difference = x[:, :, None, :] - x[:, None, :, :]
    distance = (difference.square().sum(-1) + 1e-8).sqrt()
    inverse = pair_mask.to(x.dtype) / (distance + 0.02)
    centres = torch.linspace(0.0, 1.0, n_radial, dtype=x.dtype, device=x.device).pow(1.5) * _CUTOFF
    widths = (0.08 + 0.08 * centres) * (N_RADIAL / n_radial)
    radial = gaussians(distance, centres, widths)
    lower, upper = features.bounds.unbind(-1)
    excess = torch.stack([distance - upper, lower - distance, distance - 0.5 * (lower + upper)], dim=-1)
    scaled = excess / (1.0 - t + _RESOLUTION)[:, None, None, None]
    values = torch.cat([radial, torch.tanh(scaled), torch.tanh(0.25 * scaled)], dim=-1)
    return PairGeometry(inverse_distance=inverse, values=values)


@final
@dataclass(frozen=True, kw_only=True)
class Chirality:
    """How far a configuration is from the wanted hand.

    Attributes:
        scalars: Functions of sign * signed volume at each stereocentre, shape (B, N, N_CHIRAL_SCALARS).
        vectors: sign * gradient of the signed volume, squashed to length below one, shape (B, N, 3).
    """

    scalars: Tensor
    vectors: Tensor


def chirality(x: Tensor, features: FeatureBatch) -> Chirality:
    """Signed volumes of the stereocentres and their gradients.

    The scalars are invariant and the vectors covariant under rotations; both change sign under reflections,
    which lets a rotation-equivariant network see the hand that is wanted.

    Args:
        x: Coordinates, shape (B, N, 3).
        features: Batch that holds the stereocentres.

    Returns:
        Scalars on the centres and vectors on centres and corners, summed over stereocentres.
    """
    size, n_atoms, _ = x.shape
    corners = features.chiral_corners
    n_centres = corners.shape[1]
    flat = corners.reshape(size, -1, 1).expand(-1, -1, 3)
    p = torch.gather(x, 1, flat).reshape(size, n_centres, 4, 3)
    a, b, c = (p[:, :, :3] - p[:, :, 3:]).unbind(2)
    bc, ca, ab = torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)
    sign = features.chiral_sign.to(x.dtype)
    volume = sign * (a * bc).sum(-1)
    gradient = torch.stack([bc, ca, ab, -(bc + ca + ab)], dim=2) * sign[:, :, None, None]
    vectors = torch.zeros_like(x).scatter_add(1, flat, gradient.reshape(size, -1, 3))
    vectors = vectors / (1.0 + vectors.square().sum(-1, keepdim=True)).sqrt()
    values = torch.stack([torch.tanh(volume), torch.tanh(4.0 * volume)], dim=-1)
    where = features.chiral_centre[:, :, None].expand(-1, -1, N_CHIRAL_SCALARS)
    scalars = x.new_zeros(size, n_atoms, N_CHIRAL_SCALARS).scatter_add(1, where, values)
    return Chirality(scalars=scalars, vectors=vectors)


@final
class TimeEmbedding(nn.Module):
    """Embed the time by cosines of t and of the logarithm of the noise-to-signal ratio."""

    def __init__(self, width: int, *, n_frequencies: int = 16) -> None:
        super().__init__()
        self.n_frequencies = n_frequencies
        self.mlp = nn.Sequential(nn.Linear(4 * n_frequencies, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, t: Tensor) -> Tensor:
        """Map times of shape (B,) to embeddings of shape (B, width)."""
        steps = torch.arange(1, self.n_frequencies + 1, dtype=t.dtype, device=t.device)
        level = torch.log((1.0 - t + 0.01) / (t + 0.01)) / math.log(101.0)
        angles = torch.stack([t, 0.5 * (1.0 + level)], dim=-1)[..., None] * steps * (math.pi / 2.0)
        waves = torch.cat([angles.cos(), angles.sin()], dim=-1)
        return self.mlp(waves.flatten(1))
