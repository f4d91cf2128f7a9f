"""Matrices with orthonormal columns: Stiefel manifolds and rotations, with the metric of the arrays."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import SpecialOrthogonal
from groups.exponential import matrix_exponential
from quotient.embedded import EmbeddedSpace
from quotient.errors import PointShapeError
from quotient.shaped import ShapedSpace


def _skew(matrix: Tensor) -> Tensor:
    return 0.5 * (matrix - matrix.mT)


class _OrthonormalColumns(EmbeddedSpace):
    """Real matrices x ``[..., n, k]`` with x^T x = 1."""

    @property
    @override
    def flat(self) -> bool:
        return False

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        product = base_point.mT @ vector
        return vector - base_point @ (0.5 * (product + product.mT))

    def _polish(self, matrix: Tensor) -> Tensor:
        """Remove what rounding did to the orthonormality of columns, by one step of Newton and Schulz."""
        return 1.5 * matrix - 0.5 * matrix @ (matrix.mT @ matrix)


@final
class Stiefel(ShapedSpace, _OrthonormalColumns):
    """Orthonormal k-frames of R^n as matrices ``[..., n, k]``, x^T x = 1, with the metric tr(u^T v) [Edelman1998].

    Geodesics, with a = x^T v and s = v^T v:

        exp_x(v) = [x, v] expm([[a, -s], [1, a]]) [1; 0] expm(-a)

    No logarithm is given. For k = n the space has two components; points of both are drawn.

    Args:
        n: number of rows.
        k: number of columns, at most n.

    Raises:
        PointShapeError: unless 1 <= k <= n.
    """

    def __init__(self, n: int, k: int) -> None:
        if not 1 <= k <= n:
            raise PointShapeError(f"a Stiefel manifold needs 1 <= k <= n, got n = {n}, k = {k}")
        super().__init__(n, k)

    @property
    @override
    def dim(self) -> int:
        n, k = self.shape
        return n * k - k * (k + 1) // 2

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        x, v = torch.broadcast_tensors(base_point, tangent_vec)
        k = self.shape[1]
        turn, square = _skew(x.mT @ v), v.mT @ v
        eye = torch.eye(k, dtype=x.dtype, device=x.device).expand_as(turn)
        block = torch.cat([torch.cat([turn, -square], -1), torch.cat([eye, turn], -1)], -2)
        moved = torch.cat([x, v], -1) @ matrix_exponential(block)[..., :k] @ matrix_exponential(-turn)
        return self._polish(moved)

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniformly distributed frames."""
        left, _, right = torch.linalg.svd(self.normal_array(batch_shape, generator), full_matrices=False)
        return left @ right


@final
class RotationMatrices(_OrthonormalColumns):
    """SO(n) as a manifold of matrices ``[..., n, n]`` with the bi-invariant metric tr(u^T v).

        exp_x(v) = x expm(x^T v)

    A rotation by the angle t in one plane has the distance sqrt(2) t from the identity. Left and right multiplications
    and conjugation act by isometries.

    Args:
        n: at least 2.
    """

    def __init__(self, n: int) -> None:
        if n < 2:
            raise PointShapeError(f"rotation matrices need n >= 2, got {n}")
        self._group = SpecialOrthogonal(n)

    def __repr__(self) -> str:
        return f"RotationMatrices({self._group.n})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._group.shape

    @property
    @override
    def dim(self) -> int:
        return self._group.dim

    @property
    @override
    def chordal(self) -> bool:
        return self._group.n <= 3

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        turn = matrix_exponential(_skew(base_point.mT @ tangent_vec))
        return self._polish(base_point @ turn)

    @override
    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        """By the principal logarithm of x^T y; not a number where an angle is pi, on the cut locus."""
        return base_point @ rotation_logarithm(base_point.mT @ point)

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Haar distributed rotations."""
        return self._group.random(batch_shape, generator, torch.zeros((), dtype=torch.float64))


_HALVINGS = 5
_NEWTON_STEPS = 12
_SERIES_TERMS = 10


def rotation_logarithm(rotation: Tensor) -> Tensor:
    """Principal logarithm of rotations ``[..., n, n]``, skew-symmetric; not a number where an angle is pi.

    The square root of R is the orthogonal polar factor of 1 + R. After five roots the angles are below pi / 32, where
    log R = 2 artanh((R - 1) (R + 1)^-1) converges quickly. Smooth in R, also at the identity.
    """
    eye = torch.eye(rotation.shape[-1], dtype=rotation.dtype, device=rotation.device)
    root = rotation
    for _ in range(_HALVINGS):
        root = _orthogonal_factor(eye + root)
    half = _skew(torch.linalg.solve(root + eye, root - eye))
    square, term, total = half @ half, half, torch.zeros_like(half)
    for order in range(1, 2 * _SERIES_TERMS, 2):
        total = total + term / order
        term = term @ square
    return 2.0 ** (_HALVINGS + 1) * total


def _orthogonal_factor(matrix: Tensor) -> Tensor:
    """Orthogonal polar factor of invertible matrices, by Newton's iteration scaled to unit determinant."""
    size = matrix.shape[-1]
    for _ in range(_NEWTON_STEPS):
        matrix = matrix / torch.linalg.det(matrix).abs()[..., None, None] ** (1 / size)
        matrix = 0.5 * (matrix + torch.linalg.inv_ex(matrix).inverse.mT)
    return matrix
