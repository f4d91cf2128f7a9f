"""Orders of convergence of the lifted schemes: away from singular orbits, through them, and with a wrong drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter
from order_series import FAR, MIXTURES, NEAR, Series, brownian, flow, sampled, strong, through
from rich.progress import track
from style import BLUE, GREEN, GREY, HERE, ORANGE, PURPLE, RED, SKY, panels, save, signed, write_table

from diffusion import Euler, Heun
from quotient import AlwaysLifted, UnprojectedNearSmallOrbits

SAFE, PLAIN = UnprojectedNearSmallOrbits(), AlwaysLifted()
FAR_STEPS, FINE_STEPS = [2, 4, 8, 16, 32], [32, 64, 128, 256, 512]
HEADER = ("scheme", "declared", "order, |x|²", "order, second", "error of", "largest", "at the finest step", "± s.e.")
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)


def _short(name: str) -> str:
    """What a legend has room for."""
    for long, brief in (("Brownian motion", "motion"), (" from |x| = ½", ""), (" Euler–Maruyama", ""), (" rule", "")):
        name = name.replace(long, brief)
    return name


def _draw(axis: Axes, found: Sequence[Series], column: int, title: str, label: str) -> None:
    for place, one in enumerate(found):
        value = one.values[:, column].abs() ** (1 / one.exponent)
        axis.loglog(one.step, value, "os^Dv*"[place] + "-", color=COLOURS[place], label=_short(one.name), markersize=4)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set(title=title, xlabel="step h", ylabel=label)
    axis.legend(fontsize=8, loc="upper left")


def _guide(axis: Axes, order: float, start: tuple[float, float], end: float) -> None:
    """A line of a slope from a point to an abscissa."""
    height = start[1] * (end / start[0]) ** order
    axis.plot([start[0], end], [start[1], height], color=GREY, linewidth=1, linestyle=":")
    power = {0.5: "h^{1/2}", 1: "h", 2: "h^2"}[order]
    axis.annotate(f"${power}$", (end, height), fontsize=10, color=GREY, ha="left", va="center")


def picture(folder: Path, found: dict[str, list[Series]]) -> None:
    """Four panels: away from singular orbits, a wrong drift, through small orbits, along paths."""
    figure, axes = panels(2, 2, height=4.0)
    weak = found["sampler"][::2]
    size, change = "error of E|x|²", "r.m.s. change from h to h/2"
    _draw(axes[0], [*found["far"], weak[0], weak[-1]], 0, "Away from singular orbits", size)
    _guide(axes[0], 1, (1.2e-2, 1.5e-5), 8e-2)
    axes[0].set_ylim(1e-5, 30)
    _draw(axes[1], found["wrong"], 0, "Curvature drift, R⁴ˣ³/SE(3)", size)
    axes[1].set_ylim(1e-5, 300)
    near = [*found["safe"], *found["plain"]]
    _draw(axes[2], near, 1, "Through small orbits", "error of E exp(−c|x|²)")
    _guide(axes[2], 1, (2e-3, 2e-6), 2e-2)
    axes[2].set_ylim(1e-6, 3)
    _draw(axes[3], [*found["strong"], *found["flow"][:2]], 0, "Along paths", change)
    for order, (start, height) in {0.5: (6e-3, 1.4e-3), 1: (6e-3, 3e-4), 2: (6e-3, 1.2e-5)}.items():
        _guide(axes[3], order, (start, height), 4e-2)
    axes[3].set_ylim(1e-5, 30)
    save(figure, folder, "orders")


def _number(value: float) -> str:
    return f"{value:.1e}".replace("-", "−")


def _row(one: Series, *, column: int = 0, moments: bool = True) -> tuple[str, ...]:
    """Orders, and the errors of the invariant ``column``; without ``moments`` that of |x|^2 has no mean."""
    orders = [f"{signed(slope)} ± {spread:.2f}" for slope, spread in one.slopes.tolist()]
    path = one.exponent == 2
    seen = one.values[:, column].abs() ** (1 / one.exponent)
    spread = one.errors[-1, column] / (2 * seen[-1] if path else 1)
    return (
        f"along paths: {one.name}" if path else one.name,
        "" if one.declared is None else f"{one.declared:g}",
        orders[0] if moments else "no mean",
        "" if path else orders[1],
        "path" if path else ("|x|²", "second")[column],
        *(_number(float(value)) for value in (seen.max(), seen[-1], spread)),
    )


def jobs(scale: float) -> dict[str, Callable[[], list[Series]]]:
    """What is computed, by name; ``scale`` multiplies all numbers of paths."""

    def some(count: int) -> int:
        return max(20, round(scale * count))

    turning, plain = "default rule", "plain Euler–Maruyama"
    return {
        "far": lambda: [
            brownian(f"Brownian motion, {name}", start, FAR_STEPS, SAFE, factor=1.0, count=some(200))
            for name, start in FAR.items()
        ],
        "wrong": lambda: [
            brownian(name, FAR["R⁴ˣ³/SE(3)"], FAR_STEPS, SAFE, factor=factor, count=some(200))
            for factor, name in ((1.0, "drift −½ H"), (0.0, "no drift"), (-1.0, "drift +½ H"))
        ],
        "sampler": lambda: [
            one
            for name, oracle in MIXTURES.items()
            for one in sampled(f"SDE sampler, {name}", oracle, [8, 16, 32, 64], some(1500 if "ˣ" in name else 400))
        ],
        "strong": lambda: strong([8, 16, 32, 64, 128], some(400)),
        "flow": lambda: [
            flow(f"{type(method).__name__}, {name}", MIXTURES[name], method, [16, 32, 64, 128], some(40))
            for name in ("R²/SO(2)", "R⁴ˣ³/SE(3)")
            for method in (Euler(), Heun())
        ],
        "safe": lambda: [
            brownian(f"{name}, {turning}", start, FINE_STEPS, SAFE, factor=1.0, count=some(1200))
            for name, start in NEAR.items()
        ],
        "plain": lambda: [
            brownian(f"{name}, {plain}", start, FINE_STEPS, PLAIN, factor=1.0, count=some(1200))
            for name, start in NEAR.items()
        ],
        "through": lambda: [
            through(f"SDE sampler, R²/SO(2), {kind}", rule, [4, 8, 16, 32, 64], some(40_000))
            for kind, rule in ((turning, SAFE), (plain, PLAIN))
        ],
    }


def make(folder: Path, *, scale: float = 1.0) -> dict[str, list[Series]]:
    """Write ``orders.png`` and ``table_orders.md``; return all series.

    The second invariant is exp(-c |x|^2) for Brownian motions and for laws that meet small orbits; for the SDE sampler
    away from them |x| on R^n and the signed volume of a simplex of points on clouds. Along paths the order is that of
    the root mean square change from h to h/2. About three minutes of one core for ``scale`` 1.
    """
    work = jobs(scale)
    found = {name: job() for name, job in track(work.items(), description="orders of convergence", total=len(work))}
    picture(folder, found)
    weak, along = found["sampler"][::2], found["sampler"][1::2]
    rows = [_row(one) for one in found["far"]]
    rows += [_row(replace(one, name=f"{rows[-1][0]}, {one.name}", declared=None)) for one in found["wrong"][1:]]
    rows += [_row(one) for one in weak]
    rows += [_row(one) for one in (*found["strong"], *along, *found["flow"])]
    through_small = (*found["safe"], *found["plain"], *found["through"])
    # orders are declared for laws that stay away from singular orbits
    rows += [_row(replace(one, declared=None), column=1, moments="plain" not in one.name) for one in through_small]
    write_table(folder, "orders", HEADER, rows)
    return found


def main() -> None:
    """Make the picture and the table of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
