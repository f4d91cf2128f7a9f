"""What a set of laws found: verdicts, worst residuals and witnesses."""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from groups.errors import ActionError


class Verdict(enum.Enum):
    """What became of a law."""

    HOLDS = "holds"
    """No counterexample was found; this is not a proof."""
    REFUTED = "REFUTED"
    """A counterexample was found, or the code raised."""
    NOT_APPLICABLE = "not applicable"
    """The law says nothing here, for the reason given."""


@final
@dataclass(frozen=True, eq=False)
class Evidence:
    """How far a law is from holding at many points.

    Attributes:
        residual: relative to a natural scale of the law, shape ``[...]``.
        tolerance: what rounding may do, broadcasts against the residual. Points where it is above 1e-3 decide nothing.
        witness: named tensors whose leading axes are those of the residual, or which belong to all of it.
        note: remark for the report.
    """

    residual: Tensor
    tolerance: Tensor | float
    witness: Mapping[str, Tensor] = field(default_factory=dict)
    note: str = ""


@final
@dataclass(frozen=True)
class Inapplicable:
    """Why a law says nothing here.

    Attributes:
        reason: in a few words.
    """

    reason: str


@final
@dataclass(frozen=True, eq=False)
class LawResult:
    """The verdict on one law.

    Attributes:
        law: its name.
        verdict: what became of it.
        residual: the worst one in units of its tolerance; infinite when the code raised, NaN when not applicable.
        tolerance: at the same place.
        witness: the point, group elements and vectors of the worst residual.
        reason: the message of an exception, or why the law does not apply.
        seed: of the draws.
    """

    law: str
    verdict: Verdict
    residual: float
    tolerance: float
    witness: Mapping[str, Tensor]
    reason: str
    seed: int


#: A tolerance above this is as loose as the effects that laws look for.
LOOSEST_TOLERANCE = 1e-3


def _decide(law: str, evidence: Evidence, seed: int) -> LawResult:
    residual = evidence.residual.detach().to(torch.float64)
    tolerance = torch.as_tensor(evidence.tolerance, dtype=torch.float64).expand(residual.shape)
    decisive = tolerance <= LOOSEST_TOLERANCE
    if not bool(decisive.any()):
        return _silent(law, evidence.note or "no point drawn is well enough conditioned to decide", seed)
    ratio = torch.where(residual.isfinite(), residual / tolerance, torch.full_like(residual, math.inf))
    ratio = torch.where(decisive, ratio, torch.full_like(ratio, -1.0))
    index = torch.unravel_index(ratio.argmax(), ratio.shape)
    worst = float(residual[index])
    witness = {
        name: tensor[tuple(0 if size == 1 else i for i, size in zip(index, tensor.shape, strict=False))].detach()
        if tensor.ndim >= residual.ndim and residual.ndim
        else tensor.detach()
        for name, tensor in evidence.witness.items()
    }
    return LawResult(
        law=law,
        verdict=Verdict.REFUTED if float(ratio[index]) > 1.0 else Verdict.HOLDS,
        residual=worst,
        tolerance=float(tolerance[index]),
        witness=witness,
        reason=evidence.note,
        seed=seed,
    )


def _silent(law: str, reason: str, seed: int) -> LawResult:
    return LawResult(law, Verdict.NOT_APPLICABLE, math.nan, math.nan, {}, reason, seed)


def judge(law: str, trial: Callable[[], Evidence | Inapplicable], *, seed: int) -> LawResult:
    """Try a law. An exception is a refutation, and so is a residual that is not a number.

    Args:
        law: name of the law.
        trial: computes the evidence.
        seed: of the draws, for the record.
    """
    try:
        found = trial()
        return _silent(law, found.reason, seed) if isinstance(found, Inapplicable) else _decide(law, found, seed)
    except Exception as error:
        message = f"{type(error).__name__}: {' '.join(str(error).split())}"
        return LawResult(law, Verdict.REFUTED, math.inf, 0.0, {}, message, seed)


def _show(tensor: Tensor) -> str:
    return " ".join(repr(tensor.tolist()).split())


@final
@dataclass(frozen=True, eq=False)
class Report:
    """The verdicts on every law, in the order in which they were tried.

    Attributes:
        subject: what was tried.
        results: one for each law.
        error: what :meth:`raise_if_refuted` raises.

    ``str(report)`` is a table, followed by the witnesses of refuted laws.
    """

    subject: str
    results: tuple[LawResult, ...]
    error: type[ValueError] = ActionError

    @property
    def ok(self) -> bool:
        """Whether no law was refuted."""
        return not self.refuted

    @property
    def refuted(self) -> tuple[LawResult, ...]:
        """The laws that were refuted."""
        return tuple(result for result in self.results if result.verdict is Verdict.REFUTED)

    def result(self, law: str) -> LawResult:
        """The verdict on the law of this name.

        Raises:
            KeyError: with the names there are.
        """
        for result in self.results:
            if result.law == law:
                return result
        raise KeyError(f"no law is called {law!r}; the laws are {[result.law for result in self.results]}")

    def raise_if_refuted(self) -> None:
        """Raise :attr:`error`, naming the refuted laws and the first one's witness; do nothing when all hold."""
        if self.ok:
            return
        first = self.refuted[0]
        others = f" ({len(self.refuted)} laws refuted in all)" if len(self.refuted) > 1 else ""
        raise self.error(f"{self.subject}: {self._explain(first)}{others}")

    @staticmethod
    def _explain(result: LawResult) -> str:
        what = f"{result.law!r} is refuted with seed {result.seed}"
        if math.isinf(result.residual) and not result.witness:
            return f"{what}: {result.reason}"
        at = ", ".join(f"{name} = {_show(tensor)}" for name, tensor in result.witness.items())
        return f"{what}: residual {result.residual:.3g} > {result.tolerance:.2g} at {at}"

    def __str__(self) -> str:
        width = max([len(result.law) for result in self.results], default=3)
        lines = [self.subject, f"{'law':<{width}}  {'verdict':<14}  {'residual':>9}  {'tolerance':>9}  note"]
        for result in self.results:
            numbers = (
                f"{'':>9}  {'':>9}"
                if math.isnan(result.residual)
                else f"{result.residual:9.2e}  {result.tolerance:9.1e}"
            )
            lines.append(f"{result.law:<{width}}  {result.verdict.value:<14}  {numbers}  {result.reason}".rstrip())
        held = sum(result.verdict is Verdict.HOLDS for result in self.results)
        silent = sum(result.verdict is Verdict.NOT_APPLICABLE for result in self.results)
        lines.append(f"{held} hold, {len(self.refuted)} refuted, {silent} not applicable")
        lines += [self._explain(result) for result in self.refuted]
        return "\n".join(lines)
