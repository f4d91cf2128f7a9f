"""Orbit posteriors: the law of g x for Haar g, tilted by exp<y, g x>."""

from quotient.orbit_posterior.base import ActionOrbitPosterior, ExactOrbitPosterior, OrbitEstimate, OrbitPosterior
from quotient.orbit_posterior.catalogue import orbit_posterior
from quotient.orbit_posterior.combinations import CosetOrbitPosterior, PartwiseOrbitPosterior, SliceOrbitPosterior
from quotient.orbit_posterior.conjugation import UnitaryConjugationPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError
from quotient.orbit_posterior.finite import FiniteOrbitPosterior
from quotient.orbit_posterior.matrix_fisher import (
    ColumnRotationPosterior,
    RotationOrbitPosterior,
    RowRotationPosterior,
)
from quotient.orbit_posterior.permutations import PermutationOrbitPosterior
from quotient.orbit_posterior.quadrature import (
    HaarRule,
    QuadratureOrbitPosterior,
    euler_matrix,
    rotation_rule,
)
from quotient.orbit_posterior.sampling import SelfNormalizedSampling
from quotient.orbit_posterior.spherical import SphericalOrbitPosterior, TransitiveOrbitPosterior
from quotient.orbit_posterior.swap_metropolis import SwapMetropolis
from quotient.orbit_posterior.torus import TorusOrbitPosterior

__all__ = [
    "ActionOrbitPosterior",
    "ColumnRotationPosterior",
    "CosetOrbitPosterior",
    "ExactOrbitPosterior",
    "FiniteOrbitPosterior",
    "HaarRule",
    "OrbitEstimate",
    "OrbitPosterior",
    "OrbitPosteriorError",
    "PartwiseOrbitPosterior",
    "PermutationOrbitPosterior",
    "QuadratureOrbitPosterior",
    "RotationOrbitPosterior",
    "RowRotationPosterior",
    "SelfNormalizedSampling",
    "SliceOrbitPosterior",
    "SphericalOrbitPosterior",
    "SwapMetropolis",
    "TorusOrbitPosterior",
    "TransitiveOrbitPosterior",
    "UnitaryConjugationPosterior",
    "euler_matrix",
    "orbit_posterior",
    "rotation_rule",
]
