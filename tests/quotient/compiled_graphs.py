"""What must hold of projections in graphs of torch.compile; one process for each check."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.autograd import forward_ad

from quotient import ShapeSpace

DTYPES = [(torch.float64, 1e-12), (torch.float32, 1e-6)]


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def both(n: int, mask: Tensor | None = None) -> tuple[ShapeSpace, ShapeSpace]:
    return ShapeSpace(n, 3, mask=mask), ShapeSpace(n, 3, mask=mask, native=False)


def compiled(function: Callable[..., Tensor], *, whole: bool = True) -> Callable[..., Tensor]:
    torch.compiler.reset()
    return torch.compile(function, backend="aot_eager", fullgraph=whole)


def graphs_hold_the_kernels_as_single_nodes() -> None:
    for dtype, tolerance in DTYPES:
        _check_nodes(dtype, tolerance)


def _check_nodes(dtype: torch.dtype, tolerance: float) -> None:
    x, v = normal(2, 1, 5, 3, dtype=dtype), normal(4, 5, 3, seed=1, dtype=dtype)
    x[1, :, :, 1:] = 0
    mask = torch.tensor([[True] * 5, [True] * 4 + [False]])[:, None]
    fast, slow = both(5, mask)
    want = slow.horizontal_projection(v, x)
    torch.testing.assert_close(compiled(fast.horizontal_projection)(v, x), want, rtol=tolerance, atol=10 * tolerance)
    torch.testing.assert_close(
        compiled(fast.mean_curvature)(x[:, 0]), slow.mean_curvature(x[:, 0]), rtol=tolerance, atol=10 * tolerance
    )
    graphs = []
    torch.compiler.reset()
    torch.compile(
        lambda v, x: fast.mean_curvature(x) + fast.horizontal_projection(v, x),
        backend=lambda graph, _: graphs.append(graph) or graph.forward,
    )(v, x)
    targets = {str(node.target) for graph in graphs for node in graph.graph.nodes}
    assert {"quotient.rigid_horizontal", "quotient.rigid_mean_curvature"} <= {
        name.removesuffix(".default") for name in targets
    }


def the_nodes_are_sound_operators() -> None:
    x, v = normal(2, 1, 5, 3), normal(4, 5, 3, seed=1)
    mask = torch.tensor([[True] * 5, [True] * 4 + [False]])[:, None]
    for one in (None, mask):
        torch.library.opcheck(torch.ops.quotient.rigid_horizontal.default, (v, x, one))
        torch.library.opcheck(torch.ops.quotient.rigid_mean_curvature.default, (x, one))


def derivatives_are_those_of_the_closed_form() -> None:
    fast, slow = both(5)
    x, v = normal(2, 5, 3), normal(1, 5, 3, seed=1)
    project = compiled(fast.horizontal_projection)
    gradients = []
    for function in (project, slow.horizontal_projection):
        vector = v.clone().requires_grad_()
        function(vector, x).pow(2).sum().backward()
        gradients.append(vector.grad)
    torch.testing.assert_close(*gradients)
    moved = []
    for function in (compiled(fast.horizontal_projection, whole=False), slow.horizontal_projection):
        point = x.clone().requires_grad_()
        function(v, point).pow(3).sum().backward()
        moved.append(point.grad)
    torch.testing.assert_close(*moved)


def transforms_and_dual_numbers_take_the_closed_form() -> None:
    fast, slow = both(4)
    x, v = normal(5, 4, 3), normal(5, 4, 3, seed=1)
    for make in (
        lambda space: torch.func.vmap(space.horizontal_projection),
        lambda space: lambda v, x: torch.func.jvp(lambda x: space.horizontal_projection(v, x), (x,), (v,))[1],
        lambda space: lambda v, x: torch.func.jvp(lambda v: space.horizontal_projection(v, x), (v,), (x,))[1],
        lambda space: lambda _, x: torch.func.grad(lambda x: space.mean_curvature(x).pow(2).sum())(x),
    ):
        torch.testing.assert_close(compiled(make(fast), whole=False)(v, x), make(slow)(v, x))
    tangents = []
    for project in (compiled(fast.horizontal_projection, whole=False), slow.horizontal_projection):
        with forward_ad.dual_level():
            tangents.append(forward_ad.unpack_dual(project(v, forward_ad.make_dual(x, v))).tangent)
    assert tangents[0] is not None
    torch.testing.assert_close(*tangents)


class Projection(torch.nn.Module):
    def __init__(self, space: ShapeSpace) -> None:
        super().__init__()
        self.space = space

    def forward(self, v: Tensor, x: Tensor) -> Tensor:
        return self.space.horizontal_projection(v, x)


def graphs_serve_any_number_of_clouds_and_can_be_exported() -> None:
    fast, slow = both(5)
    torch.compiler.reset()
    project = torch.compile(fast.horizontal_projection, backend="aot_eager", fullgraph=True, dynamic=True)
    for items in (2, 3, 7, 1, 0):
        x, v = normal(items, 5, 3), normal(items, 5, 3, seed=1)
        torch.testing.assert_close(project(v, x), slow.horizontal_projection(v, x))
    x, v = normal(2, 5, 3), normal(2, 5, 3, seed=1)
    exported = torch.export.export(Projection(fast), (v, x))
    torch.testing.assert_close(exported.module()(v, x), slow.horizontal_projection(v, x))


CHECKS = (
    graphs_serve_any_number_of_clouds_and_can_be_exported,
    graphs_hold_the_kernels_as_single_nodes,
    the_nodes_are_sound_operators,
    derivatives_are_those_of_the_closed_form,
    transforms_and_dual_numbers_take_the_closed_form,
)
