"""Actions: compatibility, isometry, and generators by two routes."""

import pytest
import torch
from torch import Tensor

from groups import (
    ActionError,
    Congruence,
    Conjugation,
    GroupAction,
    GroupError,
    LeftMultiplication,
    PeriodicTranslationAction,
    PermutationAction,
    PhaseAction,
    ProductAction,
    QuaternionPhaseAction,
    RightMultiplication,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    TranslationAction,
    Translations,
    Unitary,
    VectorAction,
    WeightedCircleAction,
    irrep_action,
    irrep_generators,
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
    "left and right": (
        ProductAction(LeftMultiplication(SpecialOrthogonal(4)), RightMultiplication(SpecialOrthogonal(2))),
        normal(8, 5, 4, 2),
    ),
    "spinors": (LeftMultiplication(SpecialUnitary(2)), normal(11, 5, 2, 3, dtype=torch.complex128)),
    "unitary from the right": (RightMultiplication(Unitary(2)), normal(12, 5, 3, 2, dtype=torch.complex128)),
    "real rotations of complex vectors": (VectorAction(SpecialOrthogonal(3)), normal(13, 5, 3, dtype=torch.complex128)),
    "conjugation": (Conjugation(Unitary(3)), normal(14, 5, 3, 3, dtype=torch.complex128)),
    "congruence": (Congruence(SpecialOrthogonal(3)), normal(15, 5, 3, 3)),
    "irreps": (irrep_action([0, 1, 2, 1]), normal(16, 5, 12)),
    "weighted circle": (WeightedCircleAction([1, 2, -3]), normal(17, 5, 3, dtype=torch.complex128)),
    "quaternionic phases": (QuaternionPhaseAction(), normal(18, 5, 3, 4)),
    "periodic translations": (PeriodicTranslationAction(3), torch.rand(5, 4, 3, dtype=torch.float64)),
    "permutations": (PermutationAction(4), normal(19, 5, 4, 3)),
}


def wrapped(difference: Tensor, name: str) -> Tensor:
    """Differences of points; fractional coordinates are compared modulo 1."""
    return difference - difference.round() if name == "periodic translations" else difference


def gap(first: Tensor, second: Tensor, name: str) -> float:
    return float(wrapped(first - second, name).abs().max())


@pytest.mark.parametrize("name", list(CASES))
def test_action_is_a_left_action_by_isometries(name: str) -> None:
    action, x = CASES[name]
    group = action.group
    generator = torch.Generator().manual_seed(1)
    g, h = group.random((5,), generator, x), group.random((5,), generator, x)
    tol = {"rtol": 0, "atol": 1e-12}
    assert gap(action(group.compose(g, h), x), action(g, action(h, x)), name) < 1e-12
    assert gap(action(group.identity(x), x), x, name) < 1e-12
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
    assert generators.shape == (5, action.group.dim, *x.shape[1:])
    torch.testing.assert_close(generators, derived, rtol=0, atol=1e-14)
    h = 1e-5
    for a in range(action.group.dim):
        step = torch.zeros(action.group.dim, dtype=torch.float64)
        step[a] = h
        plus, minus = action(action.group.exp(step), x), action(action.group.exp(-step), x)
        torch.testing.assert_close(generators[:, a], wrapped(plus - minus, name) / (2 * h), rtol=0, atol=1e-9)


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

    def cost(g: Tensor) -> Tensor:
        difference = action(g, x) - target
        if "masked" in name:
            difference = difference * MASK[:, None]
        return (difference.abs() ** 2).sum(axes)

    rivals = action.group.random((500, 1), torch.Generator().manual_seed(2), x)
    assert (cost(element) <= cost(rivals) + 1e-9).all()


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


def test_irreducible_representations_have_the_brackets_of_rotations() -> None:
    for degree in range(4):
        x, y, z = irrep_generators(degree)
        for a, b, c in ((x, y, z), (y, z, x), (z, x, y)):
            torch.testing.assert_close(a @ b - b @ a, c, rtol=0, atol=1e-13)
        casimir = x @ x + y @ y + z @ z
        eye = torch.eye(2 * degree + 1, dtype=torch.float64)
        torch.testing.assert_close(casimir, -degree * (degree + 1) * eye, rtol=0, atol=1e-13)
    with pytest.raises(GroupError, match="trivial"):
        irrep_action([0, 0])
    with pytest.raises(GroupError, match="negative"):
        irrep_generators(-1)


def test_permutations_move_particles() -> None:
    x = normal(20, 3, 2)
    g = torch.tensor([1, 2, 0])
    moved = PermutationAction(3).act(g, x)
    for i in range(3):
        assert torch.equal(moved[g[i]], x[i])
    assert PermutationAction(3).act(torch.tensor([[0, 1, 2], [2, 1, 0]]), x).shape == (2, 3, 2)


def test_weights_are_checked() -> None:
    with pytest.raises(ActionError, match="integers"):
        WeightedCircleAction([0, 0])
