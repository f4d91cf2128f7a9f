"""Log-partition functions with three derivatives, as differentiable functions of their natural parameter."""

from __future__ import annotations

import abc
from typing import Any, final

from torch import Tensor
from torch.autograd import Function

from quotient.orbit_posterior.errors import OrbitPosteriorError

_NO_MORE = (
    "closed orbit posteriors have three derivatives of log Z and two of the mean; for more, differentiate a "
    "QuadratureOrbitPosterior"
)


class LogPartition(abc.ABC):
    """phi(theta) = log E exp<theta, T> and its derivatives as numbers, none of them differentiable themselves.

    ``theta`` has shape ``[..., *shape]`` with ``event_ndim`` trailing axes; directions have the shape of ``theta``.
    """

    event_ndim: int

    @abc.abstractmethod
    def value(self, theta: Tensor) -> Tensor:
        """phi, shape ``[...]``."""

    @abc.abstractmethod
    def first(self, theta: Tensor) -> Tensor:
        """Grad phi = E[T]."""

    def value_and_first(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Both. A hook for families whose formulas share their work."""
        return self.value(theta), self.first(theta)

    @abc.abstractmethod
    def second(self, theta: Tensor, direction: Tensor) -> Tensor:
        """Cov(T) applied to a direction."""

    @abc.abstractmethod
    def third(self, theta: Tensor, direction: Tensor, other: Tensor) -> Tensor:
        """Third cumulant of T applied to two directions."""


def log_partition(family: LogPartition, theta: Tensor) -> Tensor:
    """phi(theta), three times differentiable."""
    return _Value.apply(family, theta)  # pyright: ignore[reportReturnType]


def expectation(family: LogPartition, theta: Tensor) -> Tensor:
    """E[T] = grad phi(theta), twice differentiable."""
    return _First.apply(family, theta)  # pyright: ignore[reportReturnType]


def log_partition_and_expectation(family: LogPartition, theta: Tensor) -> tuple[Tensor, Tensor]:
    """phi(theta) and E[T], differentiable as each of them is."""
    return _Both.apply(family, theta)  # pyright: ignore[reportReturnType]


def _keep_inputs(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    del output
    ctx.family = inputs[0]
    ctx.save_for_backward(*inputs[1:])
    ctx.save_for_forward(*inputs[1:])


@final
class _Value(Function):
    generate_vmap_rule = True
    setup_context = staticmethod(_keep_inputs)

    @staticmethod
    def forward(family: LogPartition, theta: Tensor) -> Tensor:
        return family.value(theta)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[None, Tensor]:
        (theta,), (cotangent,) = ctx.saved_tensors, grad_outputs
        wide = cotangent.reshape((*cotangent.shape, *(1,) * ctx.family.event_ndim))
        return None, wide * expectation(ctx.family, theta)

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Tensor:
        (theta,), (_, tangent) = ctx.saved_tensors, grad_inputs
        rank = ctx.family.event_ndim
        product = tangent * expectation(ctx.family, theta)
        return product.sum(tuple(range(-rank, 0))) if rank else product


@final
class _Both(Function):
    generate_vmap_rule = True
    setup_context = staticmethod(_keep_inputs)

    @staticmethod
    def forward(family: LogPartition, theta: Tensor) -> tuple[Tensor, Tensor]:
        return family.value_and_first(theta)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[None, Any]:
        (theta,), (of_value, of_first) = ctx.saved_tensors, grad_outputs
        wide = of_value.reshape((*of_value.shape, *(1,) * ctx.family.event_ndim))
        return None, wide * expectation(ctx.family, theta) + _Second.apply(ctx.family, theta, of_first)

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> tuple[Any, Any]:
        (theta,), (_, tangent) = ctx.saved_tensors, grad_inputs
        rank = ctx.family.event_ndim
        product = tangent * expectation(ctx.family, theta)
        along = product.sum(tuple(range(-rank, 0))) if rank else product
        return along, _Second.apply(ctx.family, theta, tangent)


@final
class _First(Function):
    generate_vmap_rule = True
    setup_context = staticmethod(_keep_inputs)

    @staticmethod
    def forward(family: LogPartition, theta: Tensor) -> Tensor:
        return family.first(theta)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[None, Any]:
        return None, _Second.apply(ctx.family, *ctx.saved_tensors, *grad_outputs)

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        return _Second.apply(ctx.family, *ctx.saved_tensors, grad_inputs[1])


@final
class _Second(Function):
    generate_vmap_rule = True
    setup_context = staticmethod(_keep_inputs)

    @staticmethod
    def forward(family: LogPartition, theta: Tensor, direction: Tensor) -> Tensor:
        return family.second(theta, direction)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[None, Any, Any]:
        (theta, direction), (cotangent,) = ctx.saved_tensors, grad_outputs
        third = _Third.apply(ctx.family, theta, direction, cotangent)
        return None, third, _Second.apply(ctx.family, theta, cotangent)

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        (theta, direction), (_, moved, turned) = ctx.saved_tensors, grad_inputs
        third: Any = _Third.apply(ctx.family, theta, direction, moved)
        return third + _Second.apply(ctx.family, theta, turned)


@final
class _Third(Function):
    generate_vmap_rule = True
    setup_context = staticmethod(_keep_inputs)

    @staticmethod
    def forward(family: LogPartition, theta: Tensor, direction: Tensor, other: Tensor) -> Tensor:
        return family.third(theta, direction, other)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> None:
        del ctx, grad_outputs
        raise OrbitPosteriorError(_NO_MORE)

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> None:
        del ctx, grad_inputs
        raise OrbitPosteriorError(_NO_MORE)
