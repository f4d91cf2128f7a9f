"""Group actions: the user writes ``act``, everything else is derived."""

from __future__ import annotations

import abc

import torch
from torch import Tensor
from typing_extensions import override

from groups._geomstats import GeomstatsGroupAction
from groups.autodiff import directional_derivative
from groups.errors import ActionError
from groups.group import Group


class GroupAction(GeomstatsGroupAction):
    """A left action of a group on a manifold, (g h) x = g (h x).

    A right action becomes a left one by acting with the inverse element. Subclasses set ``group`` and write
    ``act(g, x)``, which must broadcast batches of elements ``[..., *group.shape]`` against batches of points and be
    differentiable in g.

    Class attributes are claims, which tests may try to refute:
        group: the group G.
        isometric: G acts by isometries of the metric it is used with. Quotients refuse other actions.
        linear: x -> g x is linear for every g.
        free: no element but the identity fixes a generic point; None claims nothing.
        locally_free: the stabiliser of a generic point is discrete; None claims nothing.
        effective: no element but the identity fixes every point; None claims nothing.
        principal_stabilizer_order: number of elements that fix a generic point, where finite; None claims nothing.
        point_ndim: number of axes of one point (only :meth:`generators` reads it).
        reads_mask: ``act`` and the closed forms look at ``mask``, which must then be that of the space.
        mask: True for real points of a padded cloud, or None.

    Example:
        >>> import torch
        >>> from groups import GroupAction, SpecialOrthogonal
        >>> class PlaneRotation(GroupAction):
        ...     group = SpecialOrthogonal(2)
        ...     def act(self, g, x):
        ...         return torch.einsum("...ij,...j->...i", g, x)
        >>> PlaneRotation().generators(torch.tensor([3.0, 4.0]))
        tensor([[-4.,  3.]])
    """

    group: Group
    isometric: bool = True
    linear: bool = False
    free: bool | None = None
    locally_free: bool | None = None
    effective: bool | None = None
    principal_stabilizer_order: int | None = None
    point_ndim: int = 1
    reads_mask: bool = False
    mask: Tensor | None = None

    @abc.abstractmethod
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        """The point g x, shape ``[..., *point_shape]``."""

    @override
    def __call__(self, group_elem: Tensor, point: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self.act(group_elem, point)

    def infinitesimal(self, x: Tensor) -> Tensor:
        """xi_a(x) = d/dt|_0 exp(t e_a) x, stacked along a new leading axis: ``[group dim, ..., *point_shape]``.

        By forward-mode differentiation of ``act`` at the identity, one pass vectorised over the basis. A documented
        hook: closed forms override it, and are tested against this derivation.
        """
        group = self.group
        if group.dim == 0:
            return x.new_zeros(0, *x.shape)
        identity = group.identity(x)
        velocity = torch.func.vmap(lambda along: directional_derivative(lambda g: self.act(g, x), identity, along)[1])
        field = velocity(group.basis_like(x))
        if field.shape[1:] != x.shape:
            raise ActionError(
                f"{type(self).__name__}.act returned points of shape {tuple(field.shape[1:])} for points of shape "
                f"{tuple(x.shape)}: act(g, x) must keep the shape of x"
            )
        return field

    def generators(self, x: Tensor) -> Tensor:
        """xi_a(x), shape ``[..., group dim, *point_shape]``."""
        return self.infinitesimal(x).movedim(0, x.ndim - self.point_ndim)

    def center(self, x: Tensor) -> Tensor:
        """Representative of the orbit of x in a slice on which invariant probability densities exist.

        A documented hook: the identity for compact groups; actions of non-compact groups override it.

        Raises:
            ActionError: when the group is not compact and no slice is defined.
        """
        if not self.group.compact:
            raise ActionError(
                f"{type(self).__name__}: orbits of the non-compact {self.group!r} carry no probability density; "
                "define center(x), or divide the non-compact part out first"
            )
        return x

    def difference(self, first: Tensor, second: Tensor) -> Tensor:
        """The array ``first - second`` of points close to each other, by which laws compare them.

        A documented hook: actions on periodic coordinates take the nearest image.
        """
        return first - second

    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor | None:
        """The g minimising |g point - base_point| in the norm of arrays, or None where no closed form is known.

        A documented hook.
        """
        del point, base_point
        return None
