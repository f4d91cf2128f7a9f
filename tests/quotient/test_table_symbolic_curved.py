"""Curved rows of the table derived as formulas, against the numeric route at random points of the same spaces."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalIterable=false, reportGeneralTypeIssues=false

from __future__ import annotations

import sympy as sp
import torch
from torch import Tensor

from groups import (
    MatrixGroup,
    PeriodicTranslationAction,
    RightMultiplication,
    SpecialOrthogonal,
)
from quotient import (
    Euclidean,
    GroupQuotient,
    PeriodicClouds,
    RotationMatrices,
    Stiefel,
)
from quotient.symbolic import SymbolicAction, examples
from tests.quotient.test_table_conformal import Cylinder, Rescaling, similarities
from tests.quotient.test_table_curved import ROWS as CURVED
from tests.quotient.test_table_curved import diagonal_congruence, pre_shapes
from tests.quotient.test_table_frames import angle, block, class_angles
from tests.quotient.test_table_phases import circles_of_states
from tests.quotient.test_table_symbolic import Case, assert_formulas, assert_generators, each, symmetric


def planes_in_space() -> SymbolicAction:
    """Orthonormal pairs in R^3 modulo SO(2), in the angles above: the unit sphere of normals g e_3."""
    base = examples.rotations_modulo_an_axis()
    beta = base.coordinates[1]
    along = sp.Matrix([sp.cos(beta), 0, 1])
    normals = sp.diag(sp.sin(beta) ** 2, 1, 0)
    return SymbolicAction(
        base.coordinates,
        base.parameters,
        base.image,
        metric=normals + 2 * along * along.T,
        invariants=base.invariants,
        section=base.section,
    )


def particles_on_a_circle() -> SymbolicAction:
    """Three particles on a circle of length two modulo translations."""
    s, shift = sp.symbols("s_1:4", real=True), sp.Symbol("t", real=True)
    u, w = sp.symbols("u w", real=True)
    return SymbolicAction(
        s,
        (shift,),
        [entry + shift for entry in s],
        metric=4 * sp.eye(3),
        invariants={u: s[0] - s[1], w: s[1] - s[2]},
        section=(u, 0, -w),
    )


def plane_rescaling() -> SymbolicAction:
    """R^2 without the origin, metric |x|^-2 dx^2, modulo rescaling: Brownian motion of the angle."""
    x, y, phi = sp.symbols("x y phi", real=True)
    scale = sp.Symbol("s", positive=True)
    return SymbolicAction(
        (x, y),
        (scale,),
        (scale * x, scale * y),
        identity=(1,),
        metric=sp.eye(2) / (x**2 + y**2),
        invariants={phi: sp.atan2(y, x)},
        section=(sp.cos(phi), sp.sin(phi)),
    )


def triangle_similarities() -> SymbolicAction:
    """Triangles modulo similarities: Jacobi vectors r (sin(eta) e^(i xi_1), cos(eta) e^(i xi_2)) in C^2."""
    base = examples.hopf_fibration()
    r, scale = sp.symbols("r s", positive=True)
    return SymbolicAction(
        (r, *base.coordinates),
        (scale, *base.parameters),
        (scale * r, *base.image),
        identity=(1, 0),
        metric=sp.diag(1 / r**2, base.metric),
        invariants=base.invariants,
        section=(1, *base.section),
    )


def spinor(q: Tensor) -> Tensor:
    """(sin(eta) e^(i xi_1), cos(eta) e^(i xi_2))."""
    eta, one, two = q.unbind(-1)
    return torch.stack([torch.polar(torch.sin(eta), one), torch.polar(torch.cos(eta), two)], -1)


def latitude_longitude(z: Tensor) -> Tensor:
    return torch.stack([2 * torch.atan2(z[..., 0].abs(), z[..., 1].abs()), (z[..., 0] * z[..., 1].conj()).angle()], -1)


JACOBI = torch.tensor([[0.5**0.5, -(0.5**0.5), 0.0], [6**-0.5, 6**-0.5, -2 * 6**-0.5]], dtype=torch.float64)


def triangle(z: Tensor) -> Tensor:
    return JACOBI.mT @ torch.view_as_real(z)


def jacobi(x: Tensor) -> Tensor:
    return torch.view_as_complex((JACOBI @ x).contiguous())


def euler(q: Tensor) -> Tensor:
    """R_3(alpha) R_2(theta) R_3(gamma)."""
    basis = torch.stack([block(3, range(2))[0].mT, torch.tensor([[0.0, 0, 1], [0, 0, 0], [-1, 0, 0]]).double()])
    three, two = basis.unbind(0)
    alpha, beta, gamma = (angle_[..., None, None] for angle_ in q.unbind(-1))
    return torch.matrix_exp(alpha * three) @ torch.matrix_exp(beta * two) @ torch.matrix_exp(gamma * three)


def direction(n: Tensor) -> Tensor:
    """Polar angle and longitude of a unit vector."""
    across = torch.linalg.vector_norm(n[..., :2], dim=-1)
    return torch.stack([torch.atan2(across, n[..., 2]), torch.atan2(n[..., 1], n[..., 0])], -1)


def rodrigues(q: Tensor) -> Tensor:
    """Cayley transform: the rotation by 2 atan |b| about b."""
    cross = torch.linalg.cross(q.unsqueeze(-2).expand(*q.shape, 3), torch.eye(3, dtype=q.dtype).expand(*q.shape, 3)).mT
    eye = torch.eye(3, dtype=q.dtype)
    return torch.linalg.solve(eye - cross, eye + cross)


def covariance(q: Tensor) -> Tensor:
    u, v, rho = q.unbind(-1)
    return symmetric(torch.stack([torch.exp(2 * u), torch.exp(2 * v), rho * torch.exp(u + v)], -1))


def correlation(s: Tensor) -> Tensor:
    return (s[..., 0, 1] / (s[..., 0, 0] * s[..., 1, 1]).sqrt()).unsqueeze(-1)


AROUND_3 = MatrixGroup(list(block(3, range(2))))
FRAMES = GroupQuotient(RotationMatrices(3), RightMultiplication(AROUND_3))
PLANES = GroupQuotient(Stiefel(3, 2), RightMultiplication(SpecialOrthogonal(2)))
LINE = GroupQuotient(PeriodicClouds(3, torch.tensor([[2.0]])), PeriodicTranslationAction(1))
CASES = {
    "5, 6": Case(examples.hopf_fibration, circles_of_states(1).quotient, spinor, latitude_longitude),
    "7a": Case(examples.rotations_modulo_an_axis, FRAMES, euler, lambda g: direction(g[..., 2])),
    "7b": Case(
        planes_in_space,
        PLANES,
        lambda q: euler(q)[..., :2],
        lambda q: direction(torch.linalg.cross(q[..., 0], q[..., 1])),
        slow=True,
    ),
    "10": Case(
        examples.hopf_fibration,
        pre_shapes(3, 2).quotient,
        lambda q: triangle(spinor(q)),
        lambda x: latitude_longitude(jacobi(x)),
    ),
    "13": Case(
        particles_on_a_circle,
        LINE,
        lambda q: q.unsqueeze(-1),
        lambda s: -s.squeeze(-1).diff(dim=-1),
    ),
    "14a": Case(
        plane_rescaling,
        GroupQuotient(Cylinder(Euclidean(2)), Rescaling()),
        torch.clone,
        lambda x: torch.atan2(x[..., 1:], x[..., :1]),
    ),
    "14b": Case(
        triangle_similarities,
        similarities(3, 2).quotient,
        lambda q: triangle(q[..., :1] * spinor(q[..., 1:])),
        lambda x: latitude_longitude(jacobi(x)),
    ),
    "16": Case(examples.correlations, diagonal_congruence(2).quotient, covariance, correlation),
    "17a": Case(
        examples.half_plane_translations, CURVED["17a: horocycles"].quotient, torch.clone, lambda p: p[..., 1:].log()
    ),
    "17b": Case(examples.half_plane_affine, CURVED["17b: half plane"].quotient, torch.clone, None),
    "18": Case(examples.rotation_classes, class_angles().quotient, rodrigues, angle, factor=2.0, slow=True),
}


@each(CASES)
def test_formulas(case: Case) -> None:
    assert_formulas(case)


@each({name: case for name, case in CASES.items() if case.invariants is not None})
def test_generators(case: Case) -> None:
    assert_generators(case)
