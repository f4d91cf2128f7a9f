"""Constant tensors that may be computed at any time and cached for ever."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack


def constant(make: Callable[[], Tensor]) -> Tensor:
    """Run ``make`` outside every function transform and every autograd mode.

    A tensor made inside ``torch.func.grad`` or ``torch.inference_mode`` is not usable outside it; what is cached on
    first use must not depend on where that use was.
    """
    with temporarily_clear_interpreter_stack(), torch.inference_mode(mode=False), torch.no_grad():
        return make()
