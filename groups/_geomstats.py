"""The only door to geomstats: selects its pytorch backend and undoes what importing it changes.

geomstats reads its backend from the environment once, at its first import, and its pytorch backend sets torch's default
dtype to float64. Everything of ours that uses geomstats imports it from here.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, cast

import torch

from groups.errors import GeomstatsBackendError

_VARIABLE = "GEOMSTATS_BACKEND"


def _refuse_other_backend() -> None:
    loaded = sys.modules.get("geomstats.backend")
    name = getattr(loaded, "__name__", "geomstats.pytorch")
    if loaded is not None and not name.endswith("pytorch"):
        raise GeomstatsBackendError(
            f"geomstats is already imported with the backend {name.rpartition('.')[2]!r}, and cannot change it in a "
            "running process: import groups (or quotient) before geomstats, or set GEOMSTATS_BACKEND=pytorch"
        )


def _import_geomstats() -> None:
    _refuse_other_backend()
    dtype = torch.get_default_dtype()
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = "pytorch"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="BackendImporter.exec_module", category=ImportWarning)
            import_module("geomstats.backend")
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before
        torch.set_default_dtype(dtype)
    _refuse_other_backend()


_import_geomstats()

from geomstats.geometry.fiber_bundle import FiberBundle  # noqa: E402
from geomstats.geometry.group_action import GroupAction as GeomstatsGroupAction  # noqa: E402
from geomstats.geometry.lie_group import MatrixLieGroup  # noqa: E402
from geomstats.geometry.manifold import Manifold  # noqa: E402
from geomstats.geometry.poincare_half_space import PoincareHalfSpace as GeomstatsPoincareHalfSpace  # noqa: E402
from geomstats.geometry.quotient_metric import QuotientMetric  # noqa: E402
from geomstats.geometry.riemannian_metric import RiemannianMetric  # noqa: E402
from geomstats.geometry.spd_matrices import SPDAffineMetric  # noqa: E402
from geomstats.geometry.spd_matrices import SPDMatrices as GeomstatsSPDMatrices  # noqa: E402
from geomstats.geometry.special_euclidean import SpecialEuclidean as GeomstatsSpecialEuclidean  # noqa: E402
from geomstats.geometry.special_orthogonal import SpecialOrthogonal as GeomstatsSpecialOrthogonal  # noqa: E402


def geomstats_so(n: int) -> MatrixLieGroup:
    """Geomstats' SO(n), n >= 2."""
    return cast(MatrixLieGroup, GeomstatsSpecialOrthogonal(n))


def geomstats_se(n: int) -> MatrixLieGroup:
    """Geomstats' SE(n), n >= 2."""
    return cast(MatrixLieGroup, GeomstatsSpecialEuclidean(n))


def algebra_basis(group: MatrixLieGroup) -> torch.Tensor:
    """Basis of geomstats' Lie algebra of a group, float64, ``[dim, n, n]``."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.sparse.SparseTensor", category=UserWarning)
        return cast(Any, group).lie_algebra.basis.to(torch.float64)


def geomstats_spd(n: int) -> Manifold:
    """Geomstats' symmetric positive definite matrices with the affine-invariant metric."""
    space = GeomstatsSPDMatrices(n, equip=False)
    space.equip_with_metric(SPDAffineMetric)
    return space


def geomstats_half_space(n: int) -> Manifold:
    """Geomstats' hyperbolic space of dimension n, as the half space of positive last coordinates."""
    return GeomstatsPoincareHalfSpace(n)


@contextmanager
def double_precision() -> Iterator[None]:
    """Run geomstats in float64, which much of it supposes to be torch's default dtype, and restore the default."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


__all__ = [
    "FiberBundle",
    "GeomstatsGroupAction",
    "Manifold",
    "MatrixLieGroup",
    "QuotientMetric",
    "RiemannianMetric",
    "algebra_basis",
    "double_precision",
    "geomstats_half_space",
    "geomstats_se",
    "geomstats_so",
    "geomstats_spd",
]
