"""Which of denoiser and score is horizontal: isotropic and harmonic priors, on oracles and by independent routes."""

import pytest
import torch
from torch import Tensor

from diffusion import GaussianPrior, HarmonicPrior, Interpolant, OrbitMixture, Prior
from groups import Conjugation, RotationAction, Unitary
from quotient import GroupQuotient, HermitianMatrices, ShapeSpace, project_score
from quotient.orbit_posterior import orbit_posterior, rotation_rule

T = torch.tensor(0.4, dtype=torch.float64)
SPACE = ShapeSpace(4, 3)
POSTERIOR = orbit_posterior(RotationAction(3))
SPRINGS = torch.tensor([[0, 1, 0, 0], [1, 0, 3, 0], [0, 3, 0, 0.5], [0, 0, 0.5, 0]], dtype=torch.float64)
PRIORS = {"isotropic": GaussianPrior(), "harmonic": HarmonicPrior(SPRINGS)}
WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)


def size(x: Tensor) -> Tensor:
    return torch.linalg.matrix_norm(x)


def hermitian_oracle() -> OrbitMixture:
    space, action = HermitianMatrices(3), Conjugation(Unitary(3))
    return OrbitMixture(
        GroupQuotient(space, action),
        action,
        orbit_posterior(action),
        2 * space.random_point((2,), torch.Generator().manual_seed(0)).to(torch.complex128),
        jitter=0.3,
        interpolant=Interpolant(),
        weights=WEIGHTS,
    )


def test_hermitian_denoiser_and_score_are_horizontal() -> None:
    """3 x 3 matrices by unitary conjugation: both commute with x_t; the score is the gradient of the log density."""
    oracle = hermitian_oracle()
    x = oracle.sample(8, torch.Generator().manual_seed(1)) * 0.6
    denoiser, score = oracle.denoiser(x, T), oracle.score(x, T)
    for field in (denoiser, score):
        assert float(size(field).min()) > 0.1
        assert float(size(oracle.quotient.vertical_projection(field, x)).max()) < 1e-9
        assert float(size(field @ x - x @ field).max()) < 1e-9
    gradient = torch.func.grad(lambda y: oracle.log_density(y, T).sum())(x)
    torch.testing.assert_close(score, oracle.quotient.total_space.to_tangent(gradient, x), rtol=1e-8, atol=1e-8)


def test_hermitian_denoiser_is_the_posterior_mean() -> None:
    """Against importance sampling of x1."""
    oracle = hermitian_oracle()
    x_t = oracle.sample(3, torch.Generator().manual_seed(2)) * 0.4
    x1 = oracle.sample(60_000, torch.Generator().manual_seed(3)).unsqueeze(1)
    weights = torch.softmax(-(size(x_t - T * x1) ** 2) / (2 * (1 - T) ** 2), 0)[..., None, None]
    estimate = (weights * x1).sum(0)
    spread = ((weights * (x1 - estimate).abs()) ** 2).sum(0).sqrt()
    assert float(((oracle.denoiser(x_t, T) - estimate).abs() / spread).max()) < 5.0


def clouds() -> tuple[Tensor, Tensor]:
    """Points x_t and two templates."""
    generator = torch.Generator().manual_seed(4)
    x_t = SPACE.center(torch.randn(5, 4, 3, generator=generator, dtype=torch.float64))
    return x_t, SPACE.center(1.5 * torch.randn(2, 4, 3, generator=generator, dtype=torch.float64))


def laplacian(prior: Prior) -> Tensor:
    """L of x0 ~ N(0, L^-1), one row of points at a time."""
    eye = torch.eye(4, dtype=torch.float64)
    return eye if prior.isotropic else torch.diag(SPRINGS.sum(-1)) - SPRINGS


def exact_denoiser(interpolant: Interpolant, x_t: Tensor, templates: Tensor) -> Tensor:
    """E[x1 | x_t] for x1 = g m_k with weights: a matrix Fisher mean at the dual point, which carries L."""
    dual = interpolant.dual(SPACE, x_t, T)
    logs, means = [], []
    for weight, template in zip(WEIGHTS, templates, strict=True):
        one = template.expand(x_t.shape).contiguous()
        strain = (template * (laplacian(interpolant.prior) @ template)).sum()
        logs.append(weight.log() + POSTERIOR.log_normalizer(dual, one) - T**2 * strain / (2 * (1 - T) ** 2))
        means.append(POSTERIOR.mean(dual, one))
    shares = torch.softmax(torch.stack(logs), 0)[..., None, None]
    return (shares * torch.stack(means)).sum(0)


def components(prior: Prior, x: Tensor, templates: Tensor) -> tuple[Tensor, Tensor]:
    """Log of w_k w_g p(x_t | g m_k) over a quadrature of the rotations, ``[2, nodes, ...]``, and the moved templates.

    From the Gaussian kernel alone: no dual point and no matrix Fisher law.
    """
    rule = rotation_rule(36)
    moved = templates[:, None] @ rule.nodes.mT
    gaps = x - T * moved.reshape(*moved.shape[:2], *(1,) * (x.ndim - 2), 4, 3)
    strain = (gaps * (laplacian(prior) @ gaps)).sum((-2, -1))
    masses = (WEIGHTS[:, None] * rule.weights).log()
    return masses.reshape(*masses.shape, *(1,) * (x.ndim - 2)) - strain / (2 * (1 - T) ** 2), moved


@pytest.mark.parametrize("name", list(PRIORS))
def test_only_the_score_is_horizontal_under_a_harmonic_prior(name: str) -> None:
    """Denoiser and score against quadrature; the denoiser is horizontal for the isotropic prior only."""
    prior, (x_t, templates) = PRIORS[name], clouds()
    interpolant = Interpolant(prior=prior)
    denoiser = exact_denoiser(interpolant, x_t, templates)
    score = interpolant.score(denoiser, x_t, T, SPACE)

    logs, moved = components(prior, x_t, templates)
    shares = torch.softmax(logs.flatten(0, 1), 0)
    by_quadrature = torch.einsum("nb,nij->bij", shares, moved.flatten(0, 1))
    torch.testing.assert_close(denoiser, by_quadrature, rtol=1e-8, atol=1e-8)

    def log_density(y: Tensor) -> Tensor:
        return torch.logsumexp(components(prior, y, templates)[0].flatten(0, 1), 0)

    gradient = torch.stack([SPACE.center(torch.func.grad(log_density)(y)) for y in x_t])
    torch.testing.assert_close(score, gradient, rtol=1e-8, atol=1e-8)

    assert float(size(SPACE.vertical_projection(score, x_t)).max()) < 1e-9
    share = size(SPACE.vertical_projection(denoiser, x_t)) / size(denoiser)
    wrong = interpolant.score(project_score(SPACE, denoiser, x_t), x_t, T, SPACE)
    error = size(project_score(SPACE, wrong - score, x_t)) / size(score)
    if prior.isotropic:
        assert float(share.max()) < 1e-9
        assert float(error.max()) < 1e-9
    else:
        assert float(share.min()) > 0.02
        # so a denoiser must not be projected before it is turned into a score
        assert float(error.min()) > 0.01


def test_harmonic_denoiser_by_importance_sampling() -> None:
    """The same denoiser from random rotations of the templates; its vertical part is far above the error."""
    x_t, templates = clouds()
    exact = exact_denoiser(Interpolant(prior=PRIORS["harmonic"]), x_t, templates)
    generator = torch.Generator().manual_seed(5)
    action = RotationAction(3)
    chosen = templates[torch.multinomial(WEIGHTS, 200_000, replacement=True, generator=generator)]
    x1 = action.act(action.group.random((200_000,), generator, chosen), chosen)[:, None]
    gaps = x_t - T * x1
    strain = (gaps * (laplacian(PRIORS["harmonic"]) @ gaps)).sum((-2, -1))
    weights = torch.softmax(-strain / (2 * (1 - T) ** 2), 0)[..., None, None]
    estimate = (weights * x1).sum(0)
    spread = ((weights * (x1 - estimate)) ** 2).sum(0).sqrt()
    assert float(((exact - estimate) / spread).abs().max()) < 5.0
    vertical = SPACE.vertical_projection(estimate, x_t)
    assert bool((size(vertical) > 5 * size(spread)).all())
