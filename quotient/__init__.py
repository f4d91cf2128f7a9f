"""Riemannian submersions and quotients by group actions, derived from the action alone."""

from typing import TYPE_CHECKING

from quotient.brownian import BrownianMotion, IntrinsicBrownianMotion, Path, ProjectedBrownianMotion
from quotient.curvature import (
    mean_curvature_from_log_volume,
    mean_curvature_from_projector,
    mean_curvature_from_second_fundamental_form,
)
from quotient.errors import ClaimError, GeometryError, PointShapeError
from quotient.group_quotient import GroupQuotient
from quotient.lift import AlwaysLifted, SmallOrbitRule, UnprojectedNearSmallOrbits, lifted_step
from quotient.map_submersion import MapSubmersion
from quotient.noise import CounterNoise, GeneratorNoise, NoiseSource
from quotient.orbit_space import Alignment, AlignmentKind, OrbitSpace, Stratum
from quotient.point_clouds import PointClouds
from quotient.score import project_score, quotient_score, total_score
from quotient.shape_space import ShapeSpace
from quotient.spaces import ComplexEuclidean, ComplexMatrices, Euclidean, FlatSpace, Matrices
from quotient.submersion import RiemannianSubmersion
from quotient.total_space import TotalSpace
from quotient.verification import verify

if TYPE_CHECKING:
    from quotient.symbolic import Derivation, ProcessGenerator, SymbolicAction, SymbolicError, derive

_SYMBOLIC = ("Derivation", "ProcessGenerator", "SymbolicAction", "SymbolicError", "derive")

__all__ = [
    "Alignment",
    "AlignmentKind",
    "AlwaysLifted",
    "BrownianMotion",
    "ClaimError",
    "ComplexEuclidean",
    "ComplexMatrices",
    "CounterNoise",
    "Derivation",
    "Euclidean",
    "FlatSpace",
    "GeneratorNoise",
    "GeometryError",
    "GroupQuotient",
    "IntrinsicBrownianMotion",
    "MapSubmersion",
    "Matrices",
    "NoiseSource",
    "OrbitSpace",
    "Path",
    "PointClouds",
    "PointShapeError",
    "ProcessGenerator",
    "ProjectedBrownianMotion",
    "RiemannianSubmersion",
    "ShapeSpace",
    "SmallOrbitRule",
    "Stratum",
    "SymbolicAction",
    "SymbolicError",
    "TotalSpace",
    "UnprojectedNearSmallOrbits",
    "derive",
    "lifted_step",
    "mean_curvature_from_log_volume",
    "mean_curvature_from_projector",
    "mean_curvature_from_second_fundamental_form",
    "project_score",
    "quotient_score",
    "total_score",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import the symbolic derivation when it is first used: sympy is slow to load."""
    if name not in _SYMBOLIC:
        raise AttributeError(f"module 'quotient' has no attribute {name!r}")
    import quotient.symbolic

    return getattr(quotient.symbolic, name)
