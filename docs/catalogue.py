"""Makes the table of actions on the page of the catalogue: `python docs/catalogue.py`."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from groups import (
    Congruence,
    Conjugation,
    GroupAction,
    LeftMultiplication,
    Orthogonal,
    OrthogonalAction,
    PeriodicTranslationAction,
    PermutationAction,
    PhaseAction,
    ProductAction,
    QuaternionPhaseAction,
    RightMultiplication,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    TranslationAction,
    Unitary,
    VectorAction,
    WeightedCircleAction,
    irrep_action,
)
from quotient.orbit_posterior import OrbitPosteriorError, orbit_posterior

PAGE = Path(__file__).resolve().with_name("catalogue.md")
BEGIN, END = "<!-- begin table -->\n", "<!-- end -->\n"

#: (what it acts on, how it is made, the action, the shape of a point, whether points are complex)
ACTIONS: list[tuple[str, str, GroupAction, tuple[int, ...], bool]] = [
    ("clouds", "RigidMotionAction(3)", RigidMotionAction(3), (5, 3), False),
    ("clouds", "RotationAction(3)", RotationAction(3), (5, 3), False),
    ("clouds", "TranslationAction(3)", TranslationAction(3), (5, 3), False),
    ("clouds", "OrthogonalAction(3)", OrthogonalAction(3), (5, 3), False),
    ("clouds", "PermutationAction(5)", PermutationAction(5), (5, 3), False),
    (
        "clouds",
        "ProductAction(RotationAction(3), PermutationAction(5))",
        ProductAction(RotationAction(3), PermutationAction(5)),
        (5, 3),
        False,
    ),
    ("periodic clouds", "PeriodicTranslationAction(3)", PeriodicTranslationAction(3), (5, 3), False),
    ("vectors", "VectorAction(SpecialOrthogonal(3))", VectorAction(SpecialOrthogonal(3)), (3,), False),
    ("complex vectors", "PhaseAction()", PhaseAction(), (3,), True),
    ("complex vectors", "WeightedCircleAction([1, 2, 3])", WeightedCircleAction([1, 2, 3]), (3,), True),
    ("spinors", "VectorAction(SpecialUnitary(2))", VectorAction(SpecialUnitary(2)), (2,), True),
    ("quaternionic vectors", "QuaternionPhaseAction()", QuaternionPhaseAction(), (2, 4), False),
    ("frames", "RightMultiplication(Orthogonal(2))", RightMultiplication(Orthogonal(2)), (4, 2), False),
    ("frames", "LeftMultiplication(Unitary(2))", LeftMultiplication(Unitary(2)), (2, 3), True),
    ("Hermitian matrices", "Conjugation(Unitary(3))", Conjugation(Unitary(3)), (3, 3), True),
    ("symmetric matrices", "Conjugation(SpecialOrthogonal(3))", Conjugation(SpecialOrthogonal(3)), (3, 3), False),
    ("SPD matrices", "Congruence(SpecialOrthogonal(3))", Congruence(SpecialOrthogonal(3)), (3, 3), False),
    ("tensors, l = 2", "irrep_action([2])", irrep_action([2]), (5,), False),
]


def _orbit_dimension(action: GroupAction, point: Tensor) -> int:
    """Of the orbit of a generic point."""
    fields = action.infinitesimal(point)
    wide = torch.view_as_real(fields) if fields.is_complex() else fields
    return int(torch.linalg.matrix_rank(wide.flatten(1))) if len(fields) else 0


def _has_nearest(action: GroupAction, point: Tensor) -> bool:
    return action.nearest_element(point, point) is not None


def _posterior(action: GroupAction) -> str:
    try:
        orbit_posterior(action)
    except OrbitPosteriorError:
        return "quadrature or sampling" if action.group.compact else "none: centre first"
    return "exact"


def _row(on: str, name: str, action: GroupAction, shape: tuple[int, ...], *, is_complex: bool) -> str:
    dtype = torch.complex128 if is_complex else torch.float64
    point = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=dtype)
    point = point + point.mH if on.endswith("matrices") else point
    hand_written = type(action).infinitesimal is not GroupAction.infinitesimal
    cells = [
        on,
        f"`{name}`",
        str(action.group.dim),
        str(_orbit_dimension(action, point)),
        "yes" if action.group.compact else "no",
        "yes" if action.linear else "no",
        "written" if hand_written else "derived",
        "closed form" if _has_nearest(action, point) else "descent",
        _posterior(action),
    ]
    return f"| {' | '.join(cells)} |"


def table() -> str:
    """The table in Markdown."""
    heads = [
        *("acts on", "action", "dim G", "orbits", "compact", "linear"),
        *("generators", "alignment", "orbit posterior"),
    ]
    rule = "| " + " | ".join(["---"] * len(heads)) + " |"
    rows = [_row(on, name, action, shape, is_complex=wide) for on, name, action, shape, wide in ACTIONS]
    return "\n".join([f"| {' | '.join(heads)} |", rule, *rows]) + "\n"


def with_table(text: str) -> str:
    """A page with the table in its place."""
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
