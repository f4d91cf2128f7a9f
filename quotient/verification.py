"""Try to refute every law of a submersion or of a quotient by a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from groups import GroupAction, RigidMotionAction
from groups.check import DIFFERENCES, ROUNDING, action_results
from groups.claims import Evidence, Inapplicable, Report, judge
from groups.trials import Trials, draw
from quotient import laws
from quotient._verify_orbits import _OrbitAttempt
from quotient.curvature import mean_curvature_from_projector
from quotient.errors import ClaimError
from quotient.map_submersion import MapSubmersion
from quotient.orbit_space import OrbitSpace
from quotient.shape_space import ShapeSpace
from quotient.submersion import RiemannianSubmersion

Outcome = Evidence | Inapplicable
Trial = tuple[str, Callable[[], Outcome]]


def _action_of(quotient: RiemannianSubmersion) -> GroupAction | None:
    if isinstance(quotient, ShapeSpace):
        space = quotient.total_space
        return RigidMotionAction(space.shape[-1], mask=space.mask)
    found = getattr(quotient, "action", None)
    return found if isinstance(found, GroupAction) else None


def _projection_trials(
    submersion: RiemannianSubmersion, trials: Trials, condition: Callable[[], Tensor]
) -> list[Trial]:
    """Laws of the projection of any submersion."""
    x = trials.points
    v, w = trials.vectors

    def evidence(residual: Tensor, **witness: Tensor) -> Outcome:
        return Evidence(residual, ROUNDING * condition(), {"x": x, **witness})

    return [
        ("P: idempotent", lambda: evidence(laws.idempotence(submersion, x, v), v=v)),
        ("P: self-adjoint", lambda: evidence(laws.self_adjointness(submersion, x, v, w), v=v, w=w)),
        ("P: horizontal + vertical = identity", lambda: evidence(laws.projections_split(submersion, x, v), v=v)),
    ]


def _submersion_trials(
    submersion: RiemannianSubmersion, trials: Trials, condition: Callable[[], Tensor]
) -> list[Trial]:
    """Laws of the mean curvature of a submersion that is given without a group."""
    x = trials.points
    norm = submersion.total_space.norm

    def scale(curvature: Tensor) -> Tensor:
        return norm(curvature, x) + 1 / laws.array_norm(x, len(submersion.total_space.shape))

    def horizontal() -> Outcome:
        curvature = submersion.mean_curvature(x)
        vertical = norm(submersion.vertical_projection(curvature, x), x)
        return Evidence(vertical / scale(curvature), ROUNDING * condition() ** 2, {"x": x})

    def projector() -> Outcome:
        curvature = submersion.mean_curvature(x)
        gap = norm(curvature - mean_curvature_from_projector(submersion, x), x)
        return Evidence(gap / scale(curvature), ROUNDING * condition() ** 2, {"x": x})

    return [("H: horizontal", horizontal), ("H: derivative of the projector", projector)]


def _map_trials(submersion: MapSubmersion, trials: Trials, condition: Callable[[], Tensor]) -> list[Trial]:
    """Laws of a submersion given by its map."""
    x = trials.points
    v = trials.vectors[0]

    def trace() -> Outcome:
        residual = laws.trace_identity(submersion, submersion.map, x)
        return Evidence(residual, ROUNDING * condition() ** 2, {"x": x})

    return [
        (
            "map: d pi kills vertical vectors",
            lambda: Evidence(
                laws.differential_kills_vertical(submersion, x, v), ROUNDING * condition(), {"x": x, "v": v}
            ),
        ),
        (
            "map: d pi isometric on horizontal vectors",
            lambda: Evidence(submersion.riemannian_defect(x), ROUNDING * condition(), {"x": x}),
        ),
        ("H: tr_V Hess f + <H, grad f> = 0", trace),
        (
            "process: d pi(H) constant along fibres",
            lambda: Evidence(
                laws.projected_drift_varies(submersion, x, v), 1e-6 + DIFFERENCES * condition(), {"x": x, "v": v}
            ),
        ),
    ]


def _map_domain(submersion: MapSubmersion, trials: Trials) -> tuple[Trials, Tensor]:
    """The trials at which the map is finite and of full rank, and the condition number of its differential there."""
    frame = submersion.horizontal_frame(trials.points)
    finite = frame.vectors.isfinite().flatten(frame.rank.ndim).all(-1)
    regular = finite & (frame.rank == frame.rank[finite & trials.generic].max())
    kept = torch.where(frame.kept, frame.log_residuals, torch.full_like(frame.log_residuals, -torch.inf))
    low = torch.where(frame.kept, frame.log_residuals, torch.full_like(frame.log_residuals, torch.inf))
    condition = (kept.amax(-1) - low.amin(-1)).exp()[regular]
    inside = Trials(
        trials.points[regular],
        trials.others[regular],
        trials.generic[regular],
        trials.vectors[:, regular],
        trials.elements,
        trials.coordinates[regular],
    )
    return inside, condition


def verify(
    quotient: RiemannianSubmersion,
    *,
    seed: int = 0,
    n: int = 4,
    action: GroupAction | None = None,
    invariants: Sequence[Callable[[Tensor], Tensor]] = (),
    points: Tensor | None = None,
) -> Report:
    """Try to refute every law of a quotient: of its action, projection, curvature, volume, alignment and process.

    Everything is compared with the generators of the action, and the mean curvature with every other route to it. An
    exception inside a law counts as a refutation; laws that say nothing about this quotient are listed with the
    reason. That no counterexample is found is no proof.

    Args:
        quotient: any submersion: a quotient by a group, or one given by its map.
        seed: of every draw; the same seed gives the same report.
        n: points of each kind (:data:`groups.trials.SPOILERS`).
        action: the action, where the quotient has no attribute ``action`` that says it.
        invariants: invariant functions f, batched, for tr_V Hess f + <H, grad f> = 0; the components of a map serve by
            themselves.
        points: points ``[T, *M.shape]`` in place of the drawn ones, where M is an open part of its arrays.

    Returns:
        The report; :meth:`groups.claims.Report.raise_if_refuted` raises ``ClaimError``.

    Example:
        >>> from quotient import ShapeSpace
        >>> from quotient.verification import verify
        >>> verify(ShapeSpace(4, 3)).ok
        True
    """
    action = _action_of(quotient) if action is None else action
    space = quotient.total_space
    group = None if action is None else action.group
    trials = draw(space, group, seed=seed, n=n, points=points)
    results = () if action is None else action_results(action, space, trials, seed=seed)
    if isinstance(quotient, OrbitSpace):
        attempt = _OrbitAttempt(quotient, action, invariants, trials)
        found = _projection_trials(quotient, trials, lambda: attempt.vertical.condition) + attempt.trials()
    elif isinstance(quotient, MapSubmersion):
        inside, condition = _map_domain(quotient, trials)
        found = [
            trial
            for kind in (_projection_trials, _submersion_trials)
            for trial in kind(quotient, inside, lambda: condition)
        ]
        found += _map_trials(quotient, inside, lambda: condition)
    else:
        ones = torch.ones(trials.points.shape[: trials.points.ndim - len(space.shape)], dtype=torch.float64)
        generic = trials
        found = _projection_trials(quotient, generic, lambda: ones) + _submersion_trials(
            quotient, generic, lambda: ones
        )
    results += tuple(judge(law, trial, seed=seed) for law, trial in found)
    named = type(quotient).__repr__ is not object.__repr__
    return Report(repr(quotient) if named else type(quotient).__name__, results, ClaimError)
