"""Every orbit posterior of the catalogue against sampling, and the laws that all of them obey."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from groups import (
    Conjugation,
    GroupAction,
    LeftMultiplication,
    Orthogonal,
    OrthogonalAction,
    PermutationAction,
    PhaseAction,
    ProductAction,
    QuaternionPhaseAction,
    RightMultiplication,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    Unitary,
    VectorAction,
    WeightedCircleAction,
)
from quotient import TorusOrbitPosterior
from quotient.orbit_posterior import OrbitPosteriorError, SelfNormalizedSampling, orbit_posterior


@dataclass(frozen=True)
class Case:
    action: GroupAction
    shape: tuple[int, ...]
    is_complex: bool = False
    hermitian: bool = False

    def draw(self, seed: int, *batch: int) -> Tensor:
        dtype = torch.complex128 if self.is_complex else torch.float64
        x = torch.randn(*batch, *self.shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
        return (x + x.mH) / 2 if self.hermitian else x


PLANE, SPACE = SpecialOrthogonal(2), SpecialOrthogonal(3)
CIRCLES = (WeightedCircleAction([1, 0, 2]), WeightedCircleAction([0, 1, 1]))
CASES = {
    "plane clouds": Case(RotationAction(2), (5, 2)),
    "clouds": Case(RotationAction(3), (5, 3)),
    "columns": Case(LeftMultiplication(SPACE), (3, 2)),
    "complex columns": Case(LeftMultiplication(SPACE), (3, 2), is_complex=True),
    "rows": Case(RightMultiplication(SPACE), (2, 3)),
    "plane columns": Case(LeftMultiplication(PLANE), (2, 3)),
    "phase": Case(PhaseAction(), (3,), is_complex=True),
    "quaternions": Case(QuaternionPhaseAction(), (2, 4)),
    "spinors": Case(LeftMultiplication(SpecialUnitary(2)), (2, 2), is_complex=True),
    "spinors from the right": Case(RightMultiplication(SpecialUnitary(2)), (2, 2), is_complex=True),
    "vectors": Case(VectorAction(SpecialOrthogonal(5)), (5,)),
    "reflected vectors": Case(VectorAction(Orthogonal(4)), (4,)),
    "unitary vectors": Case(VectorAction(Unitary(3)), (3,), is_complex=True),
    "reflected clouds": Case(OrthogonalAction(3), (4, 3)),
    "reflected plane": Case(OrthogonalAction(2), (4, 2)),
    "reflected columns": Case(LeftMultiplication(Orthogonal(2)), (2, 2)),
    "opposite charges": Case(WeightedCircleAction([2, -2, 0]), (3,), is_complex=True),
    "charges": Case(WeightedCircleAction([1, 2, -3]), (3,), is_complex=True),
    "two circles": Case(ProductAction(*CIRCLES), (3,), is_complex=True),
    "plane conjugation": Case(Conjugation(PLANE), (2, 2)),
    "reflected conjugation": Case(Conjugation(Orthogonal(2)), (2, 2), hermitian=True),
    "qubits": Case(Conjugation(Unitary(2)), (2, 2), is_complex=True, hermitian=True),
    "qutrits": Case(Conjugation(SpecialUnitary(3)), (3, 3), is_complex=True, hermitian=True),
    "particles": Case(PermutationAction(5), (5, 2)),
    "particles in space": Case(ProductAction(PermutationAction(3), RotationAction(3)), (3, 3)),
}


@pytest.fixture(params=CASES, ids=list(CASES))
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


def element(case: Case, seed: int) -> Tensor:
    return case.action.group.random((), torch.Generator().manual_seed(seed), case.draw(0))


def inner(y: Tensor, x: Tensor) -> Tensor:
    return (y.conj() * x).real.sum() if y.is_complex() else (y * x).sum()


def test_agrees_with_haar_sampling(case: Case) -> None:
    """Each coordinate within five standard errors for three seeds; twice the dual point is found out."""
    posterior = orbit_posterior(case.action)
    y, x = 0.6 * case.draw(1), case.draw(2)
    for seed in range(3):
        sampled = SelfNormalizedSampling(case.action, 20_000, torch.Generator().manual_seed(seed)).estimate(y, x)
        assert sampled.effective_sample_size > 200
        assert (posterior.log_normalizer(y, x) - sampled.log_normalizer).abs() < 5 * sampled.log_normalizer_error
        assert ((posterior.mean(y, x) - sampled.mean).abs() <= 5 * sampled.mean_error + 1e-12).all()
        assert (posterior.log_normalizer(2 * y, x) - sampled.log_normalizer).abs() > 5 * sampled.log_normalizer_error


def test_mean_is_the_gradient_in_the_dual_point_and_in_the_point(case: Case) -> None:
    posterior = orbit_posterior(case.action)
    y, x = case.draw(3).requires_grad_(), case.draw(4).requires_grad_()
    by_dual, by_point = torch.autograd.grad(posterior.log_normalizer(y, x), (y, x))
    torch.testing.assert_close(by_dual, posterior.mean(y, x).detach(), atol=1e-11, rtol=1e-11)
    swapped = posterior.mean(x, y).detach()
    torch.testing.assert_close(by_point, swapped, atol=1e-11, rtol=1e-11)


def test_equivariance_and_invariance(case: Case) -> None:
    posterior, act = orbit_posterior(case.action), case.action.act
    y, x, h = case.draw(5), case.draw(6), element(case, 7)
    mean = posterior.mean(y, x)
    torch.testing.assert_close(posterior.mean(act(h, y), x), act(h, mean), atol=1e-11, rtol=1e-11)
    torch.testing.assert_close(posterior.mean(y, act(h, x)), mean, atol=1e-11, rtol=1e-11)
    log_z = posterior.log_normalizer(y, x)
    torch.testing.assert_close(posterior.log_normalizer(act(h, y), x), log_z, atol=1e-11, rtol=1e-11)
    assert (act(h, mean) - mean).abs().max() > 1e-3


def finite_difference(function: Callable[[Tensor], Tensor], at: Tensor, along: Tensor) -> Tensor:
    """Central differences of fourth order."""
    h = 1e-3
    near = function(at + h * along) - function(at - h * along)
    far = function(at + 2 * h * along) - function(at - 2 * h * along)
    return (8 * near - far) / (12 * h)


def test_derivatives_of_the_mean(case: Case) -> None:
    """By differences in y and x, and Cov(u, v) = <u, d mean(v)> is symmetric."""
    posterior = orbit_posterior(case.action)
    y, x, u, v = (case.draw(seed) for seed in (8, 9, 10, 11))
    yy, xx = y.clone().requires_grad_(), x.clone().requires_grad_()
    by_dual, by_point = torch.autograd.grad(inner(u, posterior.mean(yy, xx)), (yy, xx))
    numeric = inner(u, finite_difference(lambda t: posterior.mean(t, x), y, v))
    torch.testing.assert_close(inner(by_dual, v), numeric, atol=1e-8, rtol=1e-8)
    numeric = inner(u, finite_difference(lambda t: posterior.mean(y, t), x, v))
    torch.testing.assert_close(inner(by_point, v), numeric, atol=1e-8, rtol=1e-8)
    (other,) = torch.autograd.grad(inner(v, posterior.mean(yy, xx)), yy)
    torch.testing.assert_close(inner(by_dual, v), inner(other, u), atol=1e-11, rtol=1e-11)


def test_second_derivatives_of_the_normaliser_at_zero(case: Case) -> None:
    """At y = 0 the Hessian is the covariance of Haar measure: finite, and the difference quotient of the mean."""
    posterior = orbit_posterior(case.action)
    zero, x, v = torch.zeros_like(case.draw(12)), case.draw(12), case.draw(13)
    y = zero.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(posterior.log_normalizer(y, x), y, create_graph=True)
    (hessian,) = torch.autograd.grad(inner(v, gradient), y)
    torch.testing.assert_close(
        hessian, finite_difference(lambda t: posterior.mean(t, x), zero, v), atol=1e-8, rtol=1e-8
    )
    assert posterior.log_normalizer(zero, x).abs() < 1e-13
    assert inner(hessian, v) > 1e-3


def test_batches_broadcast_and_single_precision(case: Case) -> None:
    posterior = orbit_posterior(case.action)
    y, x = case.draw(14, 2, 1), case.draw(15, 3)
    mean, log_z = posterior.mean(y, x), posterior.log_normalizer(y, x)
    assert mean.shape == (2, 3, *case.shape)
    assert log_z.shape == (2, 3)
    assert not log_z.is_complex()
    torch.testing.assert_close(mean[1, 2], posterior.mean(y[1, 0], x[2]), atol=1e-12, rtol=1e-12)
    low = torch.complex64 if case.is_complex else torch.float32
    rounded = posterior.mean(y.to(low), x.to(low))
    assert rounded.dtype == low
    assert posterior.log_normalizer(y.to(low), x.to(low)).dtype == torch.float32
    torch.testing.assert_close(rounded.to(mean.dtype), mean, atol=2e-5, rtol=2e-5)
    assert posterior.mean(y[:, :0], x[:0]).shape == (2, 0, *case.shape)


def test_high_concentration_is_the_best_of_the_orbit(case: Case) -> None:
    """mean(s y, x) tends to a point of the orbit, and <y, mean> to the largest <y, g x>, from below."""
    posterior = orbit_posterior(case.action)
    y, x = case.draw(16), case.draw(17)
    sharp = posterior.mean(2e3 * y, x)
    torch.testing.assert_close(inner(sharp, sharp), inner(x, x), rtol=5e-3, atol=0)
    generator = torch.Generator().manual_seed(18)
    orbit = case.action.act(case.action.group.random((4000,), generator, x), x)
    best = max(float(inner(y, point)) for point in orbit)
    assert inner(y, sharp) > best - 5e-3 * float(inner(x, x).sqrt() * inner(y, y).sqrt())


def test_scaled_normaliser(case: Case) -> None:
    posterior = orbit_posterior(case.action)
    y, x = case.draw(19), case.draw(20)
    circles = isinstance(case.action, ProductAction) and len(case.action.actions) == 2 and case.is_complex
    if circles or case.action is CASES["charges"].action:
        with pytest.raises(OrbitPosteriorError, match="no closed form"):
            posterior.scaled_log_normalizer(y, x)
        return
    scaled = posterior.scaled_log_normalizer(y, x)
    peak = posterior.log_normalizer(y, x) - scaled
    generator = torch.Generator().manual_seed(21)
    orbit = case.action.act(case.action.group.random((4000,), generator, x), x)
    sampled = torch.stack([inner(y, point) for point in orbit]).max()
    assert scaled < 0
    assert peak >= sampled - 1e-9
    assert peak <= sampled + 0.25 * (inner(x, x) * inner(y, y)).sqrt()


def test_both_at_once_are_those_one_by_one(case: Case) -> None:
    """Values of batches that broadcast, gradients, and under vmap."""
    posterior = orbit_posterior(case.action)
    y, x = case.draw(12, 3, 1).requires_grad_(), case.draw(13, 2).requires_grad_()
    log_z, mean = posterior.log_normalizer_and_mean(y, x)
    assert log_z.shape == (3, 2)
    apart = posterior.log_normalizer(y, x), posterior.mean(y, x)
    torch.testing.assert_close((log_z, mean), apart, atol=1e-13, rtol=1e-13)
    weight = case.draw(14, 3, 2)

    def total(first: Tensor, second: Tensor) -> Tensor:
        return first.sum() + inner(weight, second)

    found = torch.autograd.grad(total(log_z, mean), (y, x))
    torch.testing.assert_close(found, torch.autograd.grad(total(*apart), (y, x)), atol=1e-12, rtol=1e-12)
    if isinstance(posterior, TorusOrbitPosterior):
        # the number of its nodes depends on values
        return
    mapped = torch.func.vmap(lambda dual: posterior.log_normalizer_and_mean(dual, x.detach()))(y.detach())
    torch.testing.assert_close(mapped, (log_z.detach(), mean.detach()), atol=1e-13, rtol=1e-13)
