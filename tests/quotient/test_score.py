"""Scores on M and on Q."""

import torch
from torch import Tensor

from groups import GroupAction, SpecialOrthogonal
from quotient import Euclidean, GroupQuotient, ShapeSpace, project_score, quotient_score, total_score


class PlaneRotation(GroupAction):
    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


def test_score_of_the_radius_of_a_plane_gaussian() -> None:
    """|x| has the Rayleigh density r exp(-r^2 / 2), whose score is 1/r - r."""
    quotient = GroupQuotient(Euclidean(2), PlaneRotation())
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    r = x.norm(dim=-1, keepdim=True)
    lifted = quotient_score(quotient, -x, x)
    torch.testing.assert_close((lifted * x / r).sum(-1, keepdim=True), 1 / r - r)
    torch.testing.assert_close(total_score(quotient, lifted, x), -x)


def test_projected_score_is_the_score_of_an_invariant_density_and_of_an_average() -> None:
    quotient = GroupQuotient(Euclidean(2), PlaneRotation())
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    tilted = -x + torch.tensor([0.3, 0.0], dtype=torch.float64)
    radial = project_score(quotient, tilted, x)
    torch.testing.assert_close(radial, x * (x * tilted).sum(-1, keepdim=True) / (x * x).sum(-1, keepdim=True))
    torch.testing.assert_close(project_score(quotient, -x, x), -x)


def test_quotient_score_is_the_gradient_of_log_density_times_volume() -> None:
    space = ShapeSpace(4, 3)
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def log_q(y: Tensor) -> Tensor:
        return -0.5 * (space.center(y) ** 2).sum() + space.log_orbit_volume(y)

    gradient = torch.func.grad(log_q)(x)
    score = torch.func.grad(lambda y: -0.5 * (space.center(y) ** 2).sum())(x)
    torch.testing.assert_close(quotient_score(space, score, x), gradient)
