"""The kernels of rigid motions in space on tensors, where they apply and numba is installed (the extra ``native``)."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, final

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.autograd.function import FunctionCtx
from typing_extensions import override

from quotient._certificate import RANK_TOLERANCE
from quotient._cloud_moments import PLAIN_LIMIT
from quotient.submersion import resolution

_DTYPES = (torch.float32, torch.float64)


def native_horizontal(vector: Tensor, point: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """P v for ``vector``, ``point [..., n_points, 3]``, and the items for which it is good, ``[...]``; zero for others.

    None where the kernel does not apply. Differentiable with respect to the vector, in which P is linear and its own
    adjoint. One thread.
    """
    kernels = load_kernels() if _readable(vector) and _readable(point) and vector.dtype == point.dtype else None
    if kernels is None or _needs_derivative(point):
        return None
    vector, point = _broadcast(vector, point.detach(), mask=mask)
    # The bookkeeping of autograd costs more than a small batch.
    project = _Horizontal.apply if _needs_derivative(vector) else _Horizontal.forward
    return project(vector, point, mask, kernels)


def native_mean_curvature(point: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor] | None:
    """H for ``point [..., n_points, 3]`` and the items for which it is good; None where the kernel does not apply."""
    kernels = load_kernels() if _readable(point) else None
    if kernels is None or _needs_derivative(point):
        return None
    (x,) = _broadcast(point.detach(), mask=mask)
    out, plain = _results(x)
    kernels.mean_curvature(_items(x), _rows(mask, x), *_limits(x), _items(out), plain.view(-1).numpy())
    return out, plain


def in_compiled_graph(point: Tensor, *others: Tensor) -> bool:
    """Whether a graph is being compiled in which the kernels apply, as operators that it does not look into."""
    if not torch.compiler.is_dynamo_compiling():
        return False
    # loads the compiler, and sympy with it
    from quotient._graph_state import kernels_known_to_graphs

    return (
        point.dtype in _DTYPES
        and all(x.device.type == "cpu" and x.dtype == point.dtype for x in (point, *others))
        and not _needs_derivative(point)
        and kernels_known_to_graphs()
    )


@final
class _Horizontal(torch.autograd.Function):
    @staticmethod
    @override
    def forward(vector: Tensor, point: Tensor, mask: Tensor | None, kernels: ModuleType) -> tuple[Tensor, Tensor]:
        out, plain = _results(point)
        flags = plain.view(-1).numpy()
        kernels.horizontal(_items(vector), _items(point), _rows(mask, point), *_limits(point), _items(out), flags)
        return out, plain

    @staticmethod
    @override
    def setup_context(ctx: FunctionCtx, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        _, point, *rest = inputs
        ctx.save_for_backward(point)
        ctx.rest = rest  # pyright: ignore[reportAttributeAccessIssue]
        ctx.mark_non_differentiable(output[1])  # pyright: ignore[reportAttributeAccessIssue]

    @staticmethod
    @override
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        return _Horizontal.apply(grad_outputs[0], *ctx.saved_tensors, *ctx.rest)[0], None, None, None


@cache
def load_kernels() -> ModuleType | None:
    try:
        return import_module("quotient._rigid_kernels")
    except (ImportError, RuntimeError):
        # RuntimeError: numba finds no folder that it may keep compiled kernels in
        return None


def _readable(tensor: Tensor) -> bool:
    """Whether its numbers lie in memory: not on a device, in a graph being compiled, or in a transform of functions."""
    if tensor.dtype not in _DTYPES or tensor.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    try:
        tensor.data_ptr()
    except RuntimeError:
        return False
    return forward_ad.unpack_dual(tensor).tangent is None


def _needs_derivative(tensor: Tensor) -> bool:
    return tensor.requires_grad and torch.is_grad_enabled()


def _broadcast(*tensors: Tensor, mask: Tensor | None) -> tuple[Tensor, ...]:
    """Tensors ``[..., n_points, 3]`` of one shape, that of all of them and ``mask [..., n_points]``."""
    if mask is None:
        return torch.broadcast_tensors(*tensors)
    *spread, _ = torch.broadcast_tensors(*tensors, mask.unsqueeze(-1))
    return tuple(spread)


def _results(point: Tensor) -> tuple[Tensor, Tensor]:
    """Memory for as many numbers, and for a flag of each item."""
    return torch.empty(point.shape, dtype=point.dtype), torch.empty(point.shape[:-2], dtype=torch.bool)


def _items(tensor: Tensor) -> Any:
    """One item a row, its numbers one after the other; those of the tensor itself where they are so already."""
    return tensor.detach().resolve_neg().contiguous().view(-1, tensor.shape[-2:].numel()).numpy()


def _rows(mask: Tensor | None, like: Tensor) -> Any:
    return None if mask is None else mask.expand(like.shape[:-1]).contiguous().view(-1, like.shape[-2]).numpy()


def _limits(point: Tensor) -> tuple[float, float]:
    return 2.0 * RANK_TOLERANCE * resolution(point), PLAIN_LIMIT
