"""Stabilisers of generic points, found by searching for elements that fix them."""

from __future__ import annotations

import torch
from torch import Tensor

from groups import laws
from groups.action import GroupAction
from groups.claims import Evidence
from groups.finite import FiniteGroup
from groups.laws import array_norm

#: An element fixes a point when it moves it by less than this part of its size.
_FIXED = 1e-10
#: Elements farther apart than this are different.
_DISTINCT = 1e-6


def fixing_elements(action: GroupAction, x: Tensor, *, seed: int, starts: int = 24) -> tuple[Tensor, Tensor]:
    """Group elements found by Gauss-Newton steps that fix x, and |g x - x| / |x| for each; all of a small finite group.

    Args:
        action: the action.
        x: points, shape ``[..., *point_shape]``.
        seed: of the starts.
        starts: number of starts for each point.

    Returns:
        Elements ``[starts, ..., *group.shape]`` and gaps ``[starts, ...]``.
    """
    group, axes = action.group, action.point_ndim
    if isinstance(group, FiniteGroup) and group.order <= 5040:
        g = group.elements(x).reshape(-1, *(1,) * (x.ndim - axes), *group.shape)
        return g, laws.relative(array_norm(action.difference(action.act(g, x), x), axes), array_norm(x, axes))
    lead = x.shape[: x.ndim - axes]
    g = group.random((starts, *lead), torch.Generator().manual_seed(seed), x)

    def rows(vectors: Tensor) -> Tensor:
        flat = vectors.flatten(-axes)
        return torch.view_as_real(flat).flatten(-2) if flat.is_complex() else flat

    for _ in range(25 if group.dim else 0):
        moved = action.act(g, x).contiguous()
        fields = rows(action.infinitesimal(moved).movedim(0, moved.ndim - axes))
        c = -(torch.linalg.pinv(fields).mT @ rows(action.difference(moved, x)).unsqueeze(-1)).squeeze(-1)
        length = torch.linalg.vector_norm(c, dim=-1, keepdim=True)
        g = group.compose(group.exp(c / length.clamp_min(1.0)), g)
    return g, laws.relative(array_norm(action.difference(action.act(g, x), x), axes), array_norm(x, axes))


def discrete(action: GroupAction, x: Tensor, *, tolerance: float) -> Evidence:
    """Dimension of the stabilisers of points."""
    missing = (action.group.dim - laws.orbit_dimension(action, x)).to(torch.float64)
    return Evidence(missing, tolerance, {"x": x}, "dimension of the stabiliser of generic points")


def trivial(action: GroupAction, x: Tensor, *, tolerance: float) -> Evidence:
    """Distance from the identity of the elements that fix points."""
    if bool((laws.orbit_dimension(action, x) < action.group.dim).any()):
        return Evidence(torch.ones(()), tolerance, {"x": x[0]}, "stabilisers have positive dimension")
    g, gap = fixing_elements(action, x, seed=len(x))
    distance = laws.element_gap(action.group, g, action.group.identity(x))
    witness = {"g": g, "x": x.expand(len(g), *x.shape)}
    found = torch.where(gap <= _FIXED, distance, torch.zeros_like(distance))
    return Evidence(found, _DISTINCT, witness, "elements other than e that fix a generic point")


def kernel(action: GroupAction, x: Tensor, *, tolerance: float) -> Evidence:
    """Distance from the identity of the elements that fix a point and all others too, and of Lie algebra elements."""
    group, axes = action.group, action.point_ndim
    if group.dim:
        # singular values over all points at once: a generator that vanishes everywhere
        fields = action.infinitesimal(x)
        rows = torch.view_as_real(fields).flatten(1) if fields.is_complex() else fields.flatten(1)
        values, vectors = torch.linalg.eigh(rows @ rows.mT)
        if float(values[0]) <= tolerance * float(values[-1]):
            return Evidence(
                torch.ones(()), tolerance, {"coordinates": vectors[:, 0]}, "a one-parameter subgroup acts trivially"
            )
    first = x[(0,) * (x.ndim - axes)]
    g, gap = fixing_elements(action, first, seed=len(x))
    wide = g.reshape(len(g), *(1,) * (x.ndim - axes), *group.shape)
    moved = (
        laws.relative(array_norm(action.difference(action.act(wide, x), x), axes), array_norm(x, axes))
        .flatten(1)
        .amax(1)
    )
    distance = laws.element_gap(group, g, group.identity(x))
    found = torch.where((gap <= _FIXED) & (moved <= _FIXED), distance, torch.zeros_like(distance))
    return Evidence(found, _DISTINCT, {"g": g}, "elements other than e that fix every point")


def order(action: GroupAction, x: Tensor, claimed: int, *, tolerance: float) -> Evidence:
    """How far the number of elements that fix a generic point is from the claimed one; exact for finite groups.

    In a Lie group the search may miss elements, so only more than the claimed number refutes.
    """
    group, axes = action.group, action.point_ndim
    if bool((laws.orbit_dimension(action, x) < group.dim).any()):
        return Evidence(torch.ones(()), tolerance, {"x": x[0]}, "stabilisers have positive dimension")
    first = x[(0,) * (x.ndim - axes)]
    g, gap = fixing_elements(action, first, seed=len(x), starts=16 * max(claimed, 4))
    g = torch.cat([group.identity(x).unsqueeze(0).to(g), g[gap <= _FIXED]])
    apart = laws.element_gap(group, g.unsqueeze(0).expand(len(g), *g.shape), g.unsqueeze(1)) > _DISTINCT
    met = int((apart | ~torch.ones_like(apart).tril(-1)).all(1).sum())
    excess = abs(met - claimed) if group.finite else max(met - claimed, 0)
    return Evidence(torch.tensor(float(excess)), tolerance, {"g": g, "x": first}, f"{met} elements fix a generic point")
