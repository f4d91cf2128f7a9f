"""SO(3) in direct sums of its irreducible representations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from groups.errors import GroupError
from groups.matrix_actions import VectorAction
from groups.matrix_group import MatrixGroup


def irrep_generators(degree: int) -> Tensor:
    """Rotations about x, y, z in the real irreducible representation of degree l, ``[3, 2l + 1, 2l + 1]``, float64.

    Skew-symmetric, with the brackets of so(3): [E_x, E_y] = E_z. Coordinates are those of real spherical harmonics,
    m = -l, ..., l.

    Raises:
        GroupError: when the degree is negative.
    """
    if degree < 0:
        raise GroupError(f"the degree of a representation must not be negative, got {degree}")
    size = 2 * degree + 1
    m = torch.arange(-degree, degree + 1, dtype=torch.float64)
    ladder = (degree * (degree + 1) - m[:-1] * (m[:-1] + 1)).clamp_min(0).sqrt()
    raising = torch.diag(ladder, -1).to(torch.complex128)
    momenta = [0.5 * (raising + raising.mH), -0.5j * (raising - raising.mH), torch.diag(m).to(torch.complex128)]
    change = torch.zeros(size, size, dtype=torch.complex128)
    half = math.sqrt(0.5)
    for k in range(1, degree + 1):
        sign = (-1.0) ** k
        change[degree - k, degree - k] = torch.tensor(1j * half, dtype=torch.complex128)
        change[degree - k, degree + k] = torch.tensor(-1j * half * sign, dtype=torch.complex128)
        change[degree + k, degree - k] = half
        change[degree + k, degree + k] = half * sign
    change[degree, degree] = 1.0
    return torch.stack([(change @ (-1j * momentum) @ change.mH).real for momentum in momenta])


def irrep_action(degrees: Sequence[int]) -> VectorAction:
    """SO(3) on R^n, n = sum (2 l + 1), through the direct sum of irreducible representations of the given degrees.

    The group is the image of SO(3) in the representation: its elements are the block-diagonal Wigner matrices.

    Args:
        degrees: l of each block, at least one of them positive.

    Raises:
        GroupError: when all degrees are zero, so that nothing acts.
    """
    if not any(degrees):
        raise GroupError(f"degrees {list(degrees)} give the trivial representation: add a positive one")
    blocks = [irrep_generators(degree) for degree in degrees]
    return VectorAction(MatrixGroup([torch.block_diag(*(block[a] for block in blocks)) for a in range(3)]))
