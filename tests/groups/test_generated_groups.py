"""Groups given by complex generators; elements that fix points; closed forms at points that are not finite."""

import math
from typing import final

import pytest
import torch
from torch import Tensor

from groups import (
    GroupAction,
    MatrixGroup,
    Orthogonal,
    OrthogonalAction,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    VectorAction,
    check_action,
    laws,
)
from groups._stabilizers import kernel


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@final
class Triangles:
    """Three points of the plane, flat."""

    shape = (3, 2)
    flat = True

    def inner_product(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        return (first * second).sum((-2, -1)) + 0 * base_point.sum((-2, -1))

    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        del base_point
        return vector

    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randn(*batch_shape, 3, 2, generator=generator, dtype=torch.float64)


def pauli() -> Tensor:
    """The matrices i sigma_k / 2."""
    x = torch.tensor([[0, 1], [1, 0]], dtype=torch.complex128)
    y = torch.tensor([[0, -1j], [1j, 0]], dtype=torch.complex128)
    z = torch.tensor([[1, 0], [0, -1]], dtype=torch.complex128)
    return 0.5j * torch.stack([x, y, z])


def test_two_complex_generators_give_the_special_unitary_group() -> None:
    group = MatrixGroup(list(pauli()[:2]))
    assert (group.dim, group.is_complex, group.compact, group.unimodular) == (3, True, True, True)
    g = group.random((8,), torch.Generator().manual_seed(0), torch.zeros(1, dtype=torch.float64))
    unit = torch.eye(2, dtype=torch.complex128).expand(8, 2, 2)
    torch.testing.assert_close(group.compose(g, group.inverse(g)), unit, rtol=0, atol=1e-12)
    torch.testing.assert_close(group.inverse(g), torch.linalg.inv(g), rtol=0, atol=1e-12)
    torch.testing.assert_close(torch.linalg.det(g), torch.ones(8, dtype=torch.complex128), rtol=0, atol=1e-12)
    # the same Lie algebra as that of the closed form: each basis in the span of the other
    theirs = torch.view_as_real(SpecialUnitary(2).basis).flatten(1)
    ours = torch.view_as_real(group.basis).flatten(1)
    assert int(torch.linalg.matrix_rank(torch.cat([ours, theirs]))) == 3


@pytest.mark.parametrize("size", [1e-11, 1.0, 1e9])
def test_dimensions_of_orbits_do_not_depend_on_the_unit_of_length(size: float) -> None:
    x = size * torch.stack([normal(1, 3), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)])
    assert laws.orbit_dimension(VectorAction(SpecialOrthogonal(3)), x).tolist() == [2, 2]
    x = size * normal(2, 5, 4, 3)
    assert laws.orbit_dimension(RotationAction(3), x).tolist() == [3] * 5


def test_elements_that_fix_one_point_do_not_refute_that_the_action_is_effective() -> None:
    """The turns about the first point move the others."""
    action, x = VectorAction(SpecialOrthogonal(3)), normal(3, 6, 3)
    assert float(kernel(action, x, tolerance=1e-9).residual.max()) == 0.0
    # on one line every turn about it fixes all: the group does not act effectively there
    line = x[:1] * torch.linspace(1.0, 2.0, 6, dtype=torch.float64).unsqueeze(-1)
    assert float(kernel(action, line, tolerance=1e-9).residual.max()) > 0.1


@pytest.mark.parametrize("broken", ["point", "base point"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("action", [RotationAction(3), OrthogonalAction(3)], ids=["rotations", "with reflections"])
def test_clouds_that_are_not_finite_have_no_nearest_element(action: GroupAction, value: float, broken: str) -> None:
    """One bad coordinate on either side; the clouds beside it are not touched."""
    x, y = normal(4, 3, 5, 3), normal(5, 3, 5, 3)
    clean = action.nearest_element(x, y)
    (x if broken == "point" else y)[1, 2, 0] = value
    element = action.nearest_element(x, y)
    assert clean is not None
    assert element is not None
    assert bool(element[1].isnan().all())
    torch.testing.assert_close(element[[0, 2]], clean[[0, 2]])


def test_reflections_are_one_away_from_a_connected_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """The residual (1 - det) / 2, for a group with elements of determinant -1 that claims to be connected."""
    monkeypatch.setattr(Orthogonal, "connected", True)
    result = check_action(OrthogonalAction(2), Triangles()).result("claim: connected")
    assert result.residual == pytest.approx(1.0, rel=1e-12)
    monkeypatch.setattr(Orthogonal, "connected", False)
    assert math.isnan(check_action(OrthogonalAction(2), Triangles()).result("claim: connected").residual)
