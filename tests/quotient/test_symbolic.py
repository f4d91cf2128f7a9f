"""Symbolic derivation: against the numeric route at random points, and against the known generators."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy as sp
import torch
import typer
from torch import Tensor
from typer.testing import CliRunner

from applications._cli_derive import derive as command
from groups import GroupAction, PhaseAction, RigidMotionAction, SpecialOrthogonal
from quotient import ClaimError, ComplexEuclidean, Euclidean, GroupQuotient, PointClouds, PointShapeError
from quotient.symbolic import Derivation, ProcessGenerator, SymbolicAction, SymbolicError, derive, examples


class VectorRotation(GroupAction):
    def __init__(self, n: int) -> None:
        self.group = SpecialOrthogonal(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


class SymmetricConjugation(GroupAction):
    """Conjugation in the orthonormal coordinates (a, b, sqrt(2) c)."""

    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        a, b, c = x[..., 0], x[..., 1], x[..., 2] / 2**0.5
        m = g @ torch.stack([torch.stack([a, c], -1), torch.stack([c, b], -1)], -2) @ g.mT
        return torch.stack([m[..., 0, 0], m[..., 1, 1], 2**0.5 * m[..., 0, 1]], -1)


def scaled_symmetric() -> SymbolicAction:
    a, b, c = sp.symbols("a b c", real=True)
    return SymbolicAction((a, b, c), generators=sp.Matrix([-c, c, a - b]) * sp.sqrt(2))


def to_point(x: Tensor, quotient: GroupQuotient) -> Tensor:
    if isinstance(quotient.total_space, ComplexEuclidean):
        return torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return x.reshape(*x.shape[:-1], *quotient.total_space.shape)


def to_coordinates(x: Tensor, like: Tensor) -> Tensor:
    return (torch.view_as_real(x) if x.is_complex() else x).reshape(like.shape)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@functools.cache
def derivation(example: Callable[[], SymbolicAction]) -> Derivation:
    return derive(example())


@functools.cache
def process(example: Callable[[], SymbolicAction]) -> ProcessGenerator:
    action = example()
    assert action.invariants is not None
    return derivation(example).generator(action.invariants, section=action.section)


NUMERIC: dict[str, tuple[Callable[[], SymbolicAction], GroupQuotient]] = {
    "plane": (examples.plane_rotations, GroupQuotient(Euclidean(2), VectorRotation(2))),
    "space": (examples.space_rotations, GroupQuotient(Euclidean(3), VectorRotation(3))),
    "phases": (examples.spinor_phases, GroupQuotient(ComplexEuclidean(2), PhaseAction())),
    "symmetric": (scaled_symmetric, GroupQuotient(Euclidean(3), SymmetricConjugation())),
    "clouds": (examples.three_particles_in_the_plane, GroupQuotient(PointClouds(3, 2), RigidMotionAction(2))),
}


@pytest.mark.parametrize(
    "name", ["plane", "space", "phases", "symmetric", pytest.param("clouds", marks=pytest.mark.slow)]
)
def test_formulas_equal_the_numeric_route(name: str) -> None:
    example, quotient = NUMERIC[name]
    formulas = derivation(example).torch()
    x, v = (normal(seed, 2, 3, len(derivation(example).coordinates)) for seed in (0, 1))
    close = functools.partial(torch.testing.assert_close, rtol=0, atol=1e-9)
    point = to_point(x, quotient)
    close(formulas.mean_curvature(x), to_coordinates(quotient.mean_curvature(point), x))
    for ours, theirs in (
        (formulas.horizontal_projector, quotient.horizontal_projection),
        (formulas.vertical_projector, quotient.vertical_projection),
    ):
        part = theirs(to_point(v, quotient), point)
        close((ours(x) @ v.unsqueeze(-1)).squeeze(-1), to_coordinates(part, x))
    offset = formulas.log_orbit_volume(x) - quotient.log_orbit_volume(point)
    close(offset, offset[:1, :1].expand_as(offset))
    close(torch.linalg.eigvalsh(formulas.gram(x)), torch.linalg.eigvalsh(quotient.gram(point)))


def test_stabilisers() -> None:
    found = derivation(examples.hermitian_conjugation)
    assert (found.orbit_dimension, found.stabilizer_dimension) == (2, 2)
    assert found.volume_is_invariant
    space = derivation(examples.space_rotations)
    assert space.vertical_basis.shape == (3, 2)
    assert sp.simplify(space.orbit_volume - sum(x**2 for x in space.coordinates)) == 0


def test_stabilizer_form_restores_the_invariant_volume() -> None:
    """Generators of SO(3) in a basis that is not orthonormal for the Ad-invariant form."""
    action = examples.space_rotations()
    change = sp.Matrix([[1, 0, 0], [1, 2, 0], [0, 1, 3]])
    fields = action.chart.generators * change
    naive = derive(action.coordinates, generators=fields)
    right = derive(action.coordinates, generators=fields, stabilizer_form=change.T * change)
    assert not naive.volume_is_invariant
    assert right.volume_is_invariant
    assert (naive.mean_curvature - derivation(examples.space_rotations).mean_curvature).applyfunc(
        sp.simplify
    ) == sp.zeros(3, 1)
    assert "not invariant" in str(naive)


def test_half_plane() -> None:
    horocycles = derivation(examples.half_plane_translations)
    y = horocycles.coordinates[1]
    assert horocycles.mean_curvature.flat() == [0, y]
    assert horocycles.orbit_volume == 1 / y
    t = process(examples.half_plane_translations)
    assert t.drift.flat() == [sp.Rational(-1, 2)]
    assert t.intrinsic_drift.flat() == [0]
    affine = derivation(examples.half_plane_affine)
    assert affine.mean_curvature == sp.zeros(2, 1)
    assert affine.orbit_volume == 1 / y
    assert not affine.volume_is_invariant
    assert affine.horizontal_projector == sp.zeros(2, 2)


def test_hopf_fibration() -> None:
    assert derivation(examples.hopf_fibration).mean_curvature == sp.zeros(3, 1)
    sphere = process(examples.hopf_fibration)
    theta, _ = sphere.names
    expected = [4, 0, 0, 4 / sp.sin(theta) ** 2]
    assert [sp.simplify(a - b) for a, b in zip(sphere.diffusion.flat(), expected, strict=True)] == [0] * 4
    assert sp.simplify(sphere.drift[0] - 2 * sp.cot(theta)) == 0
    assert sphere.intrinsic_drift == sphere.drift


@pytest.mark.parametrize(("example", "dimension"), [(examples.plane_rotations, 2), (examples.space_rotations, 3)])
def test_bessel_and_reflecting_generators(example: Callable[[], SymbolicAction], dimension: int) -> None:
    radial = process(example)
    r = radial.names[0]
    assert radial.diffusion.flat() == [1]
    assert radial.drift.flat() == [sp.Rational(dimension - 1, 2) / r]
    assert radial.intrinsic_drift.flat() == [0]
    assert radial.orbit_volume == r ** (dimension - 1)


@pytest.mark.parametrize(
    ("example", "beta"), [(examples.symmetric_conjugation, 1), (examples.hermitian_conjugation, 2)]
)
def test_dyson_generators(example: Callable[[], SymbolicAction], beta: int) -> None:
    eigenvalues = process(example)
    upper, lower = eigenvalues.names
    repulsion = sp.Rational(beta, 2) / (upper - lower)
    assert eigenvalues.diffusion == sp.eye(2)
    assert (eigenvalues.drift - sp.Matrix([repulsion, -repulsion])).applyfunc(sp.simplify) == sp.zeros(2, 1)
    assert eigenvalues.intrinsic_drift == sp.zeros(2, 1)
    functions = eigenvalues.torch()
    q = torch.tensor([[3.0, 1.0], [0.5, -0.5]], dtype=torch.float64)
    torch.testing.assert_close(functions.drift(q), beta / 2 / (q[:, :1] - q[:, 1:]) * torch.tensor([1.0, -1.0]))
    assert functions.diffusion(q).shape == (2, 2, 2)


@pytest.mark.slow
def test_cone_over_the_bloch_sphere() -> None:
    bloch = process(examples.spinor_phases)
    norm = sp.sqrt(sum(n**2 for n in bloch.names))
    assert (bloch.diffusion - 4 * norm * sp.eye(3)).applyfunc(sp.simplify) == sp.zeros(3, 3)
    assert bloch.drift == sp.zeros(3, 1)
    assert (bloch.intrinsic_drift + sp.Matrix(bloch.names) / norm).applyfunc(sp.simplify) == sp.zeros(3, 1)


@pytest.mark.slow
def test_three_particles_in_the_plane() -> None:
    sides = process(examples.three_particles_in_the_plane)
    r12, r13, r23 = sides.names
    assert [sp.simplify(b - 1 / r) for b, r in zip(sides.drift.flat(), sides.names, strict=True)] == [0, 0, 0]
    assert sp.simplify(sides.diffusion[0, 1] - (r12**2 + r13**2 - r23**2) / (2 * r12 * r13)) == 0
    total = r12**2 + r13**2 + r23**2
    assert [sp.simplify(c + 3 * r / total) for c, r in zip(sides.curvature.flat(), sides.names, strict=True)] == [
        0,
        0,
        0,
    ]


@pytest.mark.slow
def test_three_particles_in_their_inertia_frame() -> None:
    shapes = process(examples.three_particles_in_space)
    one, two, _ = shapes.names
    assert shapes.gram == sp.diag(two**2, one**2, one**2 + two**2)
    assert sp.simplify(shapes.orbit_volume - one * two * sp.sqrt(one**2 + two**2)) == 0
    # H = -(tr(J^-1) 1 - J^-1) x
    inverse = shapes.gram.inv()
    jacobi = sp.Matrix(2, 3, shapes.section.flat())
    expected = -(jacobi * (inverse.trace() * sp.eye(3) - inverse)).reshape(6, 1)
    assert (shapes.mean_curvature - expected).applyfunc(sp.simplify) == sp.zeros(6, 1)
    assert sp.simplify(shapes.diffusion[2, 2] - (one**2 + two**2) / (one**2 - two**2) ** 2) == 0
    assert shapes.drift.free_symbols == {one, two}


def test_section_is_found_or_asked_for() -> None:
    action = examples.plane_rotations()
    found = derivation(examples.plane_rotations)
    assert action.invariants is not None
    assert found.generator(action.invariants).drift == process(examples.plane_rotations).drift
    x, y = found.coordinates
    unnamed = found.generator([x**2 + y**2])
    assert unnamed.drift.flat() == [2]
    assert sp.simplify(unnamed.diffusion[0] - 4 * (x**2 + y**2)) == 0
    clouds = examples.three_particles_in_the_plane()
    assert clouds.invariants is not None
    with pytest.raises(SymbolicError, match="give section="):
        derivation(examples.three_particles_in_the_plane).generator(clouds.invariants)


def test_wrong_input_is_refused() -> None:
    x, y = sp.symbols("x y", real=True)
    z, q = sp.Symbol("z"), sp.Symbol("q", real=True)
    rotation = sp.Matrix([-y, x])
    found = derive((x, y), generators=rotation)
    with pytest.raises(ClaimError, match="no Killing field"):
        derive((x, y), generators=sp.Matrix([x, y]))
    with pytest.raises(SymbolicError, match="brackets"):
        derive((x, y, q), generators=sp.Matrix([[-y, 1], [x, 0], [1, 0]]))
    with pytest.raises(SymbolicError, match="real symbols"):
        derive((x, z), generators=rotation)
    with pytest.raises(SymbolicError, match="not positive definite"):
        derive((x, y), generators=rotation, metric=sp.diag(1, -1))
    with pytest.raises(SymbolicError, match="at the identity is not x"):
        derive((x, y), (q,), (x + q + 1, y))
    with pytest.raises(SymbolicError, match="either the image"):
        derive((x, y))
    with pytest.raises(SymbolicError, match="not invariant"):
        found.generator({q: x})
    with pytest.raises(SymbolicError, match="correct it"):
        found.generator({q: sp.sqrt(x**2 + y**2)}, section=(q + 1, 0))
    with pytest.raises(PointShapeError, match="x, y"):
        found.torch().gram(torch.zeros(3))


def test_drift_that_is_no_function_of_the_invariants_is_found() -> None:
    """The largest eigenvalue alone is no Markov process."""
    action = examples.symmetric_conjugation()
    assert action.invariants is not None
    upper, value = next(iter(action.invariants.items()))
    with pytest.raises(SymbolicError, match="no function of lambda_1"):
        derivation(examples.symmetric_conjugation).generator({upper: value}, section=(upper, upper - 1, 0))


def test_float32_and_gradients() -> None:
    formulas = derivation(examples.plane_rotations).torch()
    assert formulas.mean_curvature(torch.ones(3, 2)).dtype == torch.float32
    assert torch.autograd.gradcheck(formulas.mean_curvature, (normal(2, 4, 2).requires_grad_(),))
    assert formulas.mean_curvature(torch.zeros(0, 2)).shape == (0, 2)


def test_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = typer.Typer()
    app.command()(command)
    runner = CliRunner()
    (tmp_path / "my_derived_action.py").write_text(
        "from sympy import Matrix, sqrt, symbols\n"
        "from quotient.symbolic import SymbolicAction\n"
        "x, y = symbols('x y', real=True)\n"
        "r = symbols('r', positive=True)\n"
        "turn = SymbolicAction((x, y), generators=Matrix([-y, x]), invariants={r: sqrt(x**2 + y**2)})\n"
        "number = 3\n"
    )
    (tmp_path / "my_broken_action.py").write_text("1 / 0\n")
    monkeypatch.chdir(tmp_path)
    text = runner.invoke(app, ["my_derived_action:turn"])
    assert text.exit_code == 0, text.output
    assert "1/2 d_r^2 + 1/(2*r) d_r" in text.stdout
    latex = runner.invoke(app, ["plane_rotations", "--latex"])
    assert r"\frac{1}{2} \, \partial_{r}^{2} + \frac{1}{2 r} \, \partial_{r}" in latex.stdout
    assert latex.stdout.count(r"\begin{align*}") == latex.stdout.count(r"\end{align*}") == 2
    for target, message in {
        "my_derived_action:number": "is a int, expected",
        "my_derived_action:missing": "has no 'missing'",
        "my_broken_action:x": "ZeroDivisionError",
        "no_such_module:x": "cannot be imported",
        "nothing": "hopf_fibration",
        ":": "expected module:object",
    }.items():
        result = runner.invoke(app, [target])
        assert result.exit_code == 1
        assert message in result.stderr
        assert len(result.stderr.strip().splitlines()) == 1
