"""Simplification of bounded effort: a few normal forms for expressions of bounded size, never a search."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportReturnType=false, reportAssignmentType=false

from __future__ import annotations

from collections.abc import Mapping

import sympy as sp

_FEW = 4
_MAX_OPS = 1500
_MAX_OPS_OF_MANY = 250
_MAX_FACTOR_OPS = 400
_MAX_FACTOR_OPS_OF_MANY = 60
_MAX_TRIG_OPS = 120
_QUOTIENTS = {
    sp.tan: lambda angle: sp.sin(angle) / sp.cos(angle),
    sp.cot: lambda angle: sp.cos(angle) / sp.sin(angle),
    sp.sec: lambda angle: 1 / sp.cos(angle),
    sp.csc: lambda angle: 1 / sp.sin(angle),
}


def tidy(expression: sp.Expr) -> sp.Expr:
    """The shortest of a few normal forms; larger expressions come back as they are."""
    if expression.is_Atom or expression.is_number:
        return expression
    few = len(expression.free_symbols) <= _FEW
    if expression.count_ops() > (_MAX_OPS if few else _MAX_OPS_OF_MANY):
        return expression
    reduced = _rational(_plain_trigonometry(expression)) if expression.has(sp.Function) else _rational(expression)
    reduced = _rational(reduced) if reduced.atoms(sp.Pow) and _has_roots(reduced) else reduced
    forms = [expression, reduced]
    operations = reduced.count_ops()
    if operations <= (_MAX_FACTOR_OPS if few else _MAX_FACTOR_OPS_OF_MANY):
        forms.append(sp.factor(reduced))
        forms.append(sp.factor_terms(reduced))
    if operations <= _MAX_FACTOR_OPS and _has_roots(reduced):
        forms.append(_by_root(reduced))
    if operations <= _MAX_TRIG_OPS and reduced.has(sp.sin, sp.cos):
        forms += [sp.trigsimp(form) for form in forms[1:]]
    return min(forms, key=_length)


def tidy_matrix(matrix: sp.MatrixBase) -> sp.ImmutableMatrix:
    """`tidy` of every entry."""
    return sp.ImmutableMatrix(matrix.applyfunc(tidy))


def _length(expression: sp.Expr) -> tuple[int, int]:
    return int(sp.count_ops(expression)), len(str(expression))


def _has_roots(expression: sp.Expr) -> bool:
    return any(power.exp.is_Rational and not power.exp.is_Integer for power in expression.atoms(sp.Pow))


def _by_root(expression: sp.Expr) -> sp.Expr:
    """Common factors found modulo rho^2 = B for one root rho of a B that is quadratic in some symbol."""
    roots = {p.base for p in expression.atoms(sp.Pow) if p.exp.is_Rational and p.exp.q == 2 and not p.base.is_number}
    if len(roots) != 1:
        return expression
    base = roots.pop()
    rho = sp.Dummy(positive=True)
    for symbol in sorted(base.free_symbols, key=str):
        if not base.is_polynomial(symbol) or sp.degree(base, symbol) != 2:
            continue
        leading, linear, rest = sp.Poly(base, symbol).all_coeffs()
        if linear != 0 or not leading.is_number:
            continue
        hidden = expression.replace(lambda e: e.is_Pow and e.base == base, lambda e: rho ** (2 * e.exp))
        parts = [sp.expand(part) for part in sp.fraction(sp.together(hidden))]
        if not all(part.is_polynomial(symbol) for part in parts):
            return expression
        square = (rho**2 - rest) / leading
        numerator, denominator = (
            sp.Add(*(c * symbol ** (k % 2) * square ** (k // 2) for (k,), c in sp.Poly(part, symbol).terms()))
            for part in parts
        )
        return sp.factor(sp.cancel(numerator / denominator)).subs(rho, sp.sqrt(base))
    return expression


def _rational(expression: sp.Expr) -> sp.Expr:
    """Numerator over denominator without common factors, modulo sin^2 + cos^2 = 1."""
    numerator, denominator = sp.fraction(sp.together(expression))
    angles = {f.args[0] for f in expression.atoms(sp.sin)} & {f.args[0] for f in expression.atoms(sp.cos)}
    for angle in angles:
        numerator, denominator = (_without_squares(part, angle) for part in (numerator, denominator))
    if numerator == 0:
        return sp.S.Zero
    return sp.cancel(numerator / denominator)


def _without_squares(expression: sp.Expr, angle: sp.Expr) -> sp.Expr:
    """Even powers of the sine written in the cosine."""
    sine, cosine = sp.sin(angle), sp.cos(angle)
    expanded = sp.expand(expression)
    if not expanded.is_polynomial(sine):
        return expression
    polynomial = sp.Poly(expanded, sine)
    terms = (c * sine ** (k % 2) * (1 - cosine**2) ** (k // 2) for (k,), c in polynomial.terms())
    return sp.expand(sp.Add(*terms))


def _plain_trigonometry(expression: sp.Expr) -> sp.Expr:
    """Sines and cosines, of sums of angles expanded where several angles occur."""
    for quotient, plain in _QUOTIENTS.items():
        expression = expression.replace(quotient, plain)
    angles = {f.args[0] for f in expression.atoms(sp.sin, sp.cos)}
    return sp.expand_trig(expression) if len(angles) > 1 else expression


def open_roots(expression: sp.Expr, sample: Mapping[sp.Symbol, sp.Expr]) -> sp.Expr:
    """Roots and absolute values of squares replaced by the branch that holds at the sample.

    The branch is right on the connected set around the sample where the square does not vanish.
    """

    def branch(part: sp.Expr) -> sp.Expr:
        return -part if part.subs(sample).evalf(20) < 0 else part

    def root(base: sp.Expr, exponent: sp.Expr) -> sp.Expr:
        rest, factors = sp.factor_list(base)
        outside = sp.S.One
        for part, power in factors:
            outside *= branch(part) ** (2 * exponent * (power // 2))
            rest *= part ** (power % 2)
        return outside * rest**exponent

    def half_power(power: sp.Expr) -> sp.Expr:
        base, exponent = power.as_base_exp()
        if base.is_number:
            return power
        numerator, denominator = sp.fraction(sp.together(tidy(base)))
        return root(numerator, exponent) * root(denominator, -exponent)

    opened = expression.replace(lambda e: e.is_Pow and e.exp.is_Rational and e.exp.q == 2, half_power)
    return opened.replace(sp.Abs, branch)
