"""The two processes on the quotient, in invariants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import sympy as sp

from quotient.symbolic._printing import Row, align, lines, operator
from quotient.symbolic._simplify import tidy
from quotient.symbolic._torch import ProcessFunctions, compile_tensor


@final
@dataclass(frozen=True)
class ProcessGenerator:
    """Generators of the projected and the intrinsic process, 1/2 a_ij d_i d_j + b_i d_i.

        a_ij = <grad f_i, grad f_j>,   b_i = 1/2 Lap_M f_i   (projected: the image of Brownian motion of M)
        b_i + 1/2 <H, grad f_i>                              (intrinsic: Brownian motion of M/G)

    Attributes:
        names: the symbols q_i, or the coordinates of M when invariants had no names.
        invariants: f_i(x), k expressions.
        diffusion: a, k x k.
        drift: b, k x 1.
        curvature: <H, grad f_i>, k x 1.
        section: x = s(q), n x 1; the coordinates themselves when invariants had no names.
        gram: Gram matrix of all generators at the section, m x m.
        mean_curvature: components of H at the section, n x 1.
        orbit_volume: up to a constant; None where it is not constant along orbits.
        named: whether the formulas are written in the names of the invariants.
    """

    names: tuple[sp.Symbol, ...]
    invariants: tuple[sp.Expr, ...]
    diffusion: sp.ImmutableMatrix
    drift: sp.ImmutableMatrix
    curvature: sp.ImmutableMatrix
    section: sp.ImmutableMatrix
    gram: sp.ImmutableMatrix
    mean_curvature: sp.ImmutableMatrix
    orbit_volume: sp.Expr | None
    named: bool

    @property
    def intrinsic_drift(self) -> sp.ImmutableMatrix:
        """Drift of the intrinsic process, k x 1."""
        return sp.ImmutableMatrix((self.drift + self.curvature / 2).applyfunc(tidy))

    def torch(self) -> ProcessFunctions:
        """Coefficients as functions of q ``[..., k]``, or of x where the invariants have no names."""
        count = len(self.invariants)
        return ProcessFunctions(
            diffusion=compile_tensor(self.names, lambda: self.diffusion.flat(), (count, count)),
            drift=compile_tensor(self.names, lambda: self.drift.flat(), (count,)),
            intrinsic_drift=compile_tensor(self.names, lambda: self.intrinsic_drift.flat(), (count,)),
        )

    def _rows(self) -> list[Row]:
        labels = self.names if self.named else sp.symbols(f"q1:{len(self.invariants) + 1}")
        rows: list[Row] = [
            (sp.latex(label), str(label), expression) for label, expression in zip(labels, self.invariants, strict=True)
        ]
        projected = operator(labels, self.diffusion, self.drift)
        intrinsic = operator(labels, self.diffusion, self.intrinsic_drift)
        rows.append((r"\mathcal{L}_{\mathrm{projected}}", "projected generator", projected))
        rows.append((r"\mathcal{L}_{\mathrm{intrinsic}}", "intrinsic generator", intrinsic))
        if self.named:
            rows += [
                ("s", "section", self.section),
                ("A(s)", "Gram matrix there", self.gram),
                ("H(s)", "mean curvature there", self.mean_curvature),
            ]
        if self.orbit_volume is not None:
            rows.append((r"\operatorname{vol}", "orbit volume", self.orbit_volume))
        return rows

    def latex(self) -> str:
        """Invariants and generators as an `align*` environment."""
        return align(self._rows())

    def __str__(self) -> str:
        return lines(self._rows())
