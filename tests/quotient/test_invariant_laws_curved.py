"""Laws of invariants of Brownian motions on quotients of curved spaces, with those of rivals refused.

As on flat spaces: Kolmogorov-Smirnov tests with five seeds, p > 1e-4 for all of them, and p < 1e-4 for all of them
where the curvature drift is dropped or flipped, or, where it vanishes, where the noise is five per cent too large.
"""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import special, stats
from torch import Tensor

from groups import Conjugation, PhaseAction, RotationAction, SpecialOrthogonal
from quotient import (
    ComplexHypersphere,
    GeneratorNoise,
    GroupQuotient,
    IntrinsicBrownianMotion,
    PreShapes,
    ProjectedBrownianMotion,
    RotationMatrices,
)
from tests.quotient.test_invariant_laws import SEEDS, THRESHOLD, Seeded, Sharing, ends, motions, two_sample

Law = Callable[[np.ndarray], np.ndarray]


def p_values(values: Tensor, law: Law) -> list[float]:
    return [float(stats.kstest(row.numpy(), law).pvalue) for row in values]


def bloch_height(time: float) -> Law:
    """Brownian motion of S^2(1/2) from the pole: sum_l exp(-2 l (l + 1) t) (2 l + 1) / 2 P_l(z) of z in [-1, 1]."""

    def distribution(z: np.ndarray) -> np.ndarray:
        below = (1 + z) / 2
        for degree in range(1, 60):
            step = special.eval_legendre(degree + 1, z) - special.eval_legendre(degree - 1, z)
            below = below + math.exp(-2 * degree * (degree + 1) * time) * step / 2
        return below

    return distribution


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ProjectedBrownianMotion, IntrinsicBrownianMotion])
def test_height_of_the_bloch_vector(kind: type[ProjectedBrownianMotion] | type[IntrinsicBrownianMotion]) -> None:
    """S^3/U(1): H = 0, and both motions are that of the sphere."""
    start = torch.zeros(SEEDS, 8_000, 2, dtype=torch.complex128)
    start[..., 0] = 1.0
    motion, law = kind(GroupQuotient(ComplexHypersphere(2), PhaseAction())), bloch_height(0.1)
    for scale in (1.0, 1.05):
        end = motion.sample(start, horizon=0.1 * scale**2, n_steps=24, noise=Seeded(SEEDS)).xs[-1]
        found = p_values(end[..., 0].abs() ** 2 - end[..., 1].abs() ** 2, law)
        assert min(found) > THRESHOLD if scale == 1.0 else max(found) < THRESHOLD


def class_angle(first: float, time: float) -> Law:
    """Of c = cos(angle): sum_l exp(-l (l + 1) t / 4) chi_l(first) chi_l(angle) times Weyl's density, by quadrature."""
    edges = np.linspace(0.0, math.pi, 20_001)
    angles = 0.5 * (edges[1:] + edges[:-1])
    density = np.zeros_like(angles)
    for degree in range(60):
        characters = [np.sin((degree + 0.5) * angle) / np.sin(angle / 2) for angle in (first, angles)]
        density += math.exp(-degree * (degree + 1) * time / 4) * characters[0] * characters[1]
    law = stats.rv_histogram((density * (1 - np.cos(angles)), edges))
    return lambda c: law.sf(np.arccos(np.clip(c, -1, 1)))


@pytest.mark.slow
def test_angle_of_rotations() -> None:
    """SO(3) by conjugation, from the angle 2."""
    c, s = math.cos(2.0), math.sin(2.0)
    start = torch.tensor([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    quotient, law, rule = (
        GroupQuotient(RotationMatrices(3), Conjugation(SpecialOrthogonal(3))),
        class_angle(2.0, 0.5),
        Sharing(0.5),
    )
    for kind, motion in motions(quotient, rule).items():
        end = ends(motion, start, 1_800, 0.5, 16)
        found = p_values(0.5 * (end.diagonal(dim1=-2, dim2=-1).sum(-1) - 1), law)
        assert min(found) > THRESHOLD if kind == "projected" else max(found) < THRESHOLD
        rule.settle(kind)


def moments(x: Tensor) -> Tensor:
    """tr C^2 of C = x^T x, and the volume spanned by the first three points."""
    return torch.stack([((x.mT @ x) ** 2).sum((-2, -1)), torch.linalg.det(x[..., :3, :])], -1)


@pytest.mark.slow
def test_shapes_of_four_points_in_space() -> None:
    """Kendall's shapes in d = 3: invariants as of Brownian motion on S^8 itself, with ten times shorter steps."""
    space = PreShapes(4, 3)
    start, horizon, rule = space.random_point((), torch.Generator().manual_seed(1)), 0.1, Sharing(0.5)
    x, noise = start.expand(15_000, 4, 3).contiguous(), GeneratorNoise(torch.Generator().manual_seed(60))
    for _ in range(240):
        x = space.exp(math.sqrt(horizon / 240) * space.to_tangent(noise.normal(x), x), x)
    for kind, motion in motions(GroupQuotient(space, RotationAction(3)), rule).items():
        found = [two_sample(moments(each), moments(x)) for each in ends(motion, start, 2_500, horizon, 24)]
        assert min(found) > THRESHOLD if kind == "projected" else max(found) < THRESHOLD
        rule.settle(kind)
