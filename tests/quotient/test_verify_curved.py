"""verify on curved total spaces: true quotients pass, planted lies do not."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from groups import (
    Congruence,
    Conjugation,
    GroupAction,
    PeriodicTranslationAction,
    PhaseAction,
    RightMultiplication,
    RotationAction,
    SpecialOrthogonal,
    Translations,
    VectorAction,
    WeightedCircleAction,
)
from groups.claims import Verdict
from quotient import (
    ComplexHypersphere,
    Euclidean,
    GroupQuotient,
    HyperbolicHalfSpace,
    Hypersphere,
    MapSubmersion,
    PeriodicClouds,
    PreShapes,
    RiemannianSubmersion,
    RotationMatrices,
    SPDMatrices,
    Stiefel,
    SymmetricMatrices,
    verify,
)

CELL = torch.tensor([[1.0, 0.3], [0.0, 2.0]])


class HorizontalTranslation(GroupAction):
    """(x, y) -> (x + s, y) on the half plane."""

    group = Translations(1)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.cat([x[..., :1] + g, x[..., 1:] + 0 * g], -1)

    def center(self, x: Tensor) -> Tensor:
        return torch.cat([0 * x[..., :1], x[..., 1:]], -1)


class VerticalTranslation(HorizontalTranslation):
    """(x, y) -> (x, y + s): not an isometry of the half plane."""

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.cat([x[..., :1] + 0 * g, x[..., 1:] + 0.01 * g.tanh()], -1)


class DiagonalCongruence(GroupAction):
    """X -> D X D with D = diag(exp s)."""

    linear = True
    point_ndim = 2
    group = Translations(3)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        d = (0.3 * g).exp()
        return d.unsqueeze(-1) * x * d.unsqueeze(-2)

    def center(self, x: Tensor) -> Tensor:
        d = torch.diagonal(x, dim1=-2, dim2=-1).rsqrt()
        return d.unsqueeze(-1) * x * d.unsqueeze(-2)


def bloch_vector(psi: Tensor) -> Tensor:
    """Pauli expectations of a state of S^3 in R^4, (re, re, im, im): half of them is the Hopf map onto S^2(1/2)."""
    a, b = torch.complex(psi[..., 0], psi[..., 2]), torch.complex(psi[..., 1], psi[..., 3])
    overlap = a.conj() * b
    return torch.stack([2 * overlap.real, 2 * overlap.imag, a.abs() ** 2 - b.abs() ** 2], -1)


TRUE: dict[str, Callable[[], RiemannianSubmersion]] = {
    "S2/SO(2)": lambda: GroupQuotient(Hypersphere(2), Turn()),
    "S3/U(1)": lambda: GroupQuotient(ComplexHypersphere(2), PhaseAction()),
    "S5/U(1)": lambda: GroupQuotient(ComplexHypersphere(3), PhaseAction()),
    "S3/weighted circle": lambda: GroupQuotient(ComplexHypersphere(2), WeightedCircleAction([1, 2])),
    "pre-shapes/SO(3)": lambda: GroupQuotient(PreShapes(4, 3), RotationAction(3)),
    "pre-shapes/SO(2)": lambda: GroupQuotient(PreShapes(4, 2), RotationAction(2)),
    "Stiefel/SO(2)": lambda: GroupQuotient(Stiefel(4, 2), RightMultiplication(SpecialOrthogonal(2))),
    "SO(3) by conjugation": lambda: GroupQuotient(RotationMatrices(3), Conjugation(SpecialOrthogonal(3))),
    "SPD/rotations": lambda: GroupQuotient(SPDMatrices(2), Congruence(SpecialOrthogonal(2))),
    "SPD/diagonal": lambda: GroupQuotient(SPDMatrices(3), DiagonalCongruence()),
    "half plane/horocycles": lambda: GroupQuotient(HyperbolicHalfSpace(2), HorizontalTranslation()),
    "periodic/translations": lambda: GroupQuotient(PeriodicClouds(3, CELL), PeriodicTranslationAction(2)),
    "Hopf map": lambda: MapSubmersion(Hypersphere(3), Euclidean(3), lambda x: 0.5 * bloch_vector(x)),
}


class Turn(GroupAction):
    """Rotations of R^3 about its last axis."""

    linear = True
    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        turned = torch.einsum("...ij,...j->...i", g, x[..., :2])
        return torch.cat([turned, x[..., 2:].expand(*turned.shape[:-1], 1)], -1)


@pytest.mark.parametrize("name", list(TRUE))
def test_true_quotients_pass(name: str) -> None:
    quotient = TRUE[name]()
    report = verify(quotient, seed=0, n=2)
    refuted = {r.law for r in report.refuted}
    if name == "Hopf map":
        # the base is given as R^3, of which the image is a sphere
        assert refuted <= {"map: d pi isometric on horizontal vectors"}
        return
    assert not refuted, str(report)
    held = {r.law for r in report.results if r.verdict is Verdict.HOLDS}
    assert {"claim: isometric", "H: derivative of the projector", "P: equivariant", "H: horizontal"} <= held
    if name not in ("Stiefel/SO(2)",):
        assert "align: never farther" in held


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in TRUE if name != "Hopf map"])
def test_true_quotients_pass_at_more_seeds(name: str) -> None:
    quotient = TRUE[name]()
    for seed in range(1, 6):
        report = verify(quotient, seed=seed, n=1)
        assert report.ok, str(report)


class SquaredPhase(GroupAction):
    """(z, w) -> (e^it z, w / conj w ...): rotates the second entry by its own size, no action at all."""

    group = WeightedCircleAction([1]).group

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        turn = torch.complex(torch.cos(g), torch.sin(g))
        bent = torch.complex(torch.cos(g * x.abs()[..., 1:]), torch.sin(g * x.abs()[..., 1:]))
        return torch.cat([turn * x[..., :1], bent * x[..., 1:]], -1)


LIES: dict[str, tuple[Callable[[], RiemannianSubmersion], str]] = {
    "the flat metric is not that of congruence": (
        lambda: GroupQuotient(SymmetricMatrices(3), DiagonalCongruence()),
        "claim: isometric",
    ),
    "vertical translations of the half plane": (
        lambda: GroupQuotient(HyperbolicHalfSpace(2), VerticalTranslation()),
        "claim: isometric",
    ),
    "a flow that turns each latitude by its own speed": (
        lambda: GroupQuotient(ComplexHypersphere(2), SquaredPhase()),
        "claim: isometric",
    ),
    "the Hopf map without its half": (
        lambda: MapSubmersion(Hypersphere(3), Euclidean(3), bloch_vector),
        "map: d pi isometric on horizontal vectors",
    ),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", list(LIES))
def test_lies_are_refuted(name: str, seed: int) -> None:
    make, law = LIES[name]
    report = verify(make(), seed=seed, n=2)
    assert report.result(law).verdict is Verdict.REFUTED, str(report)


@pytest.mark.parametrize("factor", [1.0, 0.5, -1.0, 1.001])
def test_wrong_curvature_of_kendall_shapes(factor: float) -> None:
    """Closed form -(X S - d (d - 1) / 2 X), S = sum_i s_i u_i u_i^T; and wrong multiples of it, told apart."""
    quotient = GroupQuotient(PreShapes(5, 3), RotationAction(3))
    x = quotient.total_space.random_point((20,), torch.Generator().manual_seed(0))
    c, u = torch.linalg.eigh(x.mT @ x)
    pairs = 1.0 / (c[:, :, None] + c[:, None, :])
    s = pairs.sum(-1) - torch.diagonal(pairs, dim1=-2, dim2=-1)
    closed = -(x @ (u * s.unsqueeze(-2)) @ u.mT - 3 * x)
    curvature = quotient.mean_curvature(x)
    gap = float(((factor * closed - curvature).norm(dim=(-2, -1)) / (1 + curvature.norm(dim=(-2, -1)))).max())
    assert (gap < 1e-12) == (factor == 1.0)
    assert factor == 1.0 or gap > 1e-4


def test_quotient_distance_on_spheres() -> None:
    """Fubini-Study: arccos |<a, b>|; and dist equals it also where the alignment is by descent."""
    generator = torch.Generator().manual_seed(1)
    space = ComplexHypersphere(3)
    a, b = space.random_point((5,), generator), space.random_point((5,), generator)
    expected = torch.arccos((a.conj() * b).sum(-1).abs())
    closed = GroupQuotient(space, PhaseAction()).dist(a, b)
    descended = GroupQuotient(space, WeightedCircleAction([1, 1, 1])).dist(a, b)
    torch.testing.assert_close(closed, expected, rtol=0, atol=1e-12)
    torch.testing.assert_close(descended, expected, rtol=0, atol=1e-9)


def test_quotient_distance_of_conjugacy_classes() -> None:
    """|theta_a - theta_b| sqrt(2) in the metric tr(u^T v), and its gradient through the alignment."""
    quotient = GroupQuotient(RotationMatrices(3), Conjugation(SpecialOrthogonal(3)))
    generator = torch.Generator().manual_seed(2)
    a, b = (quotient.total_space.random_point((6,), generator) for _ in range(2))
    angle = lambda r: torch.arccos(0.5 * (torch.diagonal(r, dim1=-2, dim2=-1).sum(-1) - 1))  # noqa: E731
    expected = 2**0.5 * (angle(a) - angle(b)).abs()
    torch.testing.assert_close(quotient.dist(a, b), expected, rtol=0, atol=1e-9)

    moving = a.clone().requires_grad_()
    (slope,) = torch.autograd.grad(quotient.dist(moving, b).sum(), moving)
    (known,) = torch.autograd.grad((2**0.5 * (angle(moving) - angle(b)).abs()).sum(), moving)
    project = quotient.total_space.to_tangent
    torch.testing.assert_close(project(slope, a), project(known, a), rtol=0, atol=1e-6)


def test_rotations_of_vectors_are_not_conjugation_invariant() -> None:
    """The sphere quotient by all rotations is a point: distance zero, rank full."""
    quotient = GroupQuotient(Hypersphere(2), VectorAction(SpecialOrthogonal(3)))
    a, b = (quotient.total_space.random_point((4,), torch.Generator().manual_seed(s)) for s in (3, 4))
    assert float(quotient.dist(a, b).max()) < 1e-9
    assert (quotient.orbit_dimension(a) == 2).all()
    assert float(quotient.mean_curvature(a).abs().max()) < 1e-12
