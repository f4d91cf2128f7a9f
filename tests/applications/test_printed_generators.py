"""`quotient derive`: the printed generators, against differentiation of the invariants on the total space."""

import functools
import math
import re
from collections.abc import Callable

import numpy as np
import pytest
import sympy as sp
import torch
from sympy.parsing.sympy_parser import parse_expr
from torch import Tensor
from typer.testing import CliRunner, Result

from applications.cli import app
from groups import GroupAction, PhaseAction, RigidMotionAction, SpecialOrthogonal, Unitary, VectorAction
from quotient import ComplexEuclidean, Euclidean, GroupQuotient, PointClouds


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@functools.cache
def example_text(name: str) -> dict[str, str]:
    """What is printed of an example in the package, by label."""
    return printed(name)


def printed(target: str) -> dict[str, str]:
    done = run("derive", target)
    assert done.exit_code == 0, done.output
    rows = [line.partition(" = ") for line in done.stdout.splitlines() if " = " in line]
    return {label.strip(): value for label, _, value in rows}


def parse(generator: str, names: list[str]) -> tuple[sp.Matrix, sp.Matrix]:
    """a and b of 1/2 a_ij d_i d_j + b_i d_i, from its text."""
    text = re.sub(r"(^|[-+] )(?=d_)", r"\g<1>1 ", generator)
    text = re.sub(r" d_(\w+)\^2", r"*D_\1**2", text)
    text = re.sub(r" d_(\w+)", r"*D_\1", text)
    symbols = {name: sp.Symbol(name) for name in (*names, *(f"D_{name}" for name in names))}
    expression = sp.expand(parse_expr(text, local_dict=symbols))
    d = [symbols[f"D_{name}"] for name in names]
    drift = sp.Matrix([expression.coeff(k, 1).subs(dict.fromkeys(d, 0)) for k in d])
    return sp.hessian(expression, d), drift


def eigenvalues(x: Tensor) -> Tensor:
    """Of a Hermitian 2 x 2 matrix in orthonormal coordinates, the larger one first."""
    return torch.linalg.eigvalsh(hermitian(x)).flip(-1)


def hermitian(x: Tensor) -> Tensor:
    c, d = x[..., 2] / math.sqrt(2), (x[..., 3] if x.shape[-1] > 3 else torch.zeros_like(x[..., 2])) / math.sqrt(2)
    upper, lower = torch.complex(c, d), torch.complex(c, -d)
    first, second = (torch.complex(x[..., k], torch.zeros_like(c)) for k in (0, 1))
    return torch.stack([torch.stack([first, upper], -1), torch.stack([lower, second], -1)], -2)


class Conjugating(GroupAction):
    """Conjugation of Hermitian or symmetric 2 x 2 matrices in orthonormal coordinates."""

    def __init__(self, group: Unitary | SpecialOrthogonal) -> None:
        self.group = group

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        g = g if g.is_complex() else torch.complex(g, torch.zeros_like(g))
        m = g @ hermitian(x) @ g.mH
        off = math.sqrt(2) * torch.view_as_real(m[..., 0, 1].contiguous())
        diagonal = torch.stack([m[..., 0, 0].real, m[..., 1, 1].real], -1)
        return torch.cat([diagonal, off[..., : x.shape[-1] - 2]], -1)


def distances(x: Tensor) -> Tensor:
    points = x.reshape(3, 2)
    return torch.stack([(points[i] - points[j]).norm() for i, j in ((0, 1), (0, 2), (1, 2))])


def hopf(x: Tensor) -> Tensor:
    """Colatitude and longitude of a point of C^2, constant along rays."""
    z = torch.view_as_complex(x.reshape(2, 2))
    return torch.stack([2 * torch.atan2(z[0].abs(), z[1].abs()), torch.angle(z[0] * z[1].conj())])


CASES: dict[str, tuple[list[str], Callable[[Tensor], Tensor], GroupQuotient]] = {
    "plane_rotations": (
        ["r"],
        lambda x: x.norm().reshape(1),
        GroupQuotient(Euclidean(2), VectorAction(SpecialOrthogonal(2))),
    ),
    "hermitian_conjugation": (
        ["lambda_1", "lambda_2"],
        eigenvalues,
        GroupQuotient(Euclidean(4), Conjugating(Unitary(2))),
    ),
    "symmetric_conjugation": (
        ["lambda_1", "lambda_2"],
        eigenvalues,
        GroupQuotient(Euclidean(3), Conjugating(SpecialOrthogonal(2))),
    ),
    "hopf_fibration": (["theta", "phi"], hopf, GroupQuotient(ComplexEuclidean(2), PhaseAction())),
    "three_particles_in_the_plane": (
        ["r_12", "r_13", "r_23"],
        distances,
        GroupQuotient(PointClouds(3, 2), RigidMotionAction(2)),
    ),
}


SLOW = ("hermitian_conjugation", "three_particles_in_the_plane")


def measured(
    invariants: Callable[[Tensor], Tensor], quotient: GroupQuotient, x: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """a, and b of both processes, by differentiating the invariants on the flat total space twice."""
    jacobian = torch.func.jacrev(invariants)(x)
    laplacian = torch.einsum("kii->k", torch.func.jacfwd(torch.func.jacrev(invariants))(x))
    space = quotient.total_space
    point = torch.view_as_complex(x.reshape(-1, 2)) if isinstance(space, ComplexEuclidean) else x.reshape(space.shape)
    curvature = quotient.mean_curvature(point)
    curvature = (torch.view_as_real(curvature) if curvature.is_complex() else curvature).reshape(-1)
    return jacobian @ jacobian.T, laplacian / 2, laplacian / 2 + jacobian @ curvature / 2


@pytest.mark.parametrize(
    "example",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW else ()) for name in CASES],
)
def test_printed_generators_are_those_of_the_numeric_quotient(example: str) -> None:
    names, invariants, quotient = CASES[example]
    text = example_text(example)
    projected, intrinsic = (parse(text[f"{kind} generator"], names) for kind in ("projected", "intrinsic"))
    for seed in range(3):
        x = torch.randn(
            math.prod(quotient.total_space.shape) * (2 if isinstance(quotient.total_space, ComplexEuclidean) else 1),
            generator=torch.Generator().manual_seed(seed),
            dtype=torch.float64,
        )
        # functions constant along rays: the Laplacian of the unit sphere is that of the space
        x = x / x.norm() if example == "hopf_fibration" else x
        values = dict(zip(names, invariants(x).tolist(), strict=True))
        a, b, c = measured(invariants, quotient, x)
        for (diffusion, drift), expected in ((projected, b), (intrinsic, c)):
            numbers = [np.array(matrix.subs(values).evalf()).astype(float) for matrix in (diffusion, drift)]
            np.testing.assert_allclose(numbers[0], a, rtol=0, atol=1e-10 * (1 + float(a.abs().max())))
            np.testing.assert_allclose(numbers[1][:, 0], expected, rtol=0, atol=1e-10 * (1 + float(b.abs().max())))


def test_hopf_fibres_are_minimal() -> None:
    assert example_text("hopf_fibration")["mean curvature"] == "[0, 0, 0]"


@pytest.mark.parametrize(
    ("example", "beta"),
    [("symmetric_conjugation", 1), pytest.param("hermitian_conjugation", 2, marks=pytest.mark.slow)],
)
def test_eigenvalues_repel(example: str, beta: int) -> None:
    names = ["lambda_1", "lambda_2"]
    upper, lower = map(sp.Symbol, names)
    drift = parse(example_text(example)["projected generator"], names)[1]
    repulsion = sp.Rational(beta, 2) / (upper - lower)
    assert (drift - sp.Matrix([repulsion, -repulsion])).applyfunc(sp.simplify).is_zero_matrix
    assert parse(example_text(example)["intrinsic generator"], names)[1].is_zero_matrix


def test_latex_is_complete_and_says_the_same() -> None:
    done = run("derive", "symmetric_conjugation", "--latex")
    assert done.exit_code == 0
    assert done.stdout.count(r"\begin{align*}") == done.stdout.count(r"\end{align*}") == 2
    assert done.stdout.count("{") == done.stdout.count("}")
    repulsion = r"\frac{1}{2 \left(\lambda_{1} - \lambda_{2}\right)} \, "
    assert rf"+ {repulsion}\partial_{{\lambda_{{1}}}} - {repulsion}\partial_{{\lambda_{{2}}}}" in done.stdout
    for label in (r"\mathcal{L}_{\mathrm{projected}}", r"\mathcal{L}_{\mathrm{intrinsic}}", "H", "P", "P_V"):
        assert f"{label} &= " in done.stdout
