"""Formulas as torch functions, batched over leading axes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias, final

import sympy as sp
import torch
from torch import Tensor

from quotient.errors import PointShapeError
from quotient.submersion import upcast

TensorFunction: TypeAlias = Callable[[Tensor], Tensor]

_NAMES = {
    **{name: getattr(torch, name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "atan2")},
    **{name: getattr(torch, name) for name in ("asin", "acos", "atan", "asinh", "acosh", "atanh", "sign")},
    "Abs": torch.abs,
    "sqrt": lambda value: value**0.5,
    "pi": torch.pi,
    "E": float(sp.E),
}

_DIGITS = 20


@final
@dataclass(frozen=True)
class DerivationFunctions:
    """The formulas of a derivation as functions of points ``[..., n]``; formed in float64, returned in the dtype of x.

    Attributes:
        generators: ``[..., m, n]``.
        gram: ``[..., m, m]``.
        log_orbit_volume: ``[...]``, up to a constant.
        mean_curvature: ``[..., n]``.
        vertical_projector: ``[..., n, n]``.
        horizontal_projector: ``[..., n, n]``.
    """

    generators: TensorFunction
    gram: TensorFunction
    log_orbit_volume: TensorFunction
    mean_curvature: TensorFunction
    vertical_projector: TensorFunction
    horizontal_projector: TensorFunction


@final
@dataclass(frozen=True)
class ProcessFunctions:
    """The coefficients of the processes on the quotient as functions of q ``[..., k]``.

    Attributes:
        diffusion: a, ``[..., k, k]``.
        drift: of the projected process, ``[..., k]``.
        intrinsic_drift: of the intrinsic process, ``[..., k]``.
    """

    diffusion: TensorFunction
    drift: TensorFunction
    intrinsic_drift: TensorFunction


def _with_numbers(entry: sp.Expr) -> sp.Basic:
    """Functions of constants as numbers: torch's functions take tensors only."""
    constant = entry.atoms(sp.Function)
    return entry.xreplace({value: value.evalf(_DIGITS) for value in constant if not value.free_symbols})


def compile_tensor(
    symbols: Sequence[sp.Symbol], entries: Callable[[], Iterable[sp.Expr]], shape: tuple[int, ...]
) -> TensorFunction:
    """The entries as a function of ``[..., len(symbols)]`` with values ``[..., *shape]``, compiled when called."""
    count = len(symbols)

    @cache
    def function() -> Callable[..., list[Tensor | float]]:
        return sp.lambdify(list(symbols), [_with_numbers(entry) for entry in entries()], modules=[_NAMES], cse=True)

    def evaluate(point: Tensor) -> Tensor:
        if point.shape[-1:] != (count,) or not point.is_floating_point():
            raise PointShapeError(
                f"got {point.dtype} points of shape {tuple(point.shape)}, expected real [..., {count}] for "
                f"{', '.join(map(str, symbols))}"
            )
        precise = upcast(point)
        values = [
            torch.as_tensor(v, dtype=precise.dtype, device=precise.device) for v in function()(*precise.unbind(-1))
        ]
        batch = point.shape[:-1]
        if not values:
            return point.new_zeros(*batch, *shape)
        return torch.stack([v.expand(batch) for v in values], -1).reshape(*batch, *shape).to(point.dtype)

    return evaluate
