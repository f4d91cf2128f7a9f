"""Lie groups and their actions.

Importing this package selects geomstats' pytorch backend and leaves torch's default dtype as it was.
"""

from groups._geomstats import MatrixLieGroup, double_precision
from groups.action import GroupAction
from groups.additive import AdditiveGroup
from groups.autodiff import directional_derivative
from groups.check import check_action
from groups.circle_actions import PeriodicTranslationAction, QuaternionPhaseAction, WeightedCircleAction
from groups.claims import LawResult, Report, Verdict
from groups.classical import ClassicalGroup
from groups.compact import CompactConnectedGroup
from groups.errors import ActionError, GeomstatsBackendError, GroupError
from groups.euclidean import SpecialEuclidean, Translations
from groups.finite import CyclicGroup, FiniteGroup, SymmetricGroup
from groups.full_orthogonal import Orthogonal, OrthogonalAction
from groups.group import AbstractMatrixGroup, Group
from groups.irreps import irrep_action, irrep_generators
from groups.kabsch import best_rotation, superpose
from groups.matrix_actions import (
    Congruence,
    Conjugation,
    LeftMultiplication,
    MatrixAction,
    RightMultiplication,
    VectorAction,
)
from groups.matrix_group import MatrixGroup
from groups.orthogonal import SpecialOrthogonal
from groups.permutations import PermutationAction
from groups.phases import PhaseAction
from groups.point_clouds import RigidMotionAction, RotationAction, TranslationAction
from groups.product import AbstractProduct, DirectProduct
from groups.product_action import ProductAction
from groups.quaternions import UnitQuaternions, quaternion_product
from groups.semidirect import SemidirectProduct
from groups.special_unitary import SpecialUnitary
from groups.torus import Torus
from groups.unitary import Unitary

__all__ = [
    "AbstractMatrixGroup",
    "AbstractProduct",
    "ActionError",
    "AdditiveGroup",
    "ClassicalGroup",
    "CompactConnectedGroup",
    "Congruence",
    "Conjugation",
    "CyclicGroup",
    "DirectProduct",
    "FiniteGroup",
    "GeomstatsBackendError",
    "Group",
    "GroupAction",
    "GroupError",
    "LawResult",
    "LeftMultiplication",
    "MatrixAction",
    "MatrixGroup",
    "MatrixLieGroup",
    "Orthogonal",
    "OrthogonalAction",
    "PeriodicTranslationAction",
    "PermutationAction",
    "PhaseAction",
    "ProductAction",
    "QuaternionPhaseAction",
    "Report",
    "RightMultiplication",
    "RigidMotionAction",
    "RotationAction",
    "SemidirectProduct",
    "SpecialEuclidean",
    "SpecialOrthogonal",
    "SpecialUnitary",
    "SymmetricGroup",
    "Torus",
    "TranslationAction",
    "Translations",
    "UnitQuaternions",
    "Unitary",
    "VectorAction",
    "Verdict",
    "WeightedCircleAction",
    "best_rotation",
    "check_action",
    "directional_derivative",
    "double_precision",
    "irrep_action",
    "irrep_generators",
    "quaternion_product",
    "superpose",
]
