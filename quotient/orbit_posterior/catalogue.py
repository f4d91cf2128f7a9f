"""Which orbit posterior an action has."""

from __future__ import annotations

from functools import singledispatch

import torch

from groups import (
    Congruence,
    Conjugation,
    FiniteGroup,
    Group,
    GroupAction,
    LeftMultiplication,
    Orthogonal,
    OrthogonalAction,
    PermutationAction,
    PhaseAction,
    ProductAction,
    QuaternionPhaseAction,
    RightMultiplication,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    Unitary,
    UnitQuaternions,
    VectorAction,
    WeightedCircleAction,
)
from quotient.orbit_posterior.base import ExactOrbitPosterior, OrbitPosterior
from quotient.orbit_posterior.combinations import CosetOrbitPosterior, SliceOrbitPosterior
from quotient.orbit_posterior.conjugation import UnitaryConjugationPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError
from quotient.orbit_posterior.finite import FiniteOrbitPosterior
from quotient.orbit_posterior.matrix_fisher import ColumnRotationPosterior, RowRotationPosterior
from quotient.orbit_posterior.permutations import PermutationOrbitPosterior
from quotient.orbit_posterior.spherical import SphericalOrbitPosterior, TransitiveOrbitPosterior
from quotient.orbit_posterior.torus import TorusOrbitPosterior, circle_weights


def _unknown(action: GroupAction) -> OrbitPosteriorError:
    return OrbitPosteriorError(
        f"no exact orbit posterior is known for {type(action).__name__} of {action.group!r}: choose "
        "QuadratureOrbitPosterior(action, rule) or SelfNormalizedSampling(action, samples, generator), whose "
        "estimate() has errors"
    )


@singledispatch
def orbit_posterior(action: GroupAction) -> OrbitPosterior:
    """The exact orbit posterior of an action of the catalogue.

    An action of your own: ``orbit_posterior.register`` it, or use :class:`QuadratureOrbitPosterior` or
    :class:`SelfNormalizedSampling`. Linear actions of finite groups are summed whatever their class.

    Args:
        action: a linear action by isometries, or rigid motions.

    Raises:
        OrbitPosteriorError: when none is known.

    Example:
        >>> import torch
        >>> from groups import RotationAction
        >>> from quotient.orbit_posterior import orbit_posterior
        >>> cloud = torch.tensor([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
        >>> orbit_posterior(RotationAction(3)).mean(100 * cloud, cloud).round(decimals=2)
        tensor([[1., 0., 0.],
                [0., 2., 0.],
                [0., 0., 3.]])
    """
    if isinstance(action.group, FiniteGroup) and action.linear and action.isometric:
        return FiniteOrbitPosterior(action)
    raise _unknown(action)


def _turns(*angles: float) -> torch.Tensor:
    angle = torch.tensor(angles, dtype=torch.float64)
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([c, -s], -1), torch.stack([s, c], -1)], -2)


def _spinor_frame() -> torch.Tensor:
    """1, i sigma_x, i sigma_y, i sigma_z: real combinations of unit length are SU(2)."""
    frame = torch.zeros(4, 2, 2, dtype=torch.complex128)
    frame[0] = torch.eye(2)
    frame[1, 0, 1] = frame[1, 1, 0] = torch.tensor(1j)
    frame[2, 0, 1], frame[2, 1, 0] = 1.0, -1.0
    frame[3, 0, 0], frame[3, 1, 1] = torch.tensor(1j), torch.tensor(-1j)
    return frame


def _phase_frame() -> torch.Tensor:
    return torch.tensor([1.0, 1j], dtype=torch.complex128).reshape(2, 1, 1)


@singledispatch
def _frame_of(group: Group) -> torch.Tensor | None:
    """Elements g_a such that the group is the unit sphere of their real combinations; None for other groups."""
    del group
    return None


@_frame_of.register
def _(group: SpecialOrthogonal) -> torch.Tensor | None:
    return _turns(0.0, torch.pi / 2) if group.n == 2 else None


@_frame_of.register
def _(group: SpecialUnitary) -> torch.Tensor | None:
    return _spinor_frame() if group.n == 2 else None


@_frame_of.register
def _(group: Unitary) -> torch.Tensor | None:
    return _phase_frame() if group.n == 1 else None


@_frame_of.register
def _(group: UnitQuaternions) -> torch.Tensor | None:
    del group
    return torch.eye(4, dtype=torch.float64)


def _is_space_rotation(group: Group) -> bool:
    return isinstance(group, SpecialOrthogonal) and group.n == 3


def _spherical(action: GroupAction) -> ExactOrbitPosterior:
    frame = _frame_of(action.group)
    if frame is None:
        raise _unknown(action)
    return SphericalOrbitPosterior(action, frame)


@orbit_posterior.register
def _(action: RotationAction) -> ExactOrbitPosterior:
    return RowRotationPosterior(action) if _is_space_rotation(action.group) else _spherical(action)


@orbit_posterior.register
def _(action: RigidMotionAction) -> ExactOrbitPosterior:
    rotations = RotationAction(action.group.shape[0] - 1, mask=action.mask)
    inside = RowRotationPosterior(rotations) if _is_space_rotation(rotations.group) else _spherical(rotations)
    return SliceOrbitPosterior(action, inside)


def _with_reflections(action: GroupAction, rotations: GroupAction) -> CosetOrbitPosterior:
    """O(n) from the same action of SO(n)."""
    inside = orbit_posterior(rotations)
    if not isinstance(inside, ExactOrbitPosterior):
        raise _unknown(action)
    eye = torch.eye(action.group.shape[0], dtype=torch.float64)
    reflection = eye.clone()
    reflection[-1, -1] = -1.0
    return CosetOrbitPosterior(inside, action, torch.stack([eye, reflection]))


@orbit_posterior.register
def _(action: OrthogonalAction) -> ExactOrbitPosterior:
    return _with_reflections(action, RotationAction(action.group.shape[0]))


@orbit_posterior.register
def _(action: LeftMultiplication) -> ExactOrbitPosterior:
    if isinstance(action.group, Orthogonal):
        return _with_reflections(action, LeftMultiplication(SpecialOrthogonal(action.group.n)))
    return ColumnRotationPosterior(action) if _is_space_rotation(action.group) else _spherical(action)


@orbit_posterior.register
def _(action: RightMultiplication) -> ExactOrbitPosterior:
    if isinstance(action.group, Orthogonal):
        return _with_reflections(action, RightMultiplication(SpecialOrthogonal(action.group.n)))
    return RowRotationPosterior(action) if _is_space_rotation(action.group) else _spherical(action)


@orbit_posterior.register
def _(action: VectorAction) -> ExactOrbitPosterior:
    group = action.group
    if isinstance(group, SpecialOrthogonal | Orthogonal | SpecialUnitary) and group.n >= 2:
        return TransitiveOrbitPosterior(action)
    if isinstance(group, Unitary):
        return TransitiveOrbitPosterior(action)
    raise _unknown(action)


@orbit_posterior.register(Conjugation)
@orbit_posterior.register(Congruence)
def _(action: Conjugation | Congruence) -> ExactOrbitPosterior:
    group = action.group
    if isinstance(group, SpecialUnitary | Unitary) and group.n >= 2:
        return UnitaryConjugationPosterior(action)
    if isinstance(group, Orthogonal) and group.n == 2:
        return _with_reflections(action, type(action)(SpecialOrthogonal(2)))
    if isinstance(group, SpecialOrthogonal) and group.n == 2:
        return SphericalOrbitPosterior(action, _turns(0.0, torch.pi / 4), _turns(torch.pi / 2)[0])
    raise _unknown(action)


@orbit_posterior.register
def _(action: PermutationAction) -> ExactOrbitPosterior:
    return PermutationOrbitPosterior(action)


@orbit_posterior.register
def _(action: PhaseAction) -> ExactOrbitPosterior:
    return _spherical(action)


@orbit_posterior.register
def _(action: QuaternionPhaseAction) -> ExactOrbitPosterior:
    return _spherical(action)


@orbit_posterior.register
def _(action: WeightedCircleAction) -> OrbitPosterior:
    sizes = {abs(weight) for weight in action.weights}
    if len(sizes - {0}) > 1:
        return TorusOrbitPosterior(action)
    frame = torch.tensor([[0.0], [torch.pi / 2]], dtype=torch.float64) / max(sizes)
    return SphericalOrbitPosterior(action, frame, 2 * frame[1] if 0 in sizes else None)


@orbit_posterior.register
def _(action: ProductAction) -> OrbitPosterior:
    """Circles by the trapezoidal rule; any number of finite factors around one factor with an exact posterior."""
    if circle_weights(action) is not None and len(action.actions) <= 2:
        return TorusOrbitPosterior(action)
    finite = [factor for factor in action.actions if isinstance(factor.group, FiniteGroup)]
    others = [factor for factor in action.actions if not isinstance(factor.group, FiniteGroup)]
    inside = orbit_posterior(others[0] if others else finite.pop())
    if len(others) > 1 or not isinstance(inside, ExactOrbitPosterior):
        raise _unknown(action)
    for factor in finite:
        inside = CosetOrbitPosterior.of_group(inside, factor)
    return inside
