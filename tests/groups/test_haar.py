"""Haar measure: volumes against the mass of a ball, samples against known laws and moments."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from groups import (
    CyclicGroup,
    DirectProduct,
    Group,
    GroupError,
    MatrixGroup,
    SemidirectProduct,
    SpecialEuclidean,
    SpecialOrthogonal,
    SpecialUnitary,
    SymmetricGroup,
    Torus,
    Translations,
    Unitary,
    UnitQuaternions,
)

LIKE = torch.zeros((), dtype=torch.float64)
O2 = SemidirectProduct(
    Torus(1), CyclicGroup(2), lambda h, n: torch.remainder(torch.where(h.unsqueeze(-1) == 0, n, -n), 2 * math.pi)
)


def draw(group: Group, seed: int, *batch: int) -> Tensor:
    return group.random(batch, torch.Generator().manual_seed(seed), LIKE)


def test_volumes_of_products_and_finite_groups() -> None:
    assert O2.log_haar_volume == pytest.approx(math.log(4 * math.pi))
    both = DirectProduct(SpecialOrthogonal(3), SymmetricGroup(3), Torus(1))
    assert both.log_haar_volume == pytest.approx(math.log(8 * math.pi**2 * 6 * 2 * math.pi))
    with pytest.raises(GroupError, match=r"MatrixGroup\(dim=3, n=3\) is not known .* use a group of the catalogue"):
        _ = MatrixGroup(list(SpecialOrthogonal(3).basis)).log_haar_volume
    for group in (Translations(2), SpecialEuclidean(3), DirectProduct(Torus(1), Translations(2))):
        with pytest.raises(GroupError, match="not compact, its volume is infinite"):
            _ = group.log_haar_volume


@pytest.mark.parametrize("n", range(1, 6))
def test_volumes_in_the_metric_of_the_trace(n: int) -> None:
    """U(n): (2 pi)^(n (n + 1) / 2) / (1! 2! ... (n - 1)!); SU(n): sqrt(n) / (2 pi) of that; SO(n + 1): SO(n) by S^n."""
    unitary = n * (n + 1) / 2 * math.log(2 * math.pi) - sum(math.lgamma(k + 1) for k in range(1, n))
    assert Unitary(n).log_haar_volume == pytest.approx(unitary)
    assert SpecialUnitary(n).log_haar_volume == pytest.approx(
        unitary + 0.5 * math.log(n) - math.log(2 * math.pi), abs=1e-12
    )
    below = SpecialOrthogonal(n).log_haar_volume
    sphere = math.log(2) + (n + 1) / 2 * math.log(math.pi) - math.lgamma((n + 1) / 2)
    assert SpecialOrthogonal(n + 1).log_haar_volume == pytest.approx(below + sphere)


def angles(matrices: Tensor) -> Tensor:
    return torch.linalg.eigvals(matrices).angle()


def distance_of_matrices(group: Group, g: Tensor) -> Tensor:
    """|log g| in the metric in which the basis is orthonormal, for bases orthonormal up to a factor."""
    flat = group.basis.flatten(1)
    gram = (flat @ flat.mH).real
    torch.testing.assert_close(gram, gram[0, 0] * torch.eye(group.dim, dtype=torch.float64))
    return ((angles(g) ** 2).sum(-1) / gram[0, 0]).sqrt()


def distance_of_quaternions(_: Group, g: Tensor) -> Tensor:
    return torch.acos(g[..., 0].clamp(-1, 1))


def distance_of_angles(_: Group, g: Tensor) -> Tensor:
    return torch.linalg.vector_norm(torch.remainder(g + math.pi, 2 * math.pi) - math.pi, dim=-1)


BALLS: list[tuple[Group, Callable[[Group, Tensor], Tensor]]] = [
    *((SpecialOrthogonal(n), distance_of_matrices) for n in (2, 3, 4)),
    *((Unitary(n), distance_of_matrices) for n in (1, 2, 3)),
    *((SpecialUnitary(n), distance_of_matrices) for n in (2, 3)),
    (UnitQuaternions(), distance_of_quaternions),
    (Torus(2), distance_of_angles),
]


@pytest.mark.parametrize(
    ("group", "distance"), BALLS, ids=lambda value: repr(value) if isinstance(value, Group) else ""
)
def test_volume_is_that_of_a_ball_over_its_haar_mass(group: Group, distance: Callable[[Group, Tensor], Tensor]) -> None:
    """vol exp(B_r) = int_{|c| < r} |det((1 - exp(-ad c)) / ad c)| dc, from the structure constants alone."""
    radius, count, dim = 3.0, 20_000, group.dim
    inside = (distance(group, draw(group, 1, count)) < radius).double()
    c = torch.randn(count, dim, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    uniform = torch.rand(count, 1, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    c = radius * c / c.norm(dim=-1, keepdim=True) * uniform ** (1 / dim)
    adjoint = torch.einsum("ta,abk->tkb", c, group.structure_constants)
    eye = torch.eye(dim, dtype=torch.float64).expand_as(adjoint)
    corner = torch.cat([torch.cat([-adjoint, eye], -1), torch.zeros(count, dim, 2 * dim, dtype=torch.float64)], -2)
    jacobian = torch.linalg.det(torch.matrix_exp(corner)[:, :dim, dim:]).abs()
    euclidean = dim / 2 * math.log(math.pi) + dim * math.log(radius) - math.lgamma(dim / 2 + 1)
    measured = euclidean + math.log(float(jacobian.mean() / inside.mean()))
    error = math.hypot(*(float(v.std() / v.mean()) / math.sqrt(count) for v in (jacobian, inside)))
    assert error < 0.05, "too coarse to see a wrong length of one basis vector by sqrt(2)"
    assert abs(measured - group.log_haar_volume) < 4.5 * error + 1e-12


def power_of_trace(k: int) -> Callable[[Tensor], Tensor]:
    return lambda g: (torch.einsum("...ii->...", g).abs() ** 2) ** k


def trace_to_the(k: int) -> Callable[[Tensor], Tensor]:
    return lambda g: (torch.einsum("...ii->...", g) ** k).real


def trace_of_o2(g: Tensor) -> Tensor:
    angle, mirrored = O2.split(g)
    return torch.where(mirrored == 0, 2 * angle[..., 0].cos(), 0.0) ** 2


# E |tr g|^2k counts invariants of the k-th tensor power: k! for U(n), n >= k
MOMENTS: list[tuple[Group, Callable[[Tensor], Tensor], float]] = [
    *((Unitary(n), power_of_trace(k), math.factorial(k)) for n in (2, 3, 4) for k in range(1, n + 1)),
    (Unitary(3), trace_to_the(1), 0.0),
    (Unitary(3), trace_to_the(2), 0.0),
    (Unitary(1), trace_to_the(3), 0.0),
    *((SpecialUnitary(n), power_of_trace(1), 1.0) for n in (2, 3, 4)),
    *((SpecialUnitary(n), trace_to_the(n), 1.0) for n in (2, 3, 4)),
    (SpecialUnitary(2), power_of_trace(2), 2.0),
    (SpecialUnitary(2), power_of_trace(3), 5.0),
    (SpecialOrthogonal(2), power_of_trace(1), 2.0),
    (SpecialOrthogonal(2), power_of_trace(2), 6.0),
    (SpecialOrthogonal(3), trace_to_the(3), 1.0),
    (SpecialOrthogonal(4), power_of_trace(2), 4.0),
    *((SpecialOrthogonal(n), power_of_trace(1), 1.0) for n in (3, 4, 5)),
    *((SpecialOrthogonal(n), power_of_trace(2), 3.0) for n in (3, 5)),
    (UnitQuaternions(), lambda q: q[..., 0] ** 4, 1 / 8),
    (UnitQuaternions(), lambda q: q[..., 1] ** 2 * q[..., 2] ** 2, 1 / 24),
    (Torus(2), lambda a: torch.cos(a[..., 0] - 2 * a[..., 1]), 0.0),
    (Torus(2), lambda a: torch.cos(a[..., 0]) ** 2 * torch.sin(a[..., 1]) ** 2, 0.25),
    (SymmetricGroup(5), lambda g: (g == torch.arange(5)).sum(-1).double() ** 3, 5.0),
    (CyclicGroup(7), lambda g: torch.cos(2 * math.pi * g / 7), 0.0),
    (O2, trace_of_o2, 1.0),
    (MatrixGroup(list(SpecialUnitary(2).basis[:2])), power_of_trace(2), 2.0),
]


def deviation(values: Tensor, expected: float) -> float:
    """Of the mean from what is expected, in standard errors."""
    return float((values.mean() - expected).abs() / (values.std() / math.sqrt(len(values))))


@pytest.mark.parametrize(
    ("group", "statistic", "expected"), MOMENTS, ids=[f"{k}: {group!r}" for k, (group, _, _) in enumerate(MOMENTS)]
)
def test_moments_from_both_sides(group: Group, statistic: Callable[[Tensor], Tensor], expected: float) -> None:
    """Of samples, and of samples moved by a fixed element from the left and from the right."""
    g, fixed = draw(group, 21, 20_000), draw(group, 22)
    for sample in (g, group.compose(fixed.expand_as(g), g), group.compose(g, fixed.expand_as(g))):
        assert deviation(statistic(sample), expected) < 4.5


def test_moments_see_samplers_that_are_not_haar() -> None:
    """The Q of a Gaussian matrix as the algorithm leaves it, exponentials of Gaussians, and angles of half a circle."""
    generator = torch.Generator().manual_seed(23)
    for n, dtype in ((3, torch.float64), (4, torch.float64), (2, torch.complex128), (3, torch.complex128)):
        raw = torch.linalg.qr(torch.randn(20_000, n, n, generator=generator, dtype=dtype))[0]
        assert deviation(trace_to_the(1)(raw), 0.0) > 20
    normal = 0.5 * torch.randn(20_000, 9, generator=generator, dtype=torch.float64)
    assert deviation(power_of_trace(1)(Unitary(3).exp(normal)), 1.0) > 20
    angle = draw(Torus(1), 24, 20_000)[..., 0]
    assert deviation(torch.sin(angle), 0.0) < 4.5
    assert deviation(torch.sin(angle / 2), 0.0) > 20


@pytest.mark.parametrize("n", [2, 3, 4])
def test_haar_moments_of_rotations(n: int) -> None:
    g = draw(SpecialOrthogonal(n), 5, 20_000)
    torch.testing.assert_close(g @ g.mT, torch.eye(n, dtype=torch.float64).expand_as(g), rtol=0, atol=1e-12)
    assert (torch.det(g) > 0).all()
    fixed = draw(SpecialOrthogonal(n), 6)
    for entry in (g[:, 0, 0], (fixed @ g)[:, 0, n - 1], (g @ fixed)[:, n - 1, 0]):
        law = stats.beta(0.5, (n - 1) / 2)
        assert float(stats.kstest((entry**2).numpy(), law.cdf).pvalue) > 1e-4
        assert abs(float(entry.mean())) < 4 / math.sqrt(n * 20_000)
    if n == 3:
        # the angle of a Haar rotation has the density (1 - cos) / pi
        angle = torch.acos(((torch.einsum("bii->b", g) - 1) / 2).clamp(-1, 1))
        assert float(stats.kstest(angle.numpy(), lambda a: (a - np.sin(a)) / math.pi).pvalue) > 1e-4


@pytest.mark.parametrize("n", [1, 3])
def test_haar_moments_of_unitary_matrices(n: int) -> None:
    g = draw(Unitary(n), 7, 20_000)
    assert g.is_complex()
    torch.testing.assert_close(g @ g.mH, torch.eye(n, dtype=g.dtype).expand_as(g), rtol=0, atol=1e-12)
    phase = torch.angle(g[:, 0, n - 1]) / (2 * math.pi) + 0.5
    assert float(stats.kstest(phase.numpy(), "uniform").pvalue) > 1e-4
    if n > 1:
        weight = (g[:, 0, 0].abs() ** 2).numpy()
        assert float(stats.kstest(weight, stats.beta(1, n - 1).cdf).pvalue) > 1e-4


def test_haar_moments_of_special_unitary_matrices_and_quaternions() -> None:
    """The trace of SU(2) is 2 cos a with a of density (2 / pi) sin^2 a; quaternions are uniform on the sphere."""
    g = draw(SpecialUnitary(2), 8, 20_000)
    torch.testing.assert_close(torch.det(g), torch.ones(20_000, dtype=g.dtype))
    half_trace = torch.einsum("bii->b", g).real / 2
    semicircle = stats.semicircular()
    assert float(stats.kstest(half_trace.numpy(), semicircle.cdf).pvalue) > 1e-4
    q = draw(UnitQuaternions(), 9, 20_000)
    for entry in (q[:, 0], UnitQuaternions().compose(q[:1], q)[:, 2]):
        assert float(stats.kstest(entry.numpy(), semicircle.cdf).pvalue) > 1e-4
    assert float(stats.kstest((draw(Torus(1), 10, 20_000)[:, 0] / (2 * math.pi)).numpy(), "uniform").pvalue) > 1e-4
    three = torch.einsum("bii->b", draw(SpecialUnitary(3), 11, 20_000))
    assert abs(float((three.abs() ** 2).mean()) - 1) < 0.05
    assert abs(complex((three**3).mean()) - 1) < 0.15


def test_haar_volumes() -> None:
    """Known volumes: 2 pi, 8 pi^2, and U(1), U(2) = U(1) x SU(2) up to the metric."""
    assert SpecialOrthogonal(1).log_haar_volume == 0.0
    assert SpecialOrthogonal(2).log_haar_volume == pytest.approx(math.log(2 * math.pi))
    assert SpecialOrthogonal(3).log_haar_volume == pytest.approx(math.log(8 * math.pi**2))
    assert Unitary(1).log_haar_volume == pytest.approx(math.log(2 * math.pi))
    # SU(2) is a 3-sphere of radius sqrt 2 here and U(2) = (U(1) x SU(2)) / Z_2 with a circle of length 2 pi sqrt 2
    circle, sphere = 2 * math.pi * math.sqrt(2), 2 * math.pi**2 * math.sqrt(8)
    assert Unitary(2).log_haar_volume == pytest.approx(math.log(circle * sphere / 2))
    assert SpecialUnitary(1).log_haar_volume == pytest.approx(0.0)
    assert SpecialUnitary(2).log_haar_volume == pytest.approx(math.log(sphere))
    assert UnitQuaternions().log_haar_volume == pytest.approx(math.log(2 * math.pi**2))
    assert Torus(3).log_haar_volume == pytest.approx(3 * math.log(2 * math.pi))
