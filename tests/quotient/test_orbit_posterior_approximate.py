"""Quadrature, sampling, slices and products: errors that tell the truth."""

import pytest
import torch
from torch import Tensor

from groups import (
    ProductAction,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    TranslationAction,
    VectorAction,
    WeightedCircleAction,
    best_rotation,
    irrep_action,
    irrep_generators,
)
from quotient import PointShapeError
from quotient.orbit_posterior import (
    ExactOrbitPosterior,
    HaarRule,
    OrbitPosteriorError,
    PartwiseOrbitPosterior,
    QuadratureOrbitPosterior,
    SelfNormalizedSampling,
    TorusOrbitPosterior,
    orbit_posterior,
    rotation_rule,
)


def draw(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("scale", [0.0, 0.1, 3.0, 100.0, 1e4])
def test_trapezoid_against_the_closed_form_of_one_weight(scale: float) -> None:
    """Equal weights are von Mises; the rule finds the same at every concentration."""
    action = WeightedCircleAction([3, -3])
    y, x = scale * draw(0, 4, 2, dtype=torch.complex128), draw(1, 4, 2, dtype=torch.complex128)
    closed, rule = orbit_posterior(action), TorusOrbitPosterior(action)
    torch.testing.assert_close(rule.log_normalizer(y, x), closed.log_normalizer(y, x), rtol=1e-13, atol=1e-12)
    torch.testing.assert_close(rule.mean(y, x), closed.mean(y, x), rtol=1e-11, atol=1e-11)


def test_trapezoid_errors_by_halving_bound_the_truth() -> None:
    action = ProductAction(WeightedCircleAction([1, 0, 2]), WeightedCircleAction([0, 3, 1]))
    y, x = 2 * draw(2, 3, dtype=torch.complex128), draw(3, 3, dtype=torch.complex128)
    truth = TorusOrbitPosterior(action).estimate(y, x)
    assert truth.log_normalizer_error < 1e-8
    for nodes in (12, 16, 24):
        rough = TorusOrbitPosterior(action, nodes=nodes).estimate(y, x)
        assert (rough.log_normalizer - truth.log_normalizer).abs() <= rough.log_normalizer_error + 1e-14
        assert ((rough.mean - truth.mean).abs() <= rough.mean_error + 1e-14).all()
    assert (TorusOrbitPosterior(action, nodes=6).mean(y, x) - truth.mean).abs().max() > 1e-3
    gradient = torch.func.vmap(torch.func.grad(TorusOrbitPosterior(action, nodes=64).log_normalizer))
    torch.testing.assert_close(gradient(y[None], x[None])[0], truth.mean, rtol=1e-10, atol=1e-10)
    with pytest.raises(OrbitPosteriorError, match="more than 1048576"):
        TorusOrbitPosterior(action).mean(1e8 * y, x)
    with pytest.raises(OrbitPosteriorError, match="weighted circles"):
        TorusOrbitPosterior(RotationAction(2))


def test_rotation_rule_is_exact_up_to_its_degree() -> None:
    rule = rotation_rule(4)
    assert rule.coarse is not None
    assert float(rule.weights.sum()) == pytest.approx(1.0, abs=1e-14)
    entry = rule.nodes[:, 2, 2]
    for degree, moment in ((2, 1 / 3), (4, 1 / 5)):
        assert float((rule.weights * entry**degree).sum()) == pytest.approx(moment, abs=1e-14)
    corner = rule.nodes[:, 0, 0]
    assert float((rule.weights * corner**4).sum()) == pytest.approx(1 / 5, abs=1e-14)
    assert abs(float((rule.coarse.weights * rule.coarse.nodes[:, 0, 0] ** 4).sum()) - 1 / 5) > 1e-3
    with pytest.raises(OrbitPosteriorError, match="degree of at least 3"):
        rotation_rule(2)


def test_quadrature_errors_bound_the_truth() -> None:
    action, closed = RotationAction(3), orbit_posterior(RotationAction(3))
    y, x = 2 * draw(4, 4, 3), draw(5, 4, 3)
    errors = []
    for degree in (8, 16, 24, 40):
        found = QuadratureOrbitPosterior(action, rotation_rule(degree)).estimate(y, x)
        error = (found.mean - closed.mean(y, x)).abs()
        assert (error <= found.mean_error + 1e-12).all()
        errors.append(float(error.max()))
    assert errors[0] > 1e-4
    assert errors[-1] < 1e-9
    alone = HaarRule(rotation_rule(4).nodes, rotation_rule(4).weights)
    with pytest.raises(OrbitPosteriorError, match="coarse"):
        QuadratureOrbitPosterior(action, alone).estimate(y, x)


@pytest.mark.slow
def test_quadrature_of_an_irreducible_representation() -> None:
    """Degree two by the rule mapped to the representation, and by sampling the group itself."""
    action, (_, about_y, about_z) = irrep_action([2]), irrep_generators(2)

    def element(angles: Tensor) -> Tensor:
        alpha, beta, gamma = (angle[..., None, None] for angle in angles.unbind(-1))
        turn = torch.linalg.matrix_exp
        return turn(alpha * about_z) @ turn(beta * about_y) @ turn(gamma * about_z)

    quadrature = QuadratureOrbitPosterior(action, rotation_rule(36, element=element))
    y, x = 0.7 * draw(6, 5), 0.7 * draw(7, 5)
    found = quadrature.estimate(y, x)
    sampled = SelfNormalizedSampling(action, 20_000, torch.Generator().manual_seed(8)).estimate(y, x)
    assert found.mean_error.max() < 1e-6
    assert ((found.mean - sampled.mean).abs() < 5 * sampled.mean_error).all()
    with pytest.raises(OrbitPosteriorError, match="QuadratureOrbitPosterior"):
        orbit_posterior(action)


def test_sampling_errors_are_standard_errors() -> None:
    """Over 60 runs: scores of unit spread; the log-normaliser's too."""
    closed, action = orbit_posterior(RotationAction(3)), RotationAction(3)
    y, x = 0.7 * draw(9, 3, 3), draw(10, 3, 3)
    runs = [SelfNormalizedSampling(action, 4000, torch.Generator().manual_seed(k)).estimate(y, x) for k in range(60)]
    scores = torch.stack([(run.mean - closed.mean(y, x)) / run.mean_error for run in runs])
    assert 0.8 < scores.std() < 1.2
    assert scores.mean(0).abs().max() < 5 / 60**0.5
    logs = torch.stack([(run.log_normalizer - closed.log_normalizer(y, x)) / run.log_normalizer_error for run in runs])
    assert 0.7 < logs.std() < 1.3
    sharp = SelfNormalizedSampling(action, 4000, torch.Generator().manual_seed(0)).estimate(100 * y, x)
    assert sharp.effective_sample_size < 10
    with pytest.raises(OrbitPosteriorError, match="not compact"):
        SelfNormalizedSampling(TranslationAction(3), 10, torch.Generator())


@pytest.mark.parametrize("dim", [2, 3])
def test_rigid_motions_on_the_slice(dim: int) -> None:
    """The centroids do not matter, and centred clouds are those of rotations."""
    y, x = draw(11, 2, 5, dim), draw(12, 2, 5, dim)
    center = RigidMotionAction(dim).center
    rigid, turning = orbit_posterior(RigidMotionAction(dim)), orbit_posterior(RotationAction(dim))
    expected = turning.mean(center(y), center(x))
    torch.testing.assert_close(rigid.mean(y + 3, x - 5), expected, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(rigid.log_normalizer(y + 3, x), turning.log_normalizer(center(y), center(x)))
    assert (turning.mean(y, x) - expected).abs().max() > 1e-2
    scaled = rigid.scaled_log_normalizer(y, x)
    peak = (center(y) * (center(x) @ best_rotation(center(x), center(y)).mT)).sum((-2, -1))
    torch.testing.assert_close(scaled, rigid.log_normalizer(y, x) - peak)


@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("make", [RotationAction, RigidMotionAction])
def test_padding_is_not_looked_at(dim: int, make: type[RotationAction] | type[RigidMotionAction]) -> None:
    mask = torch.tensor([[True, True, True, False, False], [True, True, True, True, True]])
    y, x = draw(13, 2, 5, dim), draw(14, 2, 5, dim)
    dirty = torch.where(mask[..., None], x, torch.full_like(x, torch.nan)).requires_grad_()
    posterior = orbit_posterior(make(dim, mask=mask))
    mean = posterior.mean(y, dirty)
    short = orbit_posterior(make(dim))
    torch.testing.assert_close(mean[0, :3], short.mean(y[0, :3], x[0, :3]), atol=1e-13, rtol=1e-13)
    torch.testing.assert_close(mean[1], short.mean(y[1], x[1]), atol=1e-13, rtol=1e-13)
    assert (mean[0, 3:] == 0).all()
    (gradient,) = torch.autograd.grad(mean.sum(), dirty)
    assert gradient.isfinite().all()
    assert (gradient[0, 3:] == 0).all()


def test_parts_turn_by_themselves() -> None:
    """SO(3) on a cloud and a circle on phases of it: log Z adds up."""
    cloud, vector = orbit_posterior(RotationAction(3)), orbit_posterior(VectorAction(SpecialOrthogonal(2)))
    assert isinstance(cloud, ExactOrbitPosterior)
    assert isinstance(vector, ExactOrbitPosterior)
    both = PartwiseOrbitPosterior([cloud, vector], [(4, 3), (2,)])
    y, x = draw(15, 2, 14), draw(16, 2, 14)
    first = cloud.mean(y[:, :12].reshape(2, 4, 3), x[:, :12].reshape(2, 4, 3)).reshape(2, 12)
    torch.testing.assert_close(both.mean(y, x), torch.cat([first, vector.mean(y[:, 12:], x[:, 12:])], -1))
    gradient = torch.func.grad(lambda t: both.log_normalizer(t, x).sum())(y)
    torch.testing.assert_close(gradient, both.mean(y, x))
    assert (both.scaled_log_normalizer(y, x) < 0).all()
    with pytest.raises(PointShapeError, match="blocks"):
        both.mean(y[:, 1:], x[:, 1:])


def test_what_is_refused() -> None:
    with pytest.raises(OrbitPosteriorError, match="no exact orbit posterior"):
        orbit_posterior(RotationAction(4))
    with pytest.raises(OrbitPosteriorError, match="no exact orbit posterior"):
        orbit_posterior(TranslationAction(3))
    with pytest.raises(PointShapeError, match="last 2 axes"):
        orbit_posterior(RotationAction(3)).mean(torch.zeros(4, 3), torch.zeros(5, 3))
    complex_zeros = torch.zeros(3, dtype=torch.complex64)
    with pytest.raises(PointShapeError, match="must be real"):
        orbit_posterior(VectorAction(SpecialOrthogonal(3))).mean(complex_zeros, complex_zeros)
    with pytest.raises(OrbitPosteriorError, match="closed form"):
        orbit_posterior(WeightedCircleAction([1, 2])).scaled_log_normalizer(complex_zeros[:2], complex_zeros[:2])
