"""Calling one law of geomstats' own test cases on a bundle, ours or theirs."""

import inspect
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from groups import double_precision

ARGUMENTS = {"n_points": 3, "n_reps": 2, "n_times": 2, "atol": 1e-7}


class Strictly:
    """Geomstats' own comparison casts to float32, which also drops imaginary parts, and has a relative tolerance."""

    def assertAllClose(self, a: Tensor, b: Tensor, rtol: float = 0.0, atol: float = 1e-10) -> None:
        del rtol
        assert a.shape == b.shape
        assert bool(((a - b).abs() <= atol).all())


@pytest.fixture(scope="module", params=["kernels", "tensors"])
def kernels_or_tensors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Everything twice: with the kernels of the extra `native`, where it is installed, and as it is without."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "tensors":
            patch.setattr("quotient._native.load_kernels", lambda: None)
        yield


@pytest.fixture
def call_law(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., None]]:
    """``call_law(case_type, law, **attributes)`` calls a law once, on seeded points, with the attributes of its case.

    Geomstats' metaclass and parametrizers are left out: they need packages and data that the wheel lacks.
    """

    def call(case_type: type, law: str, **attributes: object) -> None:
        case: Any = type(case_type.__name__, (Strictly, case_type), dict(attributes))()
        case.setup_method()
        method = getattr(case, law)
        method(**{name: ARGUMENTS[name] for name in inspect.signature(method).parameters})

    caplog.set_level(logging.CRITICAL)
    with double_precision(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield call
