"""Lie groups and their actions.

Importing this package selects geomstats' pytorch backend and leaves torch's default dtype as it was.
"""

from groups._geomstats import MatrixLieGroup
from groups.action import GroupAction
from groups.autodiff import directional_derivative
from groups.errors import ActionError, GeomstatsBackendError, GroupError
from groups.euclidean import SpecialEuclidean, Translations
from groups.group import Group, MatrixGroup
from groups.kabsch import best_rotation, superpose
from groups.orthogonal import SpecialOrthogonal
from groups.phases import PhaseAction
from groups.point_clouds import RigidMotionAction, RotationAction, TranslationAction
from groups.product import DirectProduct
from groups.product_action import ProductAction
from groups.unitary import Unitary

__all__ = [
    "ActionError",
    "DirectProduct",
    "GeomstatsBackendError",
    "Group",
    "GroupAction",
    "GroupError",
    "MatrixGroup",
    "MatrixLieGroup",
    "PhaseAction",
    "ProductAction",
    "RigidMotionAction",
    "RotationAction",
    "SpecialEuclidean",
    "SpecialOrthogonal",
    "TranslationAction",
    "Translations",
    "Unitary",
    "best_rotation",
    "directional_derivative",
    "superpose",
]
