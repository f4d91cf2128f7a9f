"""verify: planted lies are refuted by the law that names them, at every seed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from groups import GroupAction, RigidMotionAction, SpecialOrthogonal, VectorAction
from groups.claims import Verdict
from quotient import (
    Alignment,
    AlignmentKind,
    ClaimError,
    Euclidean,
    FlatSpace,
    GroupQuotient,
    MapSubmersion,
    OrbitSpace,
    RiemannianSubmersion,
    ShapeSpace,
    TotalSpace,
)
from quotient.verification import verify

SEEDS = range(3)


def distance_to_circle(x: Tensor) -> Tensor:
    """Unit gradient, but the level sets are tori, whose mean curvature varies."""
    across = torch.linalg.vector_norm(x[..., :2], dim=-1) - 2.0
    return torch.stack([across, x[..., 2]], -1).norm(dim=-1, keepdim=True)


class Wrapped(OrbitSpace):
    """A true quotient, to be spoilt one method at a time."""

    inner: OrbitSpace = ShapeSpace(4, 3)
    action: GroupAction = RigidMotionAction(3)

    @property
    def total_space(self) -> TotalSpace:
        return self.inner.total_space

    @property
    def principal_orbit_dimension(self) -> Tensor:
        return self.inner.principal_orbit_dimension

    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return self.inner.vertical_projection(tangent_vec, base_point)

    def generators(self, base_point: Tensor) -> Tensor:
        return self.inner.generators(base_point)

    def gram(self, base_point: Tensor) -> Tensor:
        return self.inner.gram(base_point)

    def orbit_dimension(self, base_point: Tensor) -> Tensor:
        return self.inner.orbit_dimension(base_point)

    def log_orbit_volume(self, base_point: Tensor) -> Tensor:
        return self.inner.log_orbit_volume(base_point)

    def mean_curvature(self, base_point: Tensor) -> Tensor:
        return self.inner.mean_curvature(base_point)

    def center(self, point: Tensor) -> Tensor:
        return self.inner.center(point)

    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        return self.inner.align(point, base_point)


class UnequivariantProjection(Wrapped):
    """Also removes a fixed direction of space."""

    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        kept = tangent_vec * torch.tensor([1.0, 1.0, 0.0], dtype=tangent_vec.dtype)
        return self.inner.vertical_projection(kept, base_point) + tangent_vec - kept


class ForgottenRotations(Wrapped):
    """Removes translations only."""

    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return tangent_vec.mean(-2, keepdim=True).expand_as(tangent_vec)


class ObliqueProjection(Wrapped):
    """Twice the vertical part: not idempotent."""

    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return 1.01 * self.inner.vertical_projection(tangent_vec, base_point)


class ScaledCurvature(Wrapped):
    factor = 1.0

    def mean_curvature(self, base_point: Tensor) -> Tensor:
        return self.factor * self.inner.mean_curvature(base_point)


class FlippedCurvature(ScaledCurvature):
    factor = -1.0


class AlmostTheCurvature(ScaledCurvature):
    factor = 1.0001


class HalfTheCurvature(Wrapped):
    """Forgets the part along the first axis, so that it is not equivariant either."""

    def mean_curvature(self, base_point: Tensor) -> Tensor:
        return self.inner.mean_curvature(base_point) * torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64)


class TiltedCurvature(Wrapped):
    """Has a vertical part."""

    def mean_curvature(self, base_point: Tensor) -> Tensor:
        curvature = self.inner.mean_curvature(base_point)
        return curvature + 0.01 * curvature.norm(dim=(-1, -2), keepdim=True)


class NaiveVolume(Wrapped):
    """Forgets that the Gram matrix changes with the origin."""

    def log_orbit_volume(self, base_point: Tensor) -> Tensor:
        turns = self.inner.gram(base_point)[..., :3, :3]
        return 0.5 * torch.logdet(turns)


class WrongGram(Wrapped):
    def gram(self, base_point: Tensor) -> Tensor:
        return self.inner.gram(base_point).abs()


class OtherGenerators(Wrapped):
    def generators(self, base_point: Tensor) -> Tensor:
        return self.inner.generators(base_point).flip(-3)


class Shrinking(Wrapped):
    """Nearer than any point of the orbit."""

    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        found = self.inner.align(point, base_point)
        return Alignment(0.99 * found.point + 0.01 * base_point, found.kind)


class Mirrored(Wrapped):
    """Aligns by improper rotations, the classical mistake."""

    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        x, y = self.center(point), self.center(base_point)
        left, _, right = torch.linalg.svd(x.mT @ y)
        placed = x @ left @ right + base_point.mean(-2, keepdim=True)
        return Alignment(placed, AlignmentKind.GLOBAL)


class OnlyCentred(Wrapped):
    """Claims to be nearest, and is not turned."""

    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        moved = self.center(point) + base_point.mean(-2, keepdim=True)
        return Alignment(moved, AlignmentKind.GLOBAL)


class Raising(Wrapped):
    def mean_curvature(self, base_point: Tensor) -> Tensor:
        raise NotImplementedError("later")


class Weighted(FlatSpace):
    """R^3 with weights that rotations do not respect."""

    def __init__(self) -> None:
        self.weights = torch.tensor([1.0, 1.0, 1.5], dtype=torch.float64)

    @property
    def shape(self) -> tuple[int, ...]:
        return (3,)

    @property
    def dim(self) -> int:
        return 3

    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        return (self.weights * first * second).sum(-1)

    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        return differential / self.weights


LIES: dict[str, tuple[Callable[[], RiemannianSubmersion], str]] = {
    "projection not equivariant": (UnequivariantProjection, "P: equivariant"),
    "projection removes too much": (UnequivariantProjection, "P: kills nothing else"),
    "projection removes too little": (ForgottenRotations, "P: kills every generator"),
    "projection not idempotent": (ObliqueProjection, "P: idempotent"),
    "sign of H by its definition": (FlippedCurvature, "H: trace of the second fundamental form"),
    "sign of H by the projector": (FlippedCurvature, "H: derivative of the projector"),
    "sign of H by the volume": (FlippedCurvature, "H: -grad log volume"),
    "H too long by 1e-4": (AlmostTheCurvature, "H: trace of the second fundamental form"),
    "part of H dropped": (HalfTheCurvature, "H: trace of the second fundamental form"),
    "projected process does not exist": (HalfTheCurvature, "process: d pi(H) constant along fibres"),
    "H not horizontal": (TiltedCurvature, "H: horizontal"),
    "volume not invariant": (NaiveVolume, "volume: constant on orbits"),
    "gradient of the volume": (NaiveVolume, "H: -grad log volume"),
    "wrong Gram matrix": (WrongGram, "Gram = inner products of generators"),
    "generators of something else": (OtherGenerators, "generators: those of the action"),
    "alignment leaves the orbit": (Shrinking, "align: stays on the orbit"),
    "alignment mirrors": (Mirrored, "align: stays on the orbit"),
    "alignment is not nearest": (OnlyCentred, "align: nearest where it says so"),
    "distance along an orbit": (OnlyCentred, "dist: zero on orbits"),
    "H raises": (Raising, "H: horizontal"),
    "metric not invariant": (
        lambda: GroupQuotient(Weighted(), VectorAction(SpecialOrthogonal(3))),
        "claim: isometric",
    ),
    "squared radius is not Riemannian": (
        lambda: MapSubmersion(Euclidean(3), Euclidean(1), lambda x: (x * x).sum(-1, keepdim=True)),
        "map: d pi isometric on horizontal vectors",
    ),
    "distance to a circle": (
        lambda: MapSubmersion(Euclidean(3), Euclidean(1), distance_to_circle),
        "process: d pi(H) constant along fibres",
    ),
}


@pytest.mark.parametrize("name", list(LIES))
@pytest.mark.parametrize("seed", SEEDS)
def test_lies_are_refuted_by_the_law_that_names_them(name: str, seed: int) -> None:
    make, law = LIES[name]
    report = verify(make(), seed=seed, n=2)
    result = report.result(law)
    assert result.verdict is Verdict.REFUTED, f"{result.residual} within {result.tolerance}"
    assert result.residual > 100 * result.tolerance
    with pytest.raises(ClaimError, match="is refuted with seed"):
        report.raise_if_refuted()


def test_the_wrapper_alone_tells_the_truth() -> None:
    report = verify(Wrapped(), n=2)
    assert report.ok, str(report)


def test_given_points_replace_the_drawn_ones() -> None:
    point = torch.randn(3, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    report = verify(TiltedCurvature(), points=point)
    witness = report.result("H: horizontal").witness["x"]
    assert any(torch.equal(witness, row) for row in point)


def test_given_invariants_see_a_wrong_curvature() -> None:
    def side(x: Tensor) -> Tensor:
        return ((x[..., 0, :] - x[..., 1, :]) ** 2).sum(-1)

    law = "H: tr_V Hess f + <H, grad f> = 0"
    assert verify(Wrapped(), invariants=[side], n=2).result(law).verdict is Verdict.HOLDS
    assert verify(AlmostTheCurvature(), invariants=[side], n=2).result(law).verdict is Verdict.REFUTED
