"""Order of the lifted SDE schemes along paths, and of the ODE methods."""

import pytest
import torch
from torch import Tensor

from diffusion import Euler, Heun, ODEMethod, ODESampler, VelocityField
from groups import PhaseAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import (
    BrownianMotion,
    ComplexEuclidean,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    IntrinsicBrownianMotion,
    NoiseSource,
    OrbitSpace,
    PreShapes,
    ProjectedBrownianMotion,
    ShapeSpace,
)
from tests.diffusion.test_sampler_orders import (
    Run,
    Summed,
    gaussian_sampler,
    gaussian_velocity,
    initial,
    mixture_of,
    planar_velocity,
    times,
)
from tests.diffusion.test_weak_orders import CLOUD, Counting, fit, squared

STRONG = BrownianMotion.strong_order


def order_along_paths(start: Tensor, n_steps: list[int], run: Run) -> tuple[float, float]:
    """Order of the root mean square of x^h - x^(h/2) and its standard error, under common noise."""
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    fine = noise.normal(start.expand(n_steps[-1], *start.shape))
    ends = torch.stack([run(start, n, Summed(fine, n)) for n in n_steps])
    slope, spread = fit(squared(ends[:-1] - ends[1:], start.ndim - 1).mT, n_steps[:-1])
    return slope / 2, spread / 2


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["projected", "intrinsic", "sampler", "C2/U(1)", "R2/SO(2)"])
def test_strong_order(scheme: str) -> None:
    """1/2 in general; 1 on R^2/SO(2), where the noise of a path never leaves its line and is additive there."""
    space, rule, start, n_steps = ShapeSpace(4, 3), Counting(), CLOUD.expand(400, 4, 3), [8, 16, 32, 64]
    order, horizon = STRONG, 0.2
    if scheme == "sampler":

        def run(x: Tensor, n: int, noise: NoiseSource) -> Tensor:
            return gaussian_sampler(times(0.3, 0.34, n), rule).sample(space, x, gaussian_velocity, noise).x
    else:
        motion: BrownianMotion
        if scheme == "intrinsic":
            motion = IntrinsicBrownianMotion(space)
        elif scheme == "projected":
            motion = ProjectedBrownianMotion(space, rule=rule)
        elif scheme == "C2/U(1)":
            start = torch.tensor([2.5, 1.5], dtype=torch.complex128).expand(400, 2)
            motion = ProjectedBrownianMotion(GroupQuotient(ComplexEuclidean(2), PhaseAction()), rule=rule)
        else:
            start, order = torch.tensor([4.0, 0.0], dtype=torch.float64).expand(400, 2), 1.0
            motion = ProjectedBrownianMotion(GroupQuotient(Euclidean(2), VectorAction(SpecialOrthogonal(2))), rule=rule)

        def run(x: Tensor, n: int, noise: NoiseSource) -> Tensor:
            return motion.sample(x, horizon=horizon, n_steps=n, noise=noise).xs[-1]

    slope, spread = order_along_paths(start, n_steps, run)
    assert not rule.met
    assert abs(slope - order) < 0.15
    assert spread < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("method", [Euler(), Heun()], ids=repr)
@pytest.mark.parametrize("name", ["R2/SO(2)", "R4x2/SE(2)", "S8/SO(3)"])
def test_ode_order(name: str, method: ODEMethod) -> None:
    """Root mean squares of x^h - x^(h/2) and f(x^h) - f(x^(h/2)), two invariants f, fall with the declared order."""
    n_steps = [16, 32, 64, 128]
    if name == "S8/SO(3)":
        space, generator = PreShapes(4, 3), torch.Generator().manual_seed(0)
        quotient: OrbitSpace = GroupQuotient(space, RotationAction(3))
        start = space.random_point((20,), generator)
        mixing = torch.randn(4, 4, generator=generator, dtype=torch.float64)

        def field(x: Tensor, t: Tensor) -> Tensor:
            return space.to_tangent(0.5 * torch.cos(2 * t) * (mixing @ x), x)

        velocity: VelocityField = field
    else:
        oracle, _ = mixture_of(name)
        quotient, velocity = oracle.quotient, planar_velocity(oracle)
        start = initial(oracle, 0.2, 40, 0)
    ends = torch.stack(
        [ODESampler(times(0.2, 0.8, n), method=method).sample(quotient, start, velocity).x for n in n_steps]
    )
    rows = ends if start.ndim == 3 else ends.unsqueeze(-2)
    gram = rows @ rows.mT
    for values in (ends.flatten(2), gram[..., :1, -1], torch.linalg.matrix_norm(gram)[..., None].log()):
        slope, _ = fit(squared(values[:-1] - values[1:], 1).mT, n_steps[:-1])
        assert abs(slope / 2 - method.order) < 0.15
