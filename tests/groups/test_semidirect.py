"""Semidirect products: against matrix groups, against isomorphic direct products, and against the laws."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from groups import (
    CyclicGroup,
    DirectProduct,
    Group,
    GroupAction,
    GroupError,
    MatrixGroup,
    PermutationAction,
    SemidirectProduct,
    SpecialEuclidean,
    SpecialOrthogonal,
    SymmetricGroup,
    Torus,
    Translations,
    Unitary,
    UnitQuaternions,
    VectorAction,
    quaternion_product,
)
from groups.check import check_action
from groups.claims import Verdict
from groups.laws import element_gap
from quotient import Euclidean

LIKE = torch.zeros((), dtype=torch.float64)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def draw(group: Group, seed: int, *batch: int) -> Tensor:
    return group.random(batch, torch.Generator().manual_seed(seed), LIKE)


def rigid(n: int) -> SemidirectProduct:
    turns = SpecialOrthogonal(n)
    return SemidirectProduct(Translations(n), turns, VectorAction(turns).act)


def stretch(h: Tensor, n: Tensor) -> Tensor:
    return h.exp() * n


def turn_by_multiples(order: int) -> Callable[[Tensor, Tensor], Tensor]:
    def act(h: Tensor, n: Tensor) -> Tensor:
        angle = 2 * math.pi * h.to(n.dtype) / order
        cosine, sine = torch.cos(angle), torch.sin(angle)
        return torch.stack([cosine * n[..., 0] - sine * n[..., 1], sine * n[..., 0] + cosine * n[..., 1]], -1)

    return act


def conjugate_permutation(h: Tensor, n: Tensor) -> Tensor:
    group = SymmetricGroup(3)
    return group.compose(group.compose(h, n), group.inverse(h))


def flip(h: Tensor, n: Tensor) -> Tensor:
    return torch.remainder(torch.where(h.unsqueeze(-1) == 0, n, -n), 2 * math.pi)


def permute(h: Tensor, n: Tensor) -> Tensor:
    return PermutationAction(3).act(h, n.unsqueeze(-1)).squeeze(-1)


def conjugate(h: Tensor, n: Tensor) -> Tensor:
    return h @ n @ h.mT


def phase_of_quaternion(h: Tensor, n: Tensor) -> Tensor:
    """Conjugation by exp(i a)."""
    unit = torch.cat([h.cos(), h.sin(), torch.zeros_like(h), torch.zeros_like(h)], -1)
    back = unit * torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=unit.dtype)
    return quaternion_product(quaternion_product(unit, n), back)


def dilate(h: Tensor, n: Tensor) -> Tensor:
    """Of SE(2) as R^2 x| SO(2), elements flattened."""
    return torch.cat([h.exp() * n[..., :2], n[..., 2:].expand(*(h * n[..., :1]).shape[:-1], 4)], -1)


def heisenberg_dilation(h: Tensor, n: Tensor) -> Tensor:
    """(x, y, z) -> (s x, s y, s^2 z) by conjugation with diag(s, 1, 1 / s)."""
    scale = torch.cat([h, torch.zeros_like(h), -h], -1).exp()
    return scale.unsqueeze(-1) * n / scale.unsqueeze(-2)


def unit_matrix(n: int, i: int, j: int) -> Tensor:
    matrix = torch.zeros(n, n, dtype=torch.float64)
    matrix[i, j] = 1.0
    return matrix


HEISENBERG = MatrixGroup([unit_matrix(3, 0, 1), unit_matrix(3, 1, 2)])
ROTATIONS = SpecialOrthogonal(3)
GROUPS: dict[str, SemidirectProduct] = {
    "SE(2)": rigid(2),
    "SE(3)": rigid(3),
    "affine line": SemidirectProduct(Translations(1), Translations(1), stretch),
    "plane and its turns by 60 degrees": SemidirectProduct(Translations(2), CyclicGroup(6), turn_by_multiples(6)),
    "O(2)": SemidirectProduct(Torus(1), CyclicGroup(2), flip),
    "lattice and permutations": SemidirectProduct(Torus(3), SymmetricGroup(3), permute),
    "S_3 twice": SemidirectProduct(SymmetricGroup(3), SymmetricGroup(3), conjugate_permutation),
    "SO(3) by SO(3)": SemidirectProduct(ROTATIONS, ROTATIONS, conjugate),
    "quaternions and phases": SemidirectProduct(UnitQuaternions(), Torus(1), phase_of_quaternion),
    "similarities of the plane": SemidirectProduct(rigid(2), Translations(1), dilate),
    "Heisenberg and dilations": SemidirectProduct(HEISENBERG, Translations(1), heisenberg_dilation),
    "translations of complex kind": SemidirectProduct(
        Unitary(2), CyclicGroup(2), lambda h, n: torch.where(h[..., None, None] == 0, n, n.conj())
    ),
}
CLAIMS = {  # compact, connected, unimodular
    "SE(2)": (False, True, True),
    "SE(3)": (False, True, True),
    "affine line": (False, True, False),
    "plane and its turns by 60 degrees": (False, False, True),
    "O(2)": (True, False, True),
    "lattice and permutations": (True, False, True),
    "S_3 twice": (True, False, True),
    "SO(3) by SO(3)": (True, True, True),
    "quaternions and phases": (True, True, True),
    "similarities of the plane": (False, True, False),
    "Heisenberg and dilations": (False, True, False),
    "translations of complex kind": (True, False, True),
}


class Trivial(GroupAction):
    """Any group acts trivially: the laws of the group remain."""

    def __init__(self, group: Group) -> None:
        self.group = group

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x + 0.0 * g.real.sum(-1, keepdim=True)


@pytest.mark.parametrize("name", list(GROUPS))
def test_group_laws(name: str) -> None:
    group = GROUPS[name]
    assert (group.compact, group.connected, group.unimodular) == CLAIMS[name]
    report = check_action(Trivial(group), Euclidean(2), n=2)
    assert report.ok, str(report)
    assert report.result("group: associative").verdict is Verdict.HOLDS
    if group.dim:
        assert report.result("group: bracket = derivative of Ad").verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", list(GROUPS))
def test_structure_constants_satisfy_jacobi(name: str) -> None:
    c = GROUPS[name].structure_constants
    assert c.shape == (GROUPS[name].dim,) * 3
    jacobi = torch.einsum("abk,kcl->abcl", c, c)
    cyclic = jacobi + jacobi.permute(1, 2, 0, 3) + jacobi.permute(2, 0, 1, 3)
    assert (cyclic.abs() < 1e-12).all()
    assert ((c + c.transpose(0, 1)).abs() < 1e-13).all()


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("size", [1e-8, 1e-3, 1.0, 30.0])
def test_rigid_motions_are_those_of_homogeneous_matrices(n: int, size: float) -> None:
    ours, theirs = rigid(n), SpecialEuclidean(n)

    def matrix(element: Tensor) -> Tensor:
        translation, rotation = ours.split(element)
        return theirs.assemble(rotation, translation)

    c = size * normal(0, 7, ours.dim)
    reordered = torch.cat([c[..., n:], c[..., :n]], -1)
    scale = 1 + size
    torch.testing.assert_close(matrix(ours.exp(c)), theirs.exp(reordered), rtol=0, atol=1e-13 * scale)
    g, h = draw(ours, 1, 5, 1), draw(ours, 2, 6)
    torch.testing.assert_close(matrix(ours.compose(g, h)), matrix(g) @ matrix(h), rtol=0, atol=1e-13)
    torch.testing.assert_close(matrix(ours.inverse(g)), torch.linalg.inv(matrix(g)), rtol=0, atol=1e-12)
    turned = torch.cat([torch.arange(n, ours.dim), torch.arange(n)])
    expected = theirs.structure_constants[turned.argsort()][:, turned.argsort()][:, :, turned.argsort()]
    torch.testing.assert_close(ours.structure_constants, expected, rtol=0, atol=1e-13)


def test_product_of_exponentials_is_not_the_exponential() -> None:
    """Negative control: what a direct product does is wrong here, by much."""
    group = rigid(3)
    c = normal(0, 7, 6)
    naive = group.join([group.normal.exp(c[..., :3]), group.acting.exp(c[..., 3:])])
    assert ((group.exp(c) - naive).abs().amax(-1) > 1e-2).all()


@pytest.mark.parametrize("size", [1e-8, 0.05, 1.0, 30.0, 1e3])
def test_exponential_of_a_product_that_is_direct_in_disguise(size: float) -> None:
    """(n, h) -> (n h, h) maps SO(3) x| SO(3), by conjugation, to SO(3) x SO(3): n(1) = exp(X + A) exp(-A)."""
    group = GROUPS["SO(3) by SO(3)"]
    c = size * normal(1, 9, 6)
    n, h = group.split(group.exp(c))
    x, a = c.split(3, -1)
    expected = ROTATIONS.exp(x + a) @ ROTATIONS.exp(-a)
    torch.testing.assert_close(n, expected, rtol=0, atol=5e-15 * (1 + 40 * size))
    torch.testing.assert_close(h, ROTATIONS.exp(a), rtol=0, atol=1e-15)


@pytest.mark.parametrize("size", [1e-3, 1.0, 4.0])
def test_exponential_of_similarities_and_of_dilated_heisenberg_elements(size: float) -> None:
    """Both are groups of matrices as a whole, whose exponential is that of the matrices."""
    plane = GROUPS["similarities of the plane"]
    c = size * normal(2, 9, 4)
    n, scale = plane.split(plane.exp(c))
    move, angle, growth = c[..., :2], c[..., 2], c[..., 3]
    zero = torch.zeros_like(angle)
    rows = [[growth, -angle, move[..., 0]], [angle, growth, move[..., 1]], [zero, zero, zero]]
    expected = torch.matrix_exp(torch.stack([torch.stack(row, -1) for row in rows], -2))
    ours = torch.cat([scale.exp().unsqueeze(-1) * n[..., 2:].unflatten(-1, (2, 2)), n[..., :2].unsqueeze(-1)], -1)
    # the sign of the angle is that of the first basis rotation
    sign = torch.sign(SpecialOrthogonal(2).basis[0, 1, 0])
    assert float(sign) == 1.0
    bound = 1e-13 * (1 + expected.abs().amax((-2, -1), keepdim=True)) * (1 + size)
    assert ((ours - expected[..., :2, :]).abs() <= bound).all()

    dilated = GROUPS["Heisenberg and dilations"]
    c = size * normal(3, 9, 4)
    n, h = dilated.split(dilated.exp(c))
    algebra = torch.einsum("...a,aij->...ij", c[..., :3], HEISENBERG.basis)
    weights = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64)
    whole = torch.matrix_exp(algebra + torch.diag_embed(c[..., 3:] * weights))
    product = n * (h * weights).exp().unsqueeze(-2)
    bound = 1e-13 * (1 + whole.abs().amax((-2, -1), keepdim=True)) ** 2 * (1 + size)
    assert ((product - whole).abs() <= bound).all()


@pytest.mark.parametrize("name", ["SE(3)", "SO(3) by SO(3)", "quaternions and phases", "Heisenberg and dilations"])
def test_exponential_starts_along_the_basis_and_is_differentiable(name: str) -> None:
    group = GROUPS[name]
    zero = torch.zeros(group.dim, dtype=torch.float64)
    rows = torch.eye(group.dim, dtype=torch.float64)
    slopes = torch.stack([torch.func.jvp(group.exp, (zero,), (row,))[1] for row in rows])
    torch.testing.assert_close(slopes, group.basis, rtol=0, atol=1e-14)
    assert torch.autograd.gradcheck(group.exp, (normal(4, 2, group.dim).requires_grad_(),))
    assert group.exp(normal(5, 2, 3, group.dim).to(torch.float32)).dtype == torch.float32
    assert group.exp(torch.zeros(0, group.dim, dtype=torch.float64)).shape == (0, *group.shape)
    gap = element_gap(group, group.exp(zero), group.identity(zero))
    assert float(gap) < 1e-15


def test_the_affine_line_has_its_known_exponential_and_modulus() -> None:
    group = GROUPS["affine line"]
    x, a = normal(6, 2, 9)
    n, h = group.split(group.exp(torch.stack([x, a], -1)))
    torch.testing.assert_close(n[..., 0], x * torch.expm1(a) / a)
    torch.testing.assert_close(h[..., 0], a)
    assert torch.equal(group.structure_constants[1, 0], torch.tensor([1.0, 0.0], dtype=torch.float64))
    with pytest.raises(GroupError, match="not compact, its volume is infinite"):
        _ = group.log_haar_volume


def test_unimodularity_is_lost_and_regained() -> None:
    """R^2 with the dilation diag(e^s, e^-s) is unimodular; the affine line acting by its modulus is not, and is."""
    weights = torch.tensor([1.0, -1.0], dtype=torch.float64)
    hyperbolic = SemidirectProduct(Translations(2), Translations(1), lambda h, n: (h * weights).exp() * n)
    assert hyperbolic.unimodular
    affine = GROUPS["affine line"]
    compensated = SemidirectProduct(Translations(1), affine, lambda h, n: (-h[..., 1:]).exp() * n)
    assert (affine.unimodular, compensated.unimodular) == (False, True)


def test_finite_factors_keep_their_integers() -> None:
    group = DirectProduct(SymmetricGroup(3), SpecialOrthogonal(2))
    g = draw(group, 0, 5)
    order, rotation = group.split(g)
    assert g.dtype == torch.float64
    assert order.dtype == torch.int64
    assert torch.equal(group.join([order, rotation]), g)
    assert group.split(group.identity(torch.zeros((), dtype=torch.float32)))[1].dtype == torch.float32


def test_what_is_no_action_by_automorphisms_is_refused() -> None:
    turns = SpecialOrthogonal(2)
    act = VectorAction(turns).act
    with pytest.raises(GroupError, match=r"phi_\(g h\)\(n\) = phi_g\(phi_h\(n\)\), got residual .* left action"):
        SemidirectProduct(Translations(3), ROTATIONS, lambda h, n: VectorAction(ROTATIONS).act(h.mT, n))
    with pytest.raises(GroupError, match=r"phi_h\(m n\) = phi_h\(m\) phi_h\(n\)"):
        SemidirectProduct(Translations(2), turns, lambda h, n: act(h, n) + 1.0)
    with pytest.raises(GroupError, match="keep the shape of n"):
        SemidirectProduct(Translations(2), turns, lambda h, n: act(h, n).sum(-1))
