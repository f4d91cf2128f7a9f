"""Riemannian submersions and quotients by group actions, derived from the action alone."""

from typing import TYPE_CHECKING

from quotient.brownian import BrownianMotion, IntrinsicBrownianMotion, Path, ProjectedBrownianMotion
from quotient.bundle_view import FiberBundleView, fiber_bundle
from quotient.curvature import (
    mean_curvature_from_log_volume,
    mean_curvature_from_projector,
    mean_curvature_from_second_fundamental_form,
)
from quotient.embedded import EmbeddedSpace
from quotient.errors import ClaimError, GeometryError, PointShapeError
from quotient.frames import RotationMatrices, Stiefel
from quotient.geomstats_space import AdaptedSpace, GeomstatsSpace, HyperbolicHalfSpace, SPDMatrices
from quotient.group_quotient import GroupQuotient
from quotient.lift import AlwaysLifted, SmallOrbitRule, UnprojectedNearSmallOrbits, lifted_step
from quotient.linear_subspaces import CenteredClouds, HermitianMatrices, LinearSubspace, SymmetricMatrices
from quotient.map_submersion import MapSubmersion
from quotient.noise import CounterNoise, GeneratorNoise, NoiseSource
from quotient.oneill import (
    FiberGeometry,
    fiber_geometry,
    fiber_tensor,
    integrability_tensor,
    quotient_sectional_curvature,
    second_fundamental_form,
)
from quotient.orbit_posterior import (
    ExactOrbitPosterior,
    HaarRule,
    OrbitEstimate,
    OrbitPosterior,
    OrbitPosteriorError,
    QuadratureOrbitPosterior,
    SelfNormalizedSampling,
    SwapMetropolis,
    TorusOrbitPosterior,
)
from quotient.orbit_space import Alignment, AlignmentKind, OrbitSpace, Stratum
from quotient.periodic import PeriodicClouds
from quotient.point_clouds import PointClouds
from quotient.score import project_score, quotient_score, total_score
from quotient.shape_space import ShapeSpace
from quotient.spaces import ComplexEuclidean, ComplexMatrices, Euclidean, FlatSpace, Matrices
from quotient.spheres import ComplexHypersphere, Hypersphere, PreShapes, UnitSphere
from quotient.statistics import FrechetMean, energy_distance, frechet_mean, pairwise_distances, quotient_geodesic
from quotient.submersion import RiemannianSubmersion
from quotient.total_space import TotalSpace
from quotient.verification import verify

if TYPE_CHECKING:
    from quotient.symbolic import Derivation, ProcessGenerator, SymbolicAction, SymbolicError, derive

_SYMBOLIC = ("Derivation", "ProcessGenerator", "SymbolicAction", "SymbolicError", "derive")

__all__ = [
    "AdaptedSpace",
    "Alignment",
    "AlignmentKind",
    "AlwaysLifted",
    "BrownianMotion",
    "CenteredClouds",
    "ClaimError",
    "ComplexEuclidean",
    "ComplexHypersphere",
    "ComplexMatrices",
    "CounterNoise",
    "Derivation",
    "EmbeddedSpace",
    "Euclidean",
    "ExactOrbitPosterior",
    "FiberBundleView",
    "FiberGeometry",
    "FlatSpace",
    "FrechetMean",
    "GeneratorNoise",
    "GeometryError",
    "GeomstatsSpace",
    "GroupQuotient",
    "HaarRule",
    "HermitianMatrices",
    "HyperbolicHalfSpace",
    "Hypersphere",
    "IntrinsicBrownianMotion",
    "LinearSubspace",
    "MapSubmersion",
    "Matrices",
    "NoiseSource",
    "OrbitEstimate",
    "OrbitPosterior",
    "OrbitPosteriorError",
    "OrbitSpace",
    "Path",
    "PeriodicClouds",
    "PointClouds",
    "PointShapeError",
    "PreShapes",
    "ProcessGenerator",
    "ProjectedBrownianMotion",
    "QuadratureOrbitPosterior",
    "RiemannianSubmersion",
    "RotationMatrices",
    "SPDMatrices",
    "SelfNormalizedSampling",
    "ShapeSpace",
    "SmallOrbitRule",
    "Stiefel",
    "Stratum",
    "SwapMetropolis",
    "SymbolicAction",
    "SymbolicError",
    "SymmetricMatrices",
    "TorusOrbitPosterior",
    "TotalSpace",
    "UnitSphere",
    "UnprojectedNearSmallOrbits",
    "derive",
    "energy_distance",
    "fiber_bundle",
    "fiber_geometry",
    "fiber_tensor",
    "frechet_mean",
    "integrability_tensor",
    "lifted_step",
    "mean_curvature_from_log_volume",
    "mean_curvature_from_projector",
    "mean_curvature_from_second_fundamental_form",
    "pairwise_distances",
    "project_score",
    "quotient_geodesic",
    "quotient_score",
    "quotient_sectional_curvature",
    "second_fundamental_form",
    "total_score",
    "verify",
]


def __getattr__(name: str) -> object:
    """Import the symbolic derivation when it is first used: sympy is slow to load."""
    if name not in _SYMBOLIC:
        raise AttributeError(f"module 'quotient' has no attribute {name!r}")
    import quotient.symbolic

    return getattr(quotient.symbolic, name)
