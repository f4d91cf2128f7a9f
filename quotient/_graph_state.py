"""What a compiled graph takes for constant, found while it is traced; imports the compiler of torch."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad

from quotient._native import load_kernels


@torch.compiler.assume_constant_result
def kernels_known_to_graphs() -> bool:
    """Whether there are kernels, and neither a transform of functions (vmap, jvp, ...) nor forward mode is on.

    The operators have no rules for those.
    """
    transforms = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
    return transforms.peek_interpreter_stack() is None and forward_ad._current_level < 0 and load_kernels() is not None
