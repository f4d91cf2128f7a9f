"""Actions: compatibility, isometry, and generators by two routes."""

import pytest
import torch
from torch import Tensor

from groups import (
    ActionError,
    GroupAction,
    PhaseAction,
    ProductAction,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    TranslationAction,
    Translations,
    superpose,
)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


MASK = torch.tensor([True, True, True, False])
CASES: dict[str, tuple[GroupAction, Tensor]] = {
    "rotations": (RotationAction(3), normal(0, 5, 4, 3)),
    "rotations of the plane": (RotationAction(2), normal(1, 5, 4, 2)),
    "masked rotations": (RotationAction(3, mask=MASK), normal(2, 5, 4, 3) * MASK[:, None]),
    "translations": (TranslationAction(3), normal(3, 5, 4, 3)),
    "masked translations": (TranslationAction(3, mask=MASK), normal(4, 5, 4, 3) * MASK[:, None]),
    "rigid motions": (RigidMotionAction(3), normal(5, 5, 4, 3)),
    "masked rigid motions": (RigidMotionAction(3, mask=MASK), normal(6, 5, 4, 3) * MASK[:, None]),
    "phases": (PhaseAction(), normal(7, 5, 3, dtype=torch.complex128)),
    "rotations and translations that commute": (
        ProductAction(RotationAction(2)),
        normal(8, 5, 4, 2),
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_action_is_a_left_action_by_isometries(name: str) -> None:
    action, x = CASES[name]
    group = action.group
    generator = torch.Generator().manual_seed(1)
    g, h = group.random((5,), generator, x), group.random((5,), generator, x)
    tol = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(action(group.compose(g, h), x), action(g, action(h, x)), **tol)
    torch.testing.assert_close(action(group.identity(x), x), x, **tol)
    u, w = torch.randn_like(x), torch.randn_like(x)
    if x.ndim == 3 and "masked" in name:
        u, w = u * MASK[:, None], w * MASK[:, None]
    du, dw = (torch.func.jvp(lambda y: action.act(g, y), (x,), (vector,))[1] for vector in (u, w))
    axes = tuple(range(1, x.ndim))
    torch.testing.assert_close((du.conj() * dw).sum(axes).real, (u.conj() * w).sum(axes).real, **tol)


@pytest.mark.parametrize("name", list(CASES))
def test_generators_are_derivatives_of_the_action(name: str) -> None:
    """Against central differences along the exponential, and closed forms against the derivation from ``act``."""
    action, x = CASES[name]
    generators = action.generators(x)
    derived = GroupAction.infinitesimal(action, x).movedim(0, 1)
    torch.testing.assert_close(generators, derived, rtol=0, atol=1e-14)
    h = 1e-5
    for a in range(action.group.dim):
        step = torch.zeros(action.group.dim, dtype=torch.float64)
        step[a] = h
        plus, minus = action(action.group.exp(step), x), action(action.group.exp(-step), x)
        torch.testing.assert_close(generators[:, a], (plus - minus) / (2 * h), rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", list(CASES))
def test_bracket_anti_homomorphism(name: str) -> None:
    """[xi_a, xi_b] = -c_abk xi_k for the fundamental fields of a left action."""
    action, x = CASES[name]
    c = action.group.structure_constants.to(x.real.dtype)
    fields = action.infinitesimal(x)
    for a in range(action.group.dim):
        along_a = torch.func.jvp(action.infinitesimal, (x,), (fields[a],))[1]
        for b in range(action.group.dim):
            along_b = torch.func.jvp(action.infinitesimal, (x,), (fields[b],))[1]
            bracket = along_a[b] - along_b[a]
            expected = -torch.einsum("k,k...->...", c[a, b].to(fields.dtype), fields)
            torch.testing.assert_close(bracket, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["rotations", "masked rotations", "translations", "rigid motions", "phases"])
def test_nearest_element_beats_random_ones(name: str) -> None:
    action, x = CASES[name]
    target = torch.randn_like(x)
    element = action.nearest_element(x, target)
    assert element is not None
    axes = tuple(range(-x.ndim + 1, 0))

    def gap(g: Tensor) -> Tensor:
        difference = action(g, x) - target
        if "masked" in name:
            difference = difference * MASK[:, None]
        return (difference.abs() ** 2).sum(axes)

    rivals = action.group.random((500, 1), torch.Generator().manual_seed(2), x)
    assert (gap(element) <= gap(rivals) + 1e-9).all()


def test_superposition_is_exact_and_smooth() -> None:
    x = normal(9, 4, 5, 3)
    x = x - x.mean(-2, keepdim=True)
    rotation = SpecialOrthogonal(3).random((4,), torch.Generator().manual_seed(3), x)
    basis = SpecialOrthogonal(3).basis
    torch.testing.assert_close(superpose(x @ rotation.mT, x, basis), x, rtol=0, atol=1e-12)
    y = normal(10, 4, 5, 3)
    y = y - y.mean(-2, keepdim=True)
    one = x[:1].clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda p: superpose(p, y[:1], basis), (one,), atol=1e-6)


def test_non_compact_actions_without_a_slice_are_refused() -> None:
    class Shift(GroupAction):
        group = Translations(2)

        def act(self, g: Tensor, x: Tensor) -> Tensor:
            return x + g

    with pytest.raises(ActionError, match="divide the non-compact part out"):
        Shift().center(torch.zeros(2))
