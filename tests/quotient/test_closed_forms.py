"""Derived quotients against closed forms of the literature."""

import pytest
import torch
from torch import Tensor

from groups import (
    PhaseAction,
    RightMultiplication,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    TranslationAction,
    VectorAction,
)
from quotient import ComplexEuclidean, Euclidean, GroupQuotient, Matrices, PointClouds


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_plane_modulo_rotations(dtype: torch.dtype) -> None:
    quotient = GroupQuotient(Euclidean(2), VectorAction(SpecialOrthogonal(2)))
    x, v = normal(0, 7, 2).to(dtype), normal(1, 7, 2).to(dtype)
    r2 = (x * x).sum(-1, keepdim=True)
    tol = {"rtol": 0, "atol": 20 * torch.finfo(dtype).eps}
    torch.testing.assert_close(quotient.horizontal_projection(v, x), x * (x * v).sum(-1, keepdim=True) / r2, **tol)
    torch.testing.assert_close(quotient.log_orbit_volume(x), 0.5 * r2.squeeze(-1).log(), **tol)
    relative = {"rtol": 20 * torch.finfo(dtype).eps, "atol": 0}
    torch.testing.assert_close(quotient.mean_curvature(x), -x / r2, **relative)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("n", [2, 3, 5])
def test_sphere_orbits_at_every_size(n: int, scale: float) -> None:
    x = scale * normal(3, 4, n)
    quotient = GroupQuotient(Euclidean(n), VectorAction(SpecialOrthogonal(n)))
    r2 = (x * x).sum(-1, keepdim=True)
    torch.testing.assert_close(quotient.mean_curvature(x), -(n - 1) * x / r2, rtol=1e-12, atol=0)
    logs = quotient.log_orbit_volume(x) - 0.5 * (n - 1) * r2.squeeze(-1).log()
    assert (logs - logs[0]).abs().max() < 1e-12
    assert (quotient.orbit_dimension(x) == n - 1).all()


def test_phase_orbits() -> None:
    z = normal(4, 5, 3, dtype=torch.complex128)
    quotient = GroupQuotient(ComplexEuclidean(3), PhaseAction())
    size = (z.abs() ** 2).sum(-1, keepdim=True)
    torch.testing.assert_close(quotient.mean_curvature(z), -z / size, rtol=0, atol=1e-13)
    torch.testing.assert_close(quotient.log_orbit_volume(z), 0.5 * size.squeeze(-1).log(), rtol=0, atol=1e-13)


def test_low_rank_factors_modulo_right_rotations() -> None:
    """H = -Y S with S = sum_i s_i u_i u_i^T, s_i = sum_{j != i} 1 / (c_i + c_j), C = Y^T Y."""
    y = normal(5, 3, 5, 3)
    quotient = GroupQuotient(Matrices(5, 3), RightMultiplication(SpecialOrthogonal(3)))
    c, u = torch.linalg.eigh(y.mT @ y)
    pairs = 1.0 / (c[:, :, None] + c[:, None, :])
    s = pairs.sum(-1) - torch.diagonal(pairs, dim1=-2, dim2=-1)
    torch.testing.assert_close(quotient.mean_curvature(y), -y @ (u * s.unsqueeze(-2)) @ u.mT, rtol=0, atol=1e-12)


def test_quotients_in_stages() -> None:
    """Translations, then rotations of the centred cloud, remove what rigid motions remove."""
    x, v = normal(6, 4, 5, 3), normal(7, 4, 5, 3)
    clouds = PointClouds(5, 3)
    centred = x - x.mean(-2, keepdim=True)
    translations = GroupQuotient(clouds, TranslationAction(3))
    rotations = GroupQuotient(clouds, RotationAction(3))
    rigid = GroupQuotient(clouds, RigidMotionAction(3))
    staged = rotations.horizontal_projection(translations.horizontal_projection(v, x), centred)
    torch.testing.assert_close(staged, rigid.horizontal_projection(v, x), rtol=0, atol=1e-12)
    torch.testing.assert_close(rotations.mean_curvature(centred), rigid.mean_curvature(x), rtol=0, atol=1e-12)


def test_volume_of_collinear_clouds_is_the_same_after_translation() -> None:
    """With an inner product that is not Ad-invariant, 0.5 log pdet of the Gram matrix alone moves."""
    line = torch.linspace(-1, 2, 5, dtype=torch.float64)[:, None] * torch.tensor(
        [[1.0, 2.0, -0.5]], dtype=torch.float64
    )
    shift = torch.tensor([3.0, -1.0, 5.0], dtype=torch.float64)
    quotient = GroupQuotient(PointClouds(5, 3), RigidMotionAction(3))

    def naive(x: Tensor) -> float:
        return 0.5 * float(torch.linalg.eigvalsh(quotient.gram(x))[1:].log().sum())

    assert int(quotient.orbit_dimension(line)) == 5
    assert abs(float(quotient.log_orbit_volume(line + shift) - quotient.log_orbit_volume(line))) < 1e-12
    assert abs(naive(line + shift) - naive(line)) > 0.1


def test_singular_points_of_linear_actions() -> None:
    origin = torch.zeros(3, dtype=torch.float64)
    quotient = GroupQuotient(Euclidean(3), VectorAction(SpecialOrthogonal(3)))
    v = normal(8, 3)
    torch.testing.assert_close(quotient.horizontal_projection(v, origin), v)
    assert int(quotient.orbit_dimension(origin)) == 0
    assert (quotient.mean_curvature(origin) == 0).all()
    assert quotient.log_orbit_volume(origin).isfinite()
    assert not bool(quotient.stratum(origin).regular)
