"""Actions with known answers, ready for :func:`quotient.symbolic.derive` and for the command line.

Each function returns a :class:`SymbolicAction` with metric, invariants and section, so that

    derive(example()).generator(example().invariants, section=example().section)

gives both processes on the quotient.
"""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false

from __future__ import annotations

import sympy as sp

from quotient.symbolic.action import SymbolicAction


def plane_rotations() -> SymbolicAction:
    """R^2 modulo SO(2): the radius is a Bessel process of dimension two, or reflected Brownian motion."""
    x, y, theta = sp.symbols("x y theta", real=True)
    r = sp.Symbol("r", positive=True)
    rotation = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    return SymbolicAction(
        (x, y), (theta,), rotation * sp.Matrix([x, y]), invariants={r: sp.sqrt(x**2 + y**2)}, section=(r, 0)
    )


def space_rotations() -> SymbolicAction:
    """R^3 modulo SO(3), with stabiliser SO(2): the radius is a Bessel process of dimension three."""
    x = sp.symbols("x y z", real=True)
    omega = sp.symbols("omega_1:4", real=True)
    r = sp.Symbol("r", positive=True)
    point = sp.Matrix(x)
    return SymbolicAction(
        x, omega, point + sp.Matrix(omega).cross(point), invariants={r: sp.sqrt(point.dot(point))}, section=(0, 0, r)
    )


def symmetric_conjugation() -> SymbolicAction:
    """Symmetric 2 x 2 matrices modulo conjugation by O(2): eigenvalues, Dyson's process with beta = 1."""
    a, b, c, theta = sp.symbols("a b c theta", real=True)
    rotation = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    moved = rotation * sp.Matrix([[a, c], [c, b]]) * rotation.T
    upper, lower = sp.symbols("lambda_1 lambda_2", real=True)
    gap = sp.sqrt((a - b) ** 2 + 4 * c**2)
    return SymbolicAction(
        (a, b, c),
        (theta,),
        (moved[0, 0], moved[1, 1], moved[0, 1]),
        metric=sp.diag(1, 1, 2),
        invariants={upper: (a + b + gap) / 2, lower: (a + b - gap) / 2},
        section=(upper, lower, 0),
    )


def hermitian_conjugation() -> SymbolicAction:
    """Hermitian 2 x 2 matrices modulo conjugation by U(2), with torus stabiliser: Dyson's process with beta = 2.

    The generators are i[S, M] for the Pauli matrices S and the identity, an orthonormal basis for an Ad-invariant form.
    """
    a, b, c, d = sp.symbols("a b c d", real=True)
    matrix = sp.Matrix([[a, c + sp.I * d], [c - sp.I * d, b]])
    pauli = (
        sp.Matrix([[0, 1], [1, 0]]),
        sp.Matrix([[0, -sp.I], [sp.I, 0]]),
        sp.Matrix([[1, 0], [0, -1]]),
        sp.eye(2),
    )
    columns = []
    for basis in pauli:
        change = (sp.I * (basis * matrix - matrix * basis)).expand()
        columns.append([change[0, 0], change[1, 1], sp.re(change[0, 1]), sp.im(change[0, 1])])
    upper, lower = sp.symbols("lambda_1 lambda_2", real=True)
    gap = sp.sqrt((a - b) ** 2 + 4 * c**2 + 4 * d**2)
    return SymbolicAction(
        (a, b, c, d),
        generators=sp.Matrix(columns).T,
        metric=sp.diag(1, 1, 2, 2),
        invariants={upper: (a + b + gap) / 2, lower: (a + b - gap) / 2},
        section=(upper, lower, 0, 0),
    )


def hopf_fibration() -> SymbolicAction:
    """S^3 modulo U(1) in the chart z = (sin(eta) e^(i xi_1), cos(eta) e^(i xi_2)): great circles, H = 0.

    The quotient is the sphere of radius 1/2 with polar angle theta = 2 eta and longitude phi = xi_1 - xi_2.
    """
    eta = sp.Symbol("eta", positive=True)
    xi_1, xi_2, shift = sp.symbols("xi_1 xi_2 t", real=True)
    theta = sp.Symbol("theta", positive=True)
    phi = sp.Symbol("phi", real=True)
    return SymbolicAction(
        (eta, xi_1, xi_2),
        (shift,),
        (eta, xi_1 + shift, xi_2 + shift),
        metric=sp.diag(1, sp.sin(eta) ** 2, sp.cos(eta) ** 2),
        invariants={theta: 2 * eta, phi: xi_1 - xi_2},
        section=(theta / 2, phi, 0),
    )


def spinor_phases() -> SymbolicAction:
    """C^2 modulo U(1), the cone over the Hopf fibration: n = psi^* sigma psi, with |n| = |psi|^2."""
    x1, y1, x2, y2, t = sp.symbols("x_1 y_1 x_2 y_2 t", real=True)
    n1, n2, n3 = sp.symbols("n_1 n_2 n_3", real=True)
    norm = sp.sqrt(n1**2 + n2**2 + n3**2)
    first = sp.sqrt((norm + n3) / 2)
    turn = sp.Matrix([[sp.cos(t), -sp.sin(t)], [sp.sin(t), sp.cos(t)]])
    return SymbolicAction(
        (x1, y1, x2, y2),
        (t,),
        [*(turn * sp.Matrix([x1, y1])), *(turn * sp.Matrix([x2, y2]))],
        invariants={
            n1: 2 * (x1 * x2 + y1 * y2),
            n2: 2 * (x1 * y2 - y1 * x2),
            n3: x1**2 + y1**2 - x2**2 - y2**2,
        },
        section=(first, 0, n1 / (2 * first), n2 / (2 * first)),
    )


def half_plane_translations() -> SymbolicAction:
    """The hyperbolic plane modulo horizontal translations: orbits are horocycles, H = y d_y, t = log y."""
    x, shift, t = sp.symbols("x s t", real=True)
    y = sp.Symbol("y", positive=True)
    return SymbolicAction(
        (x, y), (shift,), (x + shift, y), metric=sp.eye(2) / y**2, invariants={t: sp.log(y)}, section=(0, sp.exp(t))
    )


def half_plane_affine() -> SymbolicAction:
    """The hyperbolic plane under its affine group, which is not unimodular: one orbit, H = 0, no invariant volume."""
    x, shift, scale = sp.symbols("x s k", real=True)
    y = sp.Symbol("y", positive=True)
    return SymbolicAction(
        (x, y), (shift, scale), (scale * x + shift, scale * y), identity=(0, 1), metric=sp.eye(2) / y**2
    )


def three_particles_in_the_plane() -> SymbolicAction:
    """Three particles in R^2 modulo SE(2), in their distances."""
    x = sp.symbols("x_1 y_1 x_2 y_2 x_3 y_3", real=True)
    shift = sp.Matrix(sp.symbols("s_1 s_2", real=True))
    theta = sp.Symbol("theta", real=True)
    rotation = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    points = [sp.Matrix(x[k : k + 2]) for k in (0, 2, 4)]
    r12, r13, r23 = sp.symbols("r_12 r_13 r_23", positive=True)
    pairs = {r12: (0, 1), r13: (0, 2), r23: (1, 2)}
    along = (r12**2 + r13**2 - r23**2) / (2 * r12)
    return SymbolicAction(
        x,
        (theta, *shift),
        [entry for point in points for entry in rotation * point + shift],
        invariants={r: (points[a] - points[b]).norm() for r, (a, b) in pairs.items()},
        section=(0, 0, r12, 0, along, sp.sqrt(r13**2 - along**2)),
    )


def three_particles_in_space() -> SymbolicAction:
    """Three centred particles in R^3 modulo SO(3), in their inertia frame.

    Coordinates are the orthonormal Jacobi vectors u = (x_1 - x_2) / sqrt(2) and v = (x_1 + x_2 - 2 x_3) / sqrt(6): an
    isometry from R^9 modulo translations. Invariants are the principal radii, sum_a x_a x_a^T = diag(rho_1^2, rho_2^2,
    0), and the angle phi of the particles among the principal axes; on the section the particles are

        x_a = (rho_1 (w_a cos phi + z_a sin phi), rho_2 (z_a cos phi - w_a sin phi), 0)

    with w = (1, -1, 0) / sqrt(2) and z = (1, 1, -2) / sqrt(6).
    """
    u, v = sp.symbols("u_1:4", real=True), sp.symbols("v_1:4", real=True)
    omega = sp.Matrix(sp.symbols("omega_1:4", real=True))
    first, second = sp.Matrix(u), sp.Matrix(v)
    total = first.dot(first) + second.dot(second)
    difference, product = first.dot(first) - second.dot(second), first.dot(second)
    gap = sp.sqrt(difference**2 + 4 * product**2)
    rho_1, rho_2 = sp.symbols("rho_1 rho_2", positive=True)
    phi = sp.Symbol("phi", real=True)
    cosine, sine = sp.cos(phi), sp.sin(phi)
    return SymbolicAction(
        (*u, *v),
        tuple(omega),
        [*(first + omega.cross(first)), *(second + omega.cross(second))],
        invariants={
            rho_1: sp.sqrt((total + gap) / 2),
            rho_2: sp.sqrt((total - gap) / 2),
            phi: sp.atan2(2 * product, difference) / 2,
        },
        section=(rho_1 * cosine, -rho_2 * sine, 0, rho_1 * sine, rho_2 * cosine, 0),
    )


def rotations_modulo_an_axis() -> SymbolicAction:
    """SO(3) modulo right rotations about e_3, metric tr(u^T v), g = R_3(alpha) R_2(theta) R_3(gamma).

    The quotient is the sphere of radius sqrt(2) of the directions g e_3.
    """
    alpha, gamma, turn, phi = sp.symbols("alpha gamma t phi", real=True)
    beta, theta = sp.symbols("beta theta", positive=True)
    cosine = sp.cos(beta)
    return SymbolicAction(
        (alpha, beta, gamma),
        (turn,),
        (alpha, beta, gamma + turn),
        metric=2 * sp.Matrix([[1, 0, cosine], [0, 1, 0], [cosine, 0, 1]]),
        invariants={theta: beta, phi: alpha},
        section=(phi, theta, 0),
    )


def low_rank_factors() -> SymbolicAction:
    """3 x 2 matrices y modulo right SO(2): the eigenvalues of y y^T, the process of Wishart and Bru."""
    y = sp.Matrix(3, 2, sp.symbols("y_1:7", real=True))
    theta = sp.Symbol("theta", real=True)
    upper, lower = sp.symbols("lambda_1 lambda_2", positive=True)
    rotation = sp.Matrix([[sp.cos(theta), -sp.sin(theta)], [sp.sin(theta), sp.cos(theta)]])
    gram = y.T * y
    gap = sp.sqrt((gram[0, 0] - gram[1, 1]) ** 2 + 4 * gram[0, 1] ** 2)
    return SymbolicAction(
        tuple(y),
        (theta,),
        tuple(y * rotation.T),
        invariants={upper: (gram.trace() + gap) / 2, lower: (gram.trace() - gap) / 2},
        section=(sp.sqrt(upper), 0, 0, sp.sqrt(lower), 0, 0),
    )


def correlations() -> SymbolicAction:
    """Positive definite 2 x 2 matrices d c d modulo diagonal congruence, d = exp(diag(u, v)), c of correlation rho.

    The metric is the affine-invariant one, tr((x^-1 dx)^2).
    """
    u, v, rho, q = sp.symbols("u v rho q", real=True)
    s, t = sp.symbols("s t", real=True)
    c = sp.Matrix([[1, rho], [rho, 1]])
    units = [sp.diag(1, 0), sp.diag(0, 1)]
    changes = [unit * c + c * unit for unit in units] + [c.diff(rho)]
    return SymbolicAction(
        (u, v, rho),
        (s, t),
        (u + s, v + t, rho),
        metric=sp.Matrix(3, 3, lambda i, j: sp.cancel((c.inv() * changes[i] * c.inv() * changes[j]).trace())),
        invariants={q: rho},
        section=(0, 0, q),
    )


def rotation_classes() -> SymbolicAction:
    """SO(3), metric of unit angles, modulo conjugation: the angle, whose orbits have the volume (1 - cos theta).

    Coordinates are those of Rodrigues, tan(theta / 2) times the axis, which conjugation rotates.
    """
    space = space_rotations()
    b = sp.Matrix(space.coordinates)
    square = b.dot(b)
    theta = sp.Symbol("theta", positive=True)
    return SymbolicAction(
        space.coordinates,
        space.parameters,
        space.image,
        metric=4 * ((1 + square) * sp.eye(3) - b * b.T) / (1 + square) ** 2,
        invariants={theta: 2 * sp.atan(sp.sqrt(square))},
        section=(0, 0, sp.tan(theta / 2)),
    )
