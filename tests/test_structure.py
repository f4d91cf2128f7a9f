"""Rules of the code base that no linter checks."""

import abc
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from beartype.roar import BeartypeCallHintViolation

from groups import SpecialOrthogonal, VectorAction, directional_derivative
from quotient import Euclidean, GroupQuotient, UnprojectedNearSmallOrbits

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("groups", "quotient", "diffusion", "applications")
MAX_LINES = 300


@pytest.fixture(scope="module")
def modules() -> list[ModuleType]:
    """Every module of ours, imported."""
    names = list(FLOORS)
    for floor in FLOORS:
        package = importlib.import_module(floor)
        names += [found.name for found in pkgutil.walk_packages(package.__path__, f"{floor}.")]
    return [importlib.import_module(name) for name in names]


@pytest.fixture(scope="module")
def classes(modules: list[ModuleType]) -> list[type]:
    """Every class of ours, once."""
    return [
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if cls.__module__ == module.__name__
    ]


def name_of(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def is_ours(cls: type) -> bool:
    return cls.__module__.split(".")[0] in FLOORS


def is_abstract(cls: type) -> bool:
    return inspect.isabstract(cls) or abc.ABC in cls.__bases__ or getattr(cls, "_is_protocol", False)


def test_every_public_name_is_there(modules: list[ModuleType]) -> None:
    surfaces = [module for module in modules if hasattr(module, "__all__")]
    assert {"groups", "quotient", "diffusion"} <= {module.__name__ for module in surfaces}
    for module in surfaces:
        names = module.__all__
        assert len(names) == len(set(names)), f"{module.__name__}.__all__ repeats a name"
        missing = [name for name in names if not hasattr(module, name)]
        assert not missing, f"{module.__name__}.__all__ names {missing}, which it does not have"


def test_no_concrete_class_is_subclassed(classes: list[type]) -> None:
    """Abstract or final; only errors form families of concrete classes."""
    offenders = [
        f"{name_of(cls)} inherits from the concrete {name_of(base)}"
        for cls in classes
        if not issubclass(cls, BaseException)
        for base in cls.__mro__[1:]
        if is_ours(base) and not is_abstract(base)
    ]
    assert classes
    assert not offenders, "\n".join(offenders)


def test_no_final_class_is_abstract(classes: list[type]) -> None:
    both = [name_of(cls) for cls in classes if getattr(cls, "__final__", False) and inspect.isabstract(cls)]
    assert not both, f"final, but abstract methods are missing: {both}"


def test_every_public_method_is_documented(classes: list[type]) -> None:
    """By its own docstring or by that of the method it implements."""
    bare = [
        f"{name_of(cls)}.{name}"
        for cls in classes
        if not cls.__name__.startswith("_")
        for name, member in vars(cls).items()
        if not name.startswith("_")
        and (inspect.isfunction(member) or isinstance(member, property | classmethod | staticmethod))
        and not inspect.getdoc(getattr(cls, name))
    ]
    assert not bare, f"without a docstring: {bare}"


def test_files_are_short() -> None:
    files = [path for name in (*FLOORS, "tests") for path in (ROOT / name).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert lengths
    long = {name: count for name, count in lengths.items() if count > MAX_LINES}
    assert not long, f"longer than {MAX_LINES} lines: {long}"


def test_types_of_arguments_and_results_are_checked_while_testing() -> None:
    """Of functions, methods, dataclasses and cached properties, in the two lower floors."""
    quotient: Any = GroupQuotient(Euclidean(3), VectorAction(SpecialOrthogonal(3)))
    wrong: Any = "0.1"
    for call in (
        lambda: directional_derivative(wrong, wrong, wrong),
        lambda: quotient.mean_curvature([1.0, 0.0, 0.0]),
        lambda: UnprojectedNearSmallOrbits(wrong),
        lambda: GroupQuotient(Euclidean(3), wrong),
    ):
        with pytest.raises(BeartypeCallHintViolation):
            call()
    checked = GroupQuotient.__dict__["_principal_orbit_dimension"].func
    assert checked.__wrapped__.__name__ == "_principal_orbit_dimension"
