"""Settings of the whole suite: types checked at run time, one thread a worker, the profiles of hypothesis."""

import inspect
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from importlib import import_module
from pathlib import Path

import pytest
import torch
from beartype import BeartypeConf, beartype
from beartype.claw import beartype_packages
from hypothesis import settings

# Not the floors above: pickle cannot find the methods that the hook wraps, and checkpoints hold some.
# Variables inside functions are left to the static checker: arguments and results are what callers get wrong.
CHECKED = ("groups", "quotient")
# Kernels call each other before they are functions of Python.
COMPILED = ("quotient._rigid_kernels",)
CHECKS = BeartypeConf(is_pep484_tower=True, claw_is_pep526=False, claw_skip_package_names=COMPILED)
beartype_packages(CHECKED, conf=CHECKS)
# tests that use geomstats themselves import it before us: the backend must have been chosen by then
import_module("groups")
# named in an annotation there, and imported by static checkers only: the two modules need each other
vars(import_module("quotient._bundle_base"))["FiberBundleView"] = import_module("quotient").FiberBundleView
torch.set_num_threads(1)


def pytest_collection_finish() -> None:
    """Check the results of cached properties too, which the hook of beartype leaves out."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in CHECKED:
            for _, cls in inspect.getmembers(module, inspect.isclass):
                for member in vars(cls).values() if cls.__module__ == name else ():
                    if isinstance(member, cached_property):
                        member.func = beartype(conf=CHECKS)(member.func)


settings.register_profile("dev", deadline=timedelta(seconds=5))
settings.register_profile("ci", deadline=timedelta(seconds=10), derandomize=True, print_blob=True)
# a long campaign of the fuzz tests: fifty times the examples
settings.register_profile("fuzz", deadline=None, max_examples=5000, print_blob=True)
settings.load_profile("dev")


@pytest.fixture
def experiment_scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scripts of docs/experiments are imported as when they are run by path; none stays imported."""
    docs = Path(__file__).resolve().parent.parent / "docs"
    before = set(sys.modules)
    monkeypatch.syspath_prepend(docs / "paper")
    monkeypatch.syspath_prepend(docs / "experiments")
    yield
    for name in set(sys.modules) - before:
        if str(docs) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
