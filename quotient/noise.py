"""Sources of standard normal noise: randomness is an argument, and may be tied to the item instead of the batch."""

from __future__ import annotations

import abc
import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit integer
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


class NoiseSource(abc.ABC):
    """Something that yields independent standard normal tensors, one after the other."""

    @abc.abstractmethod
    def normal(self, like: Tensor) -> Tensor:
        """Return standard normal noise with the shape, dtype and device of ``like``.

        Complex noise has independent standard normal real and imaginary parts, which is what isotropy in the real
        inner product Re<u, v> means.
        """


def _as_real_shape(like: Tensor) -> tuple[int, ...]:
    return (*like.shape, 2) if like.is_complex() else tuple(like.shape)


def _from_real(values: Tensor, like: Tensor) -> Tensor:
    if like.is_complex():
        values = torch.view_as_complex(values.contiguous())
    return values.to(dtype=like.dtype, device=like.device)


@final
class GeneratorNoise(NoiseSource):
    """Noise drawn from one ``torch.Generator``, in the order of the calls.

    Args:
        generator: the source; its device must be that of the points.
    """

    def __init__(self, generator: torch.Generator) -> None:
        self.generator = generator

    @override
    def normal(self, like: Tensor) -> Tensor:
        real = torch.float64 if like.dtype in (torch.float64, torch.complex128) else torch.float32
        values = torch.randn(_as_real_shape(like), generator=self.generator, dtype=real, device=self.generator.device)
        return _from_real(values, like)


def _shift_right(bits: Tensor, count: int) -> Tensor:
    """Logical right shift of 64-bit integers (torch's own is arithmetic)."""
    return (bits >> count) & ((1 << (64 - count)) - 1)


def _splitmix(bits: Tensor) -> Tensor:
    """One round of the splitmix64 hash of 64-bit integers [Steele2014]."""
    bits = bits + _GOLDEN
    bits = (bits ^ _shift_right(bits, 30)) * _MIX_1
    bits = (bits ^ _shift_right(bits, 27)) * _MIX_2
    return bits ^ _shift_right(bits, 31)


def _uniform(bits: Tensor) -> Tensor:
    """Uniform numbers in (0, 1] from 64-bit hashes, float64."""
    return (_shift_right(bits, 11).to(torch.float64) + 0.5) * 2.0**-53


@final
class CounterNoise(NoiseSource):
    """Noise that is a pure function of (seed of the item, number of the call, coordinate).

    Row b of the result depends on ``seeds[b]`` alone: not on the batch it stands in, nor on padding, nor on the device.
    Coordinates are numbered along the trailing axes, so padding goes at the end. A hash of the three numbers gives two
    uniforms, and Box-Muller a normal.

    Args:
        seeds: 64-bit integers, one for each item along the first axis of the points, shape ``[batch]``.

    Raises:
        ValueError: when seeds are not a one-dimensional integer tensor.
    """

    def __init__(self, seeds: Tensor) -> None:
        if seeds.ndim != 1 or seeds.dtype != torch.int64:
            raise ValueError(
                f"seeds must be a one-dimensional int64 tensor, got {seeds.dtype} of shape {tuple(seeds.shape)}"
            )
        self.seeds = seeds
        self._hashed = _splitmix(seeds)
        self._calls = 0

    @override
    def normal(self, like: Tensor) -> Tensor:
        if like.shape[:1] != self.seeds.shape:
            raise ValueError(
                f"noise for {self.seeds.shape[0]} seeds was asked for points of shape {tuple(like.shape)}: "
                "the first axis must number the seeds"
            )
        shape = _as_real_shape(like)
        count = math.prod(shape[1:])
        device = self.seeds.device
        stream = _splitmix(self._hashed + self._calls)
        self._calls += 1
        counter = torch.arange(2 * count, device=device, dtype=torch.int64)
        uniforms = _uniform(_splitmix(stream[:, None] ^ _splitmix(counter)))
        radius = torch.sqrt(-2.0 * torch.log(uniforms[:, 0::2]))
        values = radius * torch.cos(2.0 * math.pi * uniforms[:, 1::2])
        return _from_real(values.reshape(shape), like)
