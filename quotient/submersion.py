"""Riemannian submersions: what follows from a vertical projection alone."""

from __future__ import annotations

import abc

import torch
from torch import Tensor

from quotient.total_space import TotalSpace


class RiemannianSubmersion(abc.ABC):
    """A Riemannian submersion pi: M -> Q, given by its total space and its vertical projection.

    Tangent vectors of Q are represented by their horizontal lifts, points of Q by any point of their fibre.
    """

    @property
    @abc.abstractmethod
    def total_space(self) -> TotalSpace:
        """The manifold M."""

    @abc.abstractmethod
    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        """V_x v, the part of v along the fibre, shape ``[..., *point_shape]``."""

    def horizontal_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        """P_x v = v - V_x v, the part of v orthogonal to the fibre, shape ``[..., *point_shape]``."""
        tangent = self.total_space.to_tangent(tangent_vec, base_point)
        return tangent - self.vertical_projection(tangent, base_point)

    def is_horizontal(self, tangent_vec: Tensor, base_point: Tensor, *, atol: float = 1e-6) -> Tensor:
        """Whether |V_x v| <= atol * |v|, boolean, shape ``[...]``."""
        vertical = self.vertical_projection(tangent_vec, base_point)
        norm = self.total_space.norm
        return norm(vertical, base_point) <= atol * norm(tangent_vec, base_point)

    def center(self, point: Tensor) -> Tensor:
        """Representative of the fibre in a slice where probability densities live. A documented hook: the identity."""
        return point

    @abc.abstractmethod
    def mean_curvature(self, base_point: Tensor) -> Tensor:
        """Mean curvature vector of the fibre, H = (sum_i nabla_{v_i} v_i)^hor, a sum and not an average [ONeill1966].

        Shape ``[..., *point_shape]``, horizontal. The routes to it are functions of :mod:`quotient.curvature`.
        """


def upcast(tensor: Tensor) -> Tensor:
    """The same numbers in double precision, in which moments, Gram matrices and frames are formed.

    Contiguous, because forward differentiation writes into tangents and refuses expanded tensors.
    """
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64).contiguous()


def resolution(point: Tensor) -> float:
    """Relative precision to which the coordinates of ``point`` are known: the machine epsilon of its dtype."""
    return torch.finfo(point.dtype).eps
