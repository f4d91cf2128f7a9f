"""Attempts to refute, at random points, that the input describes an isometric action."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import mpmath

from quotient.errors import ClaimError
from quotient.symbolic._sampling import DIGITS, Numbers, evaluate_at_random, independent_columns, is_zero, size
from quotient.symbolic.action import Chart
from quotient.symbolic.errors import SymbolicError


def check_action(chart: Chart) -> None:
    """Metric positive definite, generators Killing fields that close under brackets.

    Raises:
        SymbolicError: metric or brackets are wrong.
        ClaimError: a generator is not a Killing field.
    """
    symbols, metric, fields = chart.coordinates, chart.metric, chart.generators
    jacobians = [fields[:, a].jacobian(symbols) for a in range(fields.cols)]
    slopes = [metric.diff(symbol) for symbol in symbols]
    for point, (g, xi, *rest) in evaluate_at_random(symbols, [metric, fields, *jacobians, *slopes], count=2):
        where = ", ".join(f"{s} = {mpmath.nstr(v, 4)}" for s, v in zip(symbols, point, strict=True))
        with mpmath.workdps(DIGITS):
            _check_metric(g, where)
            turned, dg = rest[: fields.cols], rest[fields.cols :]
            for a, jacobian in enumerate(turned):
                change = g * jacobian + (g * jacobian).T
                for k, slope in enumerate(dg):
                    change += slope * xi[k, a]
                if not is_zero(change, size(g) * size(jacobian)):
                    raise ClaimError(
                        f"generator {a + 1} is no Killing field: along it the metric changes by "
                        f"{mpmath.nstr(size(change), 4)} at {where}, so the action is not isometric; change the metric"
                    )
            _check_brackets(xi, turned, where)


def _check_metric(g: Numbers, where: str) -> None:
    if not is_zero(g - g.T, size(g)):
        raise SymbolicError(f"got a metric that is not symmetric at {where}")
    if min(mpmath.eigsy(g, eigvals_only=True)) <= 0:
        raise SymbolicError(f"got a metric that is not positive definite at {where}")


def _check_brackets(xi: Numbers, jacobians: list[Numbers], where: str) -> None:
    count = len(jacobians)
    pairs = [(a, b) for a in range(count) for b in range(a)]
    everything = mpmath.matrix(xi.rows, count + len(pairs))
    everything[:, :count] = xi
    for k, (a, b) in enumerate(pairs):
        everything[:, count + k] = jacobians[b] * xi[:, a] - jacobians[a] * xi[:, b]
    if any(k >= count for k in independent_columns(everything)):
        raise SymbolicError(
            f"the brackets of the generators leave their span at {where}: they belong to no group action; add the "
            "missing generators"
        )
