"""What the networks of backbones read from a chain and from its coordinates."""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor, nn

from applications.molecular.networks.geometry_inputs import gaussians
from applications.molecular.proteins.batching import BOND, CLOSEST, BackboneBatch

MAX_SEPARATION: Final = 63
"""Residues that are further apart along the chain share a bin."""

N_SEPARATIONS: Final = 2 * MAX_SEPARATION + 1
"""Bins of the signed separation along the chain."""

N_WAVES: Final = 16
CHAIN_WIDTH: Final = 2 * N_WAVES + 4
"""Number of inputs that `chain_inputs` gives for each residue."""

LOCAL_VECTORS: Final = 3
LOCAL_SCALARS: Final = 3

CONTACT_WIDTH: Final = 6
"""Number of inputs that `contact_inputs` gives for each pair."""

_LONGEST: Final = 256.0
_RESOLUTION: Final = 0.01


def chain_inputs(batch: BackboneBatch, dtype: torch.dtype) -> Tensor:
    """Place of each residue in its chain, the length of the chain, and chain breaks.

    Args:
        batch: The chains.
        dtype: Of the result.

    Returns:
        Waves of the residue number, relative place and length, whether the chain breaks before and after it, shape
        (B, N, CHAIN_WIDTH).
    """
    number = batch.residue_index.to(dtype)
    periods = torch.logspace(math.log10(2.0), math.log10(4.0 * _LONGEST), N_WAVES, dtype=dtype, device=number.device)
    angles = 2.0 * math.pi * number[..., None] / periods
    length = batch.lengths.to(dtype)[:, None].expand_as(number)
    place = torch.arange(batch.n_residues, dtype=dtype, device=number.device) / length
    end = batch.mask.new_zeros(batch.size, 1)
    broken = batch.breaks
    flags = [torch.cat([end, broken], dim=1).to(dtype), torch.cat([broken, end], dim=1).to(dtype)]
    rest = torch.stack([place, (length / _LONGEST).sqrt(), *flags], dim=-1)
    return torch.cat([angles.cos(), angles.sin(), rest], dim=-1)


def separation_bins(batch: BackboneBatch) -> Tensor:
    """Bin of the signed separation along the chain, shape (B, N, N), int64 in [0, N_SEPARATIONS)."""
    return batch.separation.clamp(-MAX_SEPARATION, MAX_SEPARATION) + MAX_SEPARATION


def bond_vectors(x: Tensor, batch: BackboneBatch) -> Tensor:
    """Vectors to the next residue in units of the bond length, zero at breaks and ends, shape (B, N - 1, 3)."""
    step = (x[:, 1:] - x[:, :-1]) / batch.bond[:, None, None]
    return step * batch.linked[..., None].to(x.dtype)


def local_geometry(x: Tensor, batch: BackboneBatch) -> tuple[Tensor, Tensor]:
    """The chain around each residue.

    Args:
        x: Coordinates, shape (B, N, 3).
        batch: The chains.

    Returns:
        Vectors (position, to the next and from the previous residue, in bond lengths and squashed), shape
        (B, N, 3 LOCAL_VECTORS), and functions of the angle, the bond length and the signed volume of the next three
        bonds, which tells a chain from its mirror image, shape (B, N, LOCAL_SCALARS).
    """
    bonds = bond_vectors(x, batch)
    forward = nn.functional.pad(bonds, (0, 0, 0, 1))
    backward = nn.functional.pad(bonds, (0, 0, 1, 0))
    third = nn.functional.pad(bonds, (0, 0, 0, 2))[:, 1:]
    volume = (torch.linalg.cross(backward, forward) * third).sum(-1)
    cosine = (backward * forward).sum(-1)
    length = forward.square().sum(-1)
    scalars = torch.stack([torch.tanh(volume), torch.tanh(cosine), torch.tanh(length - 1.0)], dim=-1)
    squashed = [v / (1.0 + v.square().sum(-1, keepdim=True)).sqrt() for v in (forward, backward)]
    return torch.cat([x, *squashed], dim=-1), scalars


def distances(x: Tensor) -> Tensor:
    """Distances of all pairs, smooth at zero, shape (B, N, N)."""
    # |a|^2 + |b|^2 - 2 ab would lose the bonds of large clouds to rounding
    difference = x[:, :, None, :] - x[:, None, :, :]
    return (difference.square().sum(-1) + 1e-8).sqrt()


def radial_functions(distance: Tensor, n_radial: int, *, reach: float) -> Tensor:
    """Gaussians of a distance, denser at short distances, shape (..., n_radial).

    Args:
        distance: In model units.
        n_radial: How many.
        reach: Centre of the last one.
    """
    places = torch.linspace(0.0, 1.0, n_radial, dtype=distance.dtype, device=distance.device)
    centres = places.pow(1.5) * reach
    widths = 1.5 * reach / n_radial * (places.sqrt() + 0.25)
    return gaussians(distance, centres, widths)


def distance_bounds(batch: BackboneBatch) -> tuple[Tensor, Tensor]:
    """Bounds of the distances of CA in model units that follow from the chain alone, each of shape (B, N, N)."""
    bond = batch.bond[:, None, None]
    apart = batch.separation.abs().to(bond.dtype)
    return torch.where(apart == 1, bond, bond * (CLOSEST / BOND)), bond * apart


def contact_inputs(distance: Tensor, t: Tensor, batch: BackboneBatch) -> Tensor:
    """How far distances are from their bounds, in units of the noise level 1 - t (plus a small constant).

    The push that a bond or a clash needs is then of order one at every noise level.

    Args:
        distance: Of all pairs, shape (B, N, N).
        t: Times, shape (B,).
        batch: The chains.

    Returns:
        Shape (B, N, N, CONTACT_WIDTH).
    """
    lower, upper = distance_bounds(batch)
    excess = torch.stack([distance - upper, lower - distance], dim=-1)
    scaled = excess / (1.0 - t + _RESOLUTION)[:, None, None, None]
    return torch.cat([torch.tanh(4.0 * scaled), torch.tanh(scaled), torch.tanh(0.25 * scaled)], dim=-1)
