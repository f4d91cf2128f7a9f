"""Edges: transforms, inference mode, padding, empty groups and batches, values that are not finite."""

import math

import pytest
import torch
from torch import Tensor

from groups import (
    GroupAction,
    ProductAction,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    TranslationAction,
    Translations,
)
from quotient import (
    ClaimError,
    ComplexMatrices,
    Euclidean,
    GroupQuotient,
    IntrinsicBrownianMotion,
    MapSubmersion,
    Matrices,
    OrbitSpace,
    PointClouds,
    PointShapeError,
    ProjectedBrownianMotion,
    ShapeSpace,
    lifted_step,
    mean_curvature_from_log_volume,
)
from quotient.lift import UnprojectedNearSmallOrbits
from quotient.noise import GeneratorNoise


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class CloudRotation(GroupAction):
    """A user's action that knows nothing of padding."""

    point_ndim = 2

    def __init__(self) -> None:
        self.group = SpecialOrthogonal(3)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ g.mT


class VectorShift(GroupAction):
    def __init__(self, n: int) -> None:
        self.group = Translations(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x + g


def test_first_use_inside_a_transform_leaves_a_quotient_usable() -> None:
    x = normal(0, 3, 4, 3)
    expected = GroupQuotient(PointClouds(4, 3), RigidMotionAction(3)).mean_curvature(x)
    quotient = GroupQuotient(PointClouds(4, 3), RigidMotionAction(3))
    torch.testing.assert_close(mean_curvature_from_log_volume(quotient, x), expected)
    torch.testing.assert_close(quotient.mean_curvature(x), expected)
    fresh = GroupQuotient(PointClouds(4, 3), CloudRotation())
    by_item = torch.func.vmap(torch.func.grad(lambda y: fresh.log_orbit_volume(y)))(x)
    torch.testing.assert_close(by_item, -fresh.mean_curvature(x))


@pytest.mark.parametrize(
    "quotient", [ShapeSpace(4, 3), GroupQuotient(PointClouds(4, 3), RigidMotionAction(3))], ids=["closed", "derived"]
)
def test_use_in_inference_mode_does_not_spoil_training(quotient: OrbitSpace) -> None:
    x = normal(1, 2, 4, 3)
    with torch.inference_mode():
        quotient.mean_curvature(x)
        quotient.align(x, x)
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(quotient.mean_curvature(leaf).pow(2).sum(), leaf)
    assert gradient.isfinite().all()


def test_padding_is_never_looked_at_even_by_actions_that_do_not_know_of_it() -> None:
    mask = torch.tensor([True] * 4 + [False] * 2)
    x, v = normal(2, 3, 6, 3), normal(3, 3, 6, 3)
    x[:, 4:], v[:, 4:] = math.nan, 1e9
    bare = GroupQuotient(PointClouds(4, 3), CloudRotation())
    padded = GroupQuotient(PointClouds(6, 3, mask=mask), CloudRotation())
    real = (slice(None), slice(4))
    torch.testing.assert_close(padded.mean_curvature(x)[real], bare.mean_curvature(x[real]))
    torch.testing.assert_close(padded.horizontal_projection(v, x)[real], bare.horizontal_projection(v[real], x[real]))
    torch.testing.assert_close(padded.log_orbit_volume(x), bare.log_orbit_volume(x[real]))
    torch.testing.assert_close(padded.dist(x, v), bare.dist(x[real], v[real]))
    vertical = padded.vertical_projection(v, x)
    vertical[:, 4:] = 1e9
    torch.testing.assert_close(padded.total_space.norm(v, x), v[real].flatten(1).norm(dim=1))
    assert not padded.is_horizontal(vertical, x).any()


def test_action_and_space_must_agree_on_padding() -> None:
    mask = torch.tensor([True, True, True, False])
    with pytest.raises(ClaimError, match="the same mask"):
        GroupQuotient(PointClouds(4, 3, mask=mask), RigidMotionAction(3))
    with pytest.raises(ClaimError, match="the same mask"):
        GroupQuotient(PointClouds(4, 3), RotationAction(3, mask=mask))
    GroupQuotient(PointClouds(4, 3, mask=mask), RotationAction(3, mask=mask.clone()))


def test_masks_that_differ_between_items_broadcast_against_one_point() -> None:
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4, [False] * 5])
    x, v = normal(4, 5, 3), normal(5, 5, 3)
    derived = GroupQuotient(PointClouds(5, 3, mask=mask), RigidMotionAction(3, mask=mask))
    closed = ShapeSpace(5, 3, mask=mask)
    for name in ("mean_curvature", "log_orbit_volume", "orbit_dimension", "center"):
        torch.testing.assert_close(getattr(derived, name)(x), getattr(closed, name)(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(derived.horizontal_projection(v, x), closed.horizontal_projection(v, x))
    assert derived.stratum(x).regular.tolist() == closed.stratum(x).regular.tolist() == [True] * 4
    assert closed.principal_orbit_dimension.tolist() == [6, 6, 3, 0]
    assert derived.principal_orbit_dimension.tolist() == [6, 6, 3, 0]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_principal_orbit_dimension_of_small_clouds(count: int, dim: int) -> None:
    closed = ShapeSpace(count, dim)
    derived = GroupQuotient(PointClouds(count, dim), RigidMotionAction(dim))
    assert int(closed.principal_orbit_dimension) == int(derived.principal_orbit_dimension)
    assert bool(closed.stratum(normal(6, count, dim)).regular)


def test_groups_of_dimension_zero_divide_nothing_out() -> None:
    quotient = GroupQuotient(PointClouds(4, 1), RotationAction(1))
    x, v = normal(7, 2, 4, 1), normal(8, 2, 4, 1)
    torch.testing.assert_close(quotient.horizontal_projection(v, x), v)
    assert (quotient.mean_curvature(x) == 0).all()
    assert (quotient.log_orbit_volume(x) == 0).all()
    assert quotient.gram(x).shape == (2, 0, 0)
    torch.testing.assert_close(quotient.align(v, x).point, v)


def test_translations_are_aligned_by_descent() -> None:
    a, b = normal(9, 4, 3), normal(10, 4, 3)
    quotient = GroupQuotient(Euclidean(3), VectorShift(3))
    torch.testing.assert_close(quotient.align(a, b).point, b)
    both = GroupQuotient(PointClouds(4, 2), ProductAction(TranslationAction(2)))
    x, y = normal(11, 4, 2), normal(12, 4, 2)
    torch.testing.assert_close(both.align(x, y).point, x - x.mean(-2) + y.mean(-2))


@pytest.mark.parametrize(
    "quotient",
    [
        ShapeSpace(4, 3),
        GroupQuotient(PointClouds(4, 3), RigidMotionAction(3)),
        GroupQuotient(PointClouds(4, 3), RotationAction(3)),
        GroupQuotient(PointClouds(4, 3), CloudRotation()),
    ],
    ids=["shape space", "rigid motions", "rotations", "descent"],
)
def test_alignment_and_distance_have_the_right_gradients(quotient: OrbitSpace) -> None:
    """All entries against central differences, whose displaced pairs are one batch; the rest of gradcheck's by it."""
    x, y = normal(13, 4, 3), normal(14, 4, 3)
    step = 1e-6 * torch.eye(24, dtype=torch.float64).reshape(24, 2, 4, 3)
    for function in (lambda a, b: quotient.align(a, b).point, quotient.dist):
        high, low = (function(x + shift[:, 0], y + shift[:, 1]) for shift in (step, -step))
        numerical = (high - low).flatten(1) / 2e-6 if high.ndim > 1 else (high - low).unsqueeze(1) / 2e-6
        exact = torch.cat([d.reshape(-1, 12) for d in torch.autograd.functional.jacobian(function, (x, y))], -1)
        torch.testing.assert_close(exact.mT, numerical, rtol=1e-3, atol=1e-5)
        pair = (x.clone().requires_grad_(), y.clone().requires_grad_())
        assert torch.autograd.gradcheck(function, pair, atol=1e-5, fast_mode=True)


def test_norm_and_distance_have_a_finite_gradient_at_zero() -> None:
    a = torch.zeros(5, 3, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(ShapeSpace(5, 3).dist(a, torch.zeros(5, 3, dtype=torch.float64)), a)
    assert (gradient == 0).all()


def test_values_that_are_not_finite_stay_visible_and_alone() -> None:
    x = normal(15, 3, 4, 3)
    x[1, 0, 0] = math.nan
    good = torch.tensor([0, 2])
    for quotient in (
        ShapeSpace(4, 3),
        GroupQuotient(PointClouds(4, 3), RigidMotionAction(3)),
        GroupQuotient(PointClouds(4, 3), CloudRotation()),
    ):
        for values in (
            quotient.mean_curvature(x).flatten(1),
            quotient.log_orbit_volume(x).unsqueeze(1),
            quotient.align(x, normal(16, 3, 4, 3)).point.flatten(1),
        ):
            assert values[1].isnan().any()
            assert values[good].isfinite().all()


def test_empty_batches_pass_through() -> None:
    x = torch.zeros(0, 4, 3, dtype=torch.float64)
    for quotient in (ShapeSpace(4, 3), GroupQuotient(PointClouds(4, 3), CloudRotation())):
        assert quotient.mean_curvature(x).shape == (0, 4, 3)
        assert quotient.align(x, x).point.shape == (0, 4, 3)
        assert quotient.log_orbit_volume(x).shape == (0,)
    with pytest.raises(PointShapeError, match="at least one row"):
        ShapeSpace(0, 3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_points(dtype: torch.dtype) -> None:
    x, y = normal(17, 5, 3).to(dtype), normal(18, 5, 3).to(dtype)
    space = ShapeSpace(5, 3)
    aligned = space.align(x, y).point
    assert aligned.dtype == dtype
    exact = space.align(x.double(), y.double()).point
    assert (aligned.double() - exact).abs().max() < 4 * torch.finfo(dtype).eps
    assert space.horizontal_projection(y, x).dtype == dtype


def test_complex_points_belong_to_complex_spaces() -> None:
    z = torch.ones(2, 2, dtype=torch.complex128)
    with pytest.raises(PointShapeError, match="complex space"):
        Matrices(2, 2).check_point(z)
    ComplexMatrices(2, 2).check_point(z)
    with pytest.raises(PointShapeError, match="cdouble"):
        ComplexMatrices(2, 2).check_point(z.real)


def test_maps_that_are_not_onto_are_no_submersions() -> None:
    x = normal(19, 3, 2)
    for image in (lambda y: y[..., :1] * 0, lambda y: y[..., [0, 0]] / math.sqrt(2)):
        base = Euclidean(image(x).shape[-1])
        with pytest.raises(ClaimError, match="not a Riemannian submersion"):
            MapSubmersion(Euclidean(2), base, image).check_riemannian(x)


def test_brownian_motion_modulo_translations_needs_no_slice() -> None:
    quotient = GroupQuotient(Euclidean(3), VectorShift(3))
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    start = normal(20, 5, 3)
    for motion in (ProjectedBrownianMotion(quotient), IntrinsicBrownianMotion(quotient)):
        path = motion.sample(start, horizon=1.0, n_steps=3, noise=noise)
        torch.testing.assert_close(path.xs[-1], start)


def test_vertical_drift_does_not_matter_on_unprojected_steps() -> None:
    """However large: over a finite step a vertical drift would not stay on the orbit."""
    quotient = GroupQuotient(PointClouds(1, 3), CloudRotation())
    x = torch.tensor([[[1e-3, 0.0, 0.0]]], dtype=torch.float64)
    vertical = torch.tensor([[[0.0, 50.0, 0.0]]], dtype=torch.float64)
    options = {
        "sigma": torch.tensor(1.0, dtype=torch.float64),
        "step": torch.tensor(0.1, dtype=torch.float64),
        "normal": normal(21, 1, 1, 3),
        "rule": UnprojectedNearSmallOrbits(),
    }
    still = lifted_step(quotient, x, drift=torch.zeros_like(x), **options)
    moved = lifted_step(quotient, x, drift=vertical, **options)
    torch.testing.assert_close(moved, still)
