"""Try to refute every claim of an action and of its group."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor

from groups import _stabilizers as stabilizers
from groups import laws
from groups.action import GroupAction
from groups.claims import Evidence, Inapplicable, LawResult, Report, judge
from groups.group import AbstractMatrixGroup, Group
from groups.laws import MetricSpace, array_norm
from groups.trials import Trials, draw

#: Some thousands of roundings: what a dozen products of small matrices leave behind.
ROUNDING = 4096 * torch.finfo(torch.float64).eps
#: Truncation and rounding of central differences, with room for representations of high weight.
DIFFERENCES = 1e-8
#: A compact orbit that was sampled at moderate times is not left behind by this factor at large ones.
_ESCAPE = 50.0

Outcome = Evidence | Inapplicable


@final
class _Attempt:
    """The laws of one action at one set of trials."""

    def __init__(self, action: GroupAction, space: MetricSpace, trials: Trials) -> None:
        self.action = action
        self.group: Group = action.group
        self.space = space
        self.trials = trials
        self.x = trials.points
        self.g, self.h, self.k = trials.elements

    def laws(self) -> list[tuple[str, Callable[[], Outcome]]]:
        """Names and trials, groups first."""
        return [
            ("group: associative", self.associative),
            ("group: unit", self.unit),
            ("group: inverse", self.group_inverse),
            ("group: exp is a one-parameter subgroup", self.one_parameter),
            ("group: basis = derivative of exp", self.basis),
            ("group: bracket = derivative of Ad", self.bracket_of_group),
            ("claim: unimodular", self.unimodular),
            ("claim: compact", self.compact),
            ("claim: connected", self.connected),
            ("action: (g h) x = g (h x)", self.compatible),
            ("action: e x = x", self.identity),
            ("action: g^-1 (g x) = x", self.inverse),
            ("action: generators = derivative of act", self.generators),
            ("action: bracket reversed", self.bracket),
            ("action: orbit dimension constant on orbits", self.dimension),
            ("action: stabiliser fixes the point", self.stabilizer),
            ("claim: isometric", self.isometric),
            ("claim: linear", self.linear),
            ("claim: locally free", self.locally_free),
            ("claim: free", self.free),
            ("claim: effective", self.effective),
            ("claim: order of the principal stabiliser", self.stabilizer_order),
        ]

    def associative(self) -> Outcome:
        residual = laws.associativity(self.group, self.g, self.h, self.k)
        return Evidence(residual, ROUNDING, {"g": self.g, "h": self.h, "k": self.k})

    def unit(self) -> Outcome:
        return Evidence(laws.unit_element(self.group, self.g), ROUNDING, {"g": self.g})

    def group_inverse(self) -> Outcome:
        return Evidence(laws.inverse_element(self.group, self.g), ROUNDING, {"g": self.g})

    def one_parameter(self) -> Outcome:
        c = self.trials.coordinates
        return Evidence(laws.one_parameter(self.group, c), ROUNDING, {"coordinates": c})

    def basis(self) -> Outcome:
        if not self.group.dim:
            return Inapplicable("finite group")
        return Evidence(laws.exponential_follows_basis(self.group), DIFFERENCES, {"basis": self.group.basis})

    def bracket_of_group(self) -> Outcome:
        if not self.group.dim:
            return Inapplicable("finite group")
        return Evidence(laws.bracket_follows_product(self.group), DIFFERENCES, {"basis": self.group.basis})

    def unimodular(self) -> Outcome:
        if not self.group.unimodular:
            return Inapplicable("not claimed")
        if not self.group.dim:
            return Inapplicable("finite group")
        trace = laws.modular_trace(self.group)
        if float(trace.max()) > ROUNDING:
            return Evidence(trace, ROUNDING, {"basis": self.group.basis})
        near = self.group.exp(0.5 * self.trials.coordinates)
        return Evidence(laws.modular_function(self.group, near), DIFFERENCES, {"g": near})

    def compact(self) -> Outcome:
        if not self.group.compact:
            return Inapplicable("not claimed")
        if not self.group.dim:
            return Inapplicable("finite group")
        y, axes = self.trials.others, self.action.point_ndim
        c = self.trials.coordinates.reshape(len(y), *(1,) * (y.ndim - 1 - axes), self.group.dim)
        c = c / torch.linalg.vector_norm(c, dim=-1, keepdim=True)
        times = torch.linspace(0.0, 100.0, 64, dtype=torch.float64).reshape(-1, *(1,) * c.ndim)
        met = array_norm(self.action.act(self.group.exp(times * c), y) - y, axes).amax(0)
        far = array_norm(self.action.act(self.group.exp(1e6 * c), y) - y, axes)
        far = torch.where(far.isfinite(), far, torch.full_like(far, math.inf))
        growth = laws.relative(far, _ESCAPE * met)
        return Evidence(1e-6 * growth, 1e-6, {"x": y, "coordinates": c}, "orbits stay bounded")

    def connected(self) -> Outcome:
        if not self.group.connected:
            return Inapplicable("not claimed")
        random = self.group.random((64,), torch.Generator().manual_seed(len(self.x)), self.x)
        signs = [torch.linalg.det(laws.adjoint(self.group, random)).sign()] if self.group.dim else []
        if isinstance(self.group, AbstractMatrixGroup) and not self.group.is_complex:
            signs.append(torch.linalg.det(random).sign())
        if not self.group.dim:
            gap = laws.element_gap(self.group, random, self.group.identity(self.x))
            return Evidence(gap, ROUNDING, {"g": random}, "a finite connected group is trivial")
        lowest = torch.stack(signs).amin(0)
        return Evidence((1.0 - lowest) / 2, ROUNDING, {"g": random}, "signs of det Ad and det")

    def compatible(self) -> Outcome:
        residual = laws.compatibility(self.action, self.g, self.h, self.x)
        return Evidence(residual, ROUNDING, {"g": self.g, "h": self.h, "x": self.x})

    def identity(self) -> Outcome:
        return Evidence(laws.identity_acts_trivially(self.action, self.x), ROUNDING, {"x": self.x})

    def inverse(self) -> Outcome:
        return Evidence(laws.inverse_undoes(self.action, self.g, self.x), ROUNDING, {"g": self.g, "x": self.x})

    def generators(self) -> Outcome:
        return Evidence(laws.generators_are_derivatives(self.action, self.x), DIFFERENCES, {"x": self.x})

    def bracket(self) -> Outcome:
        return Evidence(laws.bracket_is_reversed(self.action, self.x), ROUNDING, {"x": self.x})

    def dimension(self) -> Outcome:
        x, g = self.x[self.trials.generic], self.g[self.trials.generic]
        return Evidence(laws.orbit_dimension_is_constant(self.action, g, x), ROUNDING, {"g": g, "x": x})

    def stabilizer(self) -> Outcome:
        return Evidence(laws.stabilizer_fixes(self.action, self.x), DIFFERENCES, {"x": self.x})

    def isometric(self) -> Outcome:
        if not self.action.isometric:
            return Inapplicable("not claimed")
        v, w = self.trials.vectors
        residual = laws.isometry(self.action, self.space, self.g, self.x, v, w)
        return Evidence(residual, ROUNDING, {"g": self.g, "x": self.x, "v": v, "w": w})

    def linear(self) -> Outcome:
        if not self.action.linear:
            return Inapplicable("not claimed")
        if not self.space.flat:
            return Inapplicable("the space is not linear")
        residual = laws.linearity(self.action, self.g, self.x, self.trials.others)
        return Evidence(residual, ROUNDING, {"g": self.g, "x": self.x, "y": self.trials.others})

    def locally_free(self) -> Outcome:
        if not (self.action.locally_free or self.action.free):
            return Inapplicable("not claimed")
        return stabilizers.discrete(self.action, self.x[self.trials.generic], tolerance=ROUNDING)

    def free(self) -> Outcome:
        if not self.action.free:
            return Inapplicable("not claimed")
        return stabilizers.trivial(self.action, self.x[self.trials.generic], tolerance=ROUNDING)

    def effective(self) -> Outcome:
        if not self.action.effective:
            return Inapplicable("not claimed")
        return stabilizers.kernel(self.action, self.x[self.trials.generic], tolerance=ROUNDING)

    def stabilizer_order(self) -> Outcome:
        order = self.action.principal_stabilizer_order
        if order is None:
            return Inapplicable("not claimed")
        return stabilizers.order(self.action, self.x[self.trials.generic], order, tolerance=ROUNDING)


def action_results(action: GroupAction, space: MetricSpace, trials: Trials, *, seed: int) -> tuple[LawResult, ...]:
    """The verdicts on the laws and claims of an action at given trials."""
    attempt = _Attempt(action, space, trials)
    return tuple(judge(name, trial, seed=seed) for name, trial in attempt.laws())


def check_action(
    action: GroupAction, total_space: MetricSpace, *, seed: int = 0, n: int = 4, points: Tensor | None = None
) -> Report:
    """Try to refute every law and claim of an action: group axioms, left action, isometries, generators, claims.

    Points are generic and, on flat spaces, also tiny, huge, far, integer, singular and nearly singular; elements are
    random, and near and far from the identity. Optional claims ``free`` and ``locally_free`` (of generic points) are
    read from the action where it has them. That no counterexample is found is no proof.

    Args:
        action: the action, with its group.
        total_space: M with the metric in which the action claims to be isometric.
        seed: of every draw; the same seed gives the same report.
        n: points of each kind.
        points: points ``[T, *M.shape]`` to use in place of the drawn ones, where the action is defined on a part of M.

    Returns:
        The report; an exception inside a law counts as a refutation of it.

    Example:
        >>> from groups import RotationAction
        >>> from groups.check import check_action
        >>> from quotient import PointClouds
        >>> check_action(RotationAction(3), PointClouds(4, 3)).ok
        True
    """
    trials = draw(total_space, action.group, seed=seed, n=n, points=points)
    subject = f"{type(action).__name__} of {action.group!r} on {total_space!r}"
    return Report(subject, action_results(action, total_space, trials, seed=seed))
