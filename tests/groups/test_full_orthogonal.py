"""Rotations and reflections together."""

import math

import pytest
import torch

from groups import GroupError, Orthogonal, OrthogonalAction, SpecialOrthogonal, check_action
from quotient import Matrices


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


LIKE = torch.zeros((), dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_claims(n: int) -> None:
    report = check_action(OrthogonalAction(n), Matrices(4, n))
    assert report.ok, str(report)


def test_both_components_are_drawn_evenly() -> None:
    elements = Orthogonal(3).random((4000,), seeded(), LIKE)
    signs = torch.linalg.det(elements)
    assert torch.allclose(elements @ elements.mT, torch.eye(3).double())
    assert abs(float((signs > 0).double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(4000)
    assert abs(float((elements[:, 0, 0] ** 2).mean()) - 1 / 3) < 4 * 0.3 / math.sqrt(4000)


def test_volume_is_twice_that_of_rotations() -> None:
    assert Orthogonal(3).log_haar_volume == pytest.approx(SpecialOrthogonal(3).log_haar_volume + math.log(2))
    assert Orthogonal(1).log_haar_volume == pytest.approx(math.log(2))


def test_algebra_is_that_of_rotations() -> None:
    assert torch.equal(Orthogonal(4).basis, SpecialOrthogonal(4).basis)
    x = torch.randn(5, 4, generator=seeded(), dtype=torch.float64)
    derived = super(OrthogonalAction, OrthogonalAction(4)).infinitesimal(x)
    assert torch.allclose(OrthogonalAction(4).infinitesimal(x), derived)


def test_nearest_element_beats_a_search() -> None:
    action = OrthogonalAction(2)
    x, y = torch.randn(2, 50, 5, 2, generator=seeded(), dtype=torch.float64)
    angles = torch.linspace(0, 2 * math.pi, 2001, dtype=torch.float64)[:-1]
    turns = torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], -1).reshape(-1, 2, 2)
    both = torch.cat([turns, turns @ torch.diag(torch.tensor([1.0, -1.0]).double())])
    gaps = (action.act(both[:, None], x) - y).norm(dim=(-2, -1)).amin(0)
    element = action.nearest_element(x, y)
    found = (action.act(element, x) - y).norm(dim=(-2, -1))
    assert bool((found <= gaps + 1e-12).all())
    assert torch.allclose(found, gaps, atol=1e-4)
    assert {round(float(sign)) for sign in torch.linalg.det(element)} == {-1, 1}


def test_nearest_element_of_a_cloud_that_is_not_finite_is_nan() -> None:
    x = torch.full((2, 3, 2), 1.0)
    x[1, 0, 0] = torch.nan
    element = OrthogonalAction(2).nearest_element(x, torch.ones(2, 3, 2))
    assert element[0].isfinite().all()
    assert element[1].isnan().all()


def test_size() -> None:
    with pytest.raises(GroupError, match="n >= 1"):
        Orthogonal(0)
