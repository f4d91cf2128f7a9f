"""The share of a batch that one of several processes takes, such that gradients add up exactly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class Share:
    """Items of a batch that belong to one process, and the weight of their mean.

    Data-parallel training averages gradients over processes. With losses l_i of a batch of B items, process r of W
    takes n_r of them and the weight w_r = W n_r / B, so that

        (1 / W) sum_r w_r mean_(i in r) l_i = (1 / B) sum_i l_i

    whatever the n_r are. A process without an item of its own (B < W) takes the first item with weight zero: it takes
    part in the exchange of gradients and adds nothing. Weights are one where W divides B.

    Attributes:
        items: positions in the batch.
        weight: w_r.
    """

    items: range
    weight: float

    @classmethod
    def of(cls, size: int, *, rank: int, world_size: int) -> Share:
        """The share of process ``rank`` of ``world_size`` in a batch of ``size`` items: every W-th item.

        Raises:
            ValueError: for an empty batch, or a rank outside 0, ..., world_size - 1.
        """
        if size < 1 or not 0 <= rank < world_size:
            raise ValueError(
                f"got {size} items, rank {rank} of {world_size}: "
                "expected at least one item and a rank below the number of processes"
            )
        items = range(rank, size, world_size)
        return cls(items, world_size * len(items) / size) if items else cls(range(1), 0.0)
