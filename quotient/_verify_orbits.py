"""The laws of a quotient by a group, one method each, at one set of trials."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from groups import GroupAction
from groups.check import ROUNDING
from groups.claims import Evidence, Inapplicable
from groups.laws import array_norm, relative
from groups.trials import Trials
from quotient import laws
from quotient.curvature import (
    mean_curvature_from_log_volume,
    mean_curvature_from_projector,
    mean_curvature_from_second_fundamental_form,
)
from quotient.descent import nearest_by_descent
from quotient.group_quotient import GroupQuotient
from quotient.orbit_space import Alignment, AlignmentKind, OrbitSpace
from quotient.total_space import TotalSpace

Outcome = Evidence | Inapplicable

#: Alignments come from a singular value decomposition, or from Newton steps that stop at the root of rounding.
_ALIGNED = {AlignmentKind.GLOBAL: 1e-9, AlignmentKind.STATIONARY: 1e-6}
_SPARSE = 5
_NO_ACTION = Inapplicable("no action is known: pass action=")


@final
class _OrbitAttempt:
    """The laws of one quotient at one set of trials.

    Args:
        quotient: Q = M/G.
        action: of G, or None when it is not known.
        invariants: invariant functions.
        trials: points and what is drawn beside them.
    """

    def __init__(
        self,
        quotient: OrbitSpace,
        action: GroupAction | None,
        invariants: Sequence[Callable[[Tensor], Tensor]],
        drawn: Trials,
    ) -> None:
        self.quotient = quotient
        self.action = action
        self.invariants = invariants
        self.space = quotient.total_space
        self.drawn = drawn
        self.x, self.y = drawn.points, drawn.others
        self.v = drawn.vectors[0]

    def trials(self) -> list[tuple[str, Callable[[], Outcome]]]:
        """Names and trials."""
        return [
            ("generators: those of the action", self.generators),
            ("Gram = inner products of generators", self.gram),
            ("P: kills every generator", self.kills),
            ("P: kills nothing else", self.spanned),
            ("P: equivariant", self.projection_equivariant),
            ("H: horizontal", self.horizontal),
            ("H: trace of the second fundamental form", self.second_form),
            ("H: derivative of the projector", self.projector),
            ("H: -grad log volume", self.log_volume),
            ("H: tr_V Hess f + <H, grad f> = 0", self.trace),
            ("process: d pi(H) constant along fibres", self.curvature_equivariant),
            ("volume: constant on orbits", self.volume),
            ("align: stays on the orbit", self.on_orbit),
            ("align: never farther", self.never_farther),
            ("align: nearest where it says so", self.nearest),
            ("dist: zero on orbits", self.zero_on_orbits),
            ("dist: symmetric", self.symmetric),
        ]

    @cached_property
    def vertical(self) -> laws.Vertical:
        """The tangent spaces of the orbits at every point."""
        return laws.vertical_space(self.quotient, self.x)

    @cached_property
    def _few(self) -> Alignment:
        return self.quotient.align(self.x[::_SPARSE], self.y[::_SPARSE])

    @cached_property
    def _stride(self) -> int:
        """All points are aligned where a closed form does it, a few where a descent does."""
        return 1 if self._few.kind is AlignmentKind.GLOBAL else _SPARSE

    @cached_property
    def _aligned(self) -> Alignment:
        """Points of the orbits of x nearest to y."""
        return self._few if self._stride == _SPARSE else self.quotient.align(self.x, self.y)

    @cached_property
    def _principal(self) -> Tensor:
        return self.vertical.frame.rank[self.drawn.generic].amax(0)

    def _tolerance(self, power: int) -> Tensor:
        """Rounding times a power of the condition number; infinite at singular points, where H is not defined."""
        regular = self.vertical.frame.rank == self._principal
        slack = ROUNDING * self.vertical.condition**power
        return torch.where(regular, slack, torch.full_like(slack, math.inf))

    def _moved_tolerance(self, action: GroupAction, g: Tensor, power: int) -> Tensor:
        """The same, with what rounding does at g x."""
        there = laws.vertical_space(self.quotient, action.act(g, self.x).contiguous())
        regular = there.frame.rank == self._principal
        slack = self._tolerance(power) + ROUNDING * there.condition**power
        return torch.where(regular, slack, torch.full_like(slack, math.inf))

    @cached_property
    def _scale(self) -> Tensor:
        return laws.curvature_scale(self.quotient, self.vertical, self.x)

    def generators(self) -> Outcome:
        if self.action is None:
            return _NO_ACTION
        residual = laws.generators_follow_action(self.quotient, self.action, self.vertical, self.x)
        return Evidence(residual, ROUNDING, {"x": self.x})

    def gram(self) -> Outcome:
        return Evidence(laws.gram_is_of_generators(self.quotient, self.x), ROUNDING, {"x": self.x})

    def kills(self) -> Outcome:
        return Evidence(laws.generators_are_vertical(self.quotient, self.vertical, self.x), ROUNDING, {"x": self.x})

    def spanned(self) -> Outcome:
        residual = laws.vertical_is_spanned(self.quotient, self.vertical, self.x, self.v)
        return Evidence(residual, ROUNDING * self.vertical.condition, {"x": self.x, "v": self.v})

    def projection_equivariant(self) -> Outcome:
        if self.action is None:
            return _NO_ACTION
        g = self.drawn.elements[0]
        residual = laws.projection_is_equivariant(self.quotient, self.action, g, self.x, self.v)
        return Evidence(residual, self._moved_tolerance(self.action, g, 1), {"g": g, "x": self.x, "v": self.v})

    def horizontal(self) -> Outcome:
        residual = laws.curvature_is_horizontal(self.quotient, self.vertical, self._scale, self.x)
        return Evidence(residual, self._tolerance(2), {"x": self.x})

    def _route(self, other: Tensor) -> Outcome:
        residual = laws.curvature_gap(self.quotient, other, self._scale, self.x)
        witness = {"x": self.x, "H": self.quotient.mean_curvature(self.x), "expected": other}
        return Evidence(residual, self._tolerance(2), witness)

    def second_form(self) -> Outcome:
        if isinstance(self.quotient, GroupQuotient) and self.vertical.units.shape[-1]:
            return self._route(mean_curvature_from_second_fundamental_form(self.quotient, self.x))
        return self._route(laws.mean_curvature_from_terms(self.quotient, self.vertical, self.x))

    def projector(self) -> Outcome:
        return self._route(mean_curvature_from_projector(self.quotient, self.x))

    def _unimodular(self) -> bool:
        return self.action is not None and self.action.group.unimodular

    def log_volume(self) -> Outcome:
        if not self._unimodular():
            return _NO_ACTION if self.action is None else Inapplicable("the group is not unimodular")
        if isinstance(self.quotient, GroupQuotient):
            return self._route(mean_curvature_from_log_volume(self.quotient, self.x))
        return self._route(laws.mean_curvature_from_volume(self.quotient, self.vertical, self.x))

    def trace(self) -> Outcome:
        if not self.invariants or self.action is None:
            return Inapplicable("no invariant function was given")
        g = self.drawn.elements[0]
        both = []
        for function in self.invariants:
            both.append(laws.function_is_invariant(self.action, function, g, self.x))
            both.append(laws.trace_identity(self.quotient, function, self.x))
        residual = torch.stack(both).nan_to_num(nan=math.inf).amax(0)
        return Evidence(residual, 1e3 * self._moved_tolerance(self.action, g, 2), {"g": g, "x": self.x})

    def curvature_equivariant(self) -> Outcome:
        if self.action is None:
            return _NO_ACTION
        g = self.drawn.elements[1]
        residual = laws.curvature_is_equivariant(self.quotient, self.action, self._scale, g, self.x)
        return Evidence(residual, self._moved_tolerance(self.action, g, 2), {"g": g, "x": self.x})

    def volume(self) -> Outcome:
        if not self._unimodular() or self.action is None:
            return _NO_ACTION if self.action is None else Inapplicable("the group is not unimodular")
        g = self.drawn.elements[2]
        residual = laws.volume_is_invariant(self.quotient, self.action, g, self.x)
        return Evidence(residual, self._moved_tolerance(self.action, g, 1), {"g": g, "x": self.x})

    def _distance(self, first: Tensor, second: Tensor) -> Tensor:
        return self.space.norm(self.space.log(first, second), second)

    def _pairs(self) -> tuple[Tensor, Tensor, Tensor]:
        """The pairs of points that are aligned, and the sum of their sizes."""
        x, y = self.x[:: self._stride], self.y[:: self._stride]
        rank = len(self.space.shape)
        return x, y, array_norm(x, rank) + array_norm(y, rank)

    def _distance_is_silent(self) -> Inapplicable | None:
        known = type(self.space).log is not TotalSpace.log
        return None if known else Inapplicable("the total space has no logarithm")

    def _alignment_is_silent(self) -> Inapplicable | None:
        return _NO_ACTION if self.action is None else self._distance_is_silent()

    def on_orbit(self) -> Outcome:
        silent = self._alignment_is_silent()
        if silent is not None or self.action is None:
            return silent or _NO_ACTION
        x, y, size = self._pairs()
        aligned = self._aligned.point
        element = self.action.nearest_element(x, aligned)
        if element is None:
            element = nearest_by_descent(self.space, self.action, x, aligned)
        gap = self._distance(self.action.act(element, x), aligned)
        for turn in self.drawn.elements if float((gap / size).max()) > _ALIGNED[AlignmentKind.STATIONARY] else ():
            start = self.action.act(turn[:: self._stride], x).contiguous()
            element = nearest_by_descent(self.space, self.action, start, aligned)
            gap = torch.minimum(gap, self._distance(self.action.act(element, start), aligned))
        tolerance = _ALIGNED[AlignmentKind.STATIONARY]
        return Evidence(relative(gap, size), tolerance, {"x": x, "y": y, "aligned": aligned})

    def never_farther(self) -> Outcome:
        silent = self._distance_is_silent()
        if silent is not None:
            return silent
        x, y, size = self._pairs()
        excess = self._distance(self._aligned.point, y) - self._distance(x, y)
        return Evidence(relative(excess.clamp_min(0), size), ROUNDING, {"x": x, "y": y})

    def nearest(self) -> Outcome:
        silent = self._alignment_is_silent()
        if silent is not None or self.action is None:
            return silent or _NO_ACTION
        if self._aligned.kind is not AlignmentKind.GLOBAL:
            return Inapplicable("alignment is stationary")
        x, y, size = self._pairs()
        aligned = self._aligned.point
        rivals = torch.stack([self._distance(self.action.act(g, aligned), y) for g in self.drawn.elements])
        excess = (self._distance(aligned, y) - rivals.amin(0)).clamp_min(0)
        return Evidence(relative(excess, size), ROUNDING, {"x": x, "y": y})

    def zero_on_orbits(self) -> Outcome:
        silent = self._alignment_is_silent()
        if silent is not None or self.action is None:
            return silent or _NO_ACTION
        x, _, size = self._pairs()
        g = self.drawn.elements[0]
        if self._aligned.kind is AlignmentKind.STATIONARY:
            near = self.action.group.exp(0.05 * self.drawn.coordinates)
            g = near.reshape(g.shape)
        g = g[:: self._stride]
        moved = self.action.act(g, x).contiguous()
        scale = array_norm(moved, len(self.space.shape)) + size
        gap = self.quotient.dist(moved, x)
        return Evidence(relative(gap, scale), _ALIGNED[self._aligned.kind], {"g": g, "x": x})

    def symmetric(self) -> Outcome:
        silent = self._distance_is_silent()
        if silent is not None:
            return silent
        if self._aligned.kind is not AlignmentKind.GLOBAL:
            return Inapplicable("alignment is stationary, so the distance is an upper bound")
        x, y, size = self._pairs()
        gap = (self.quotient.dist(x, y) - self.quotient.dist(y, x)).abs()
        return Evidence(relative(gap, size), _ALIGNED[AlignmentKind.GLOBAL], {"x": x, "y": y})
