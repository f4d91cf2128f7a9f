"""Which optima drive samplers that recover the data in law: exact fields on flat quotients, without a network."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import scipy
import torch
from flat_quotients import REFERENCES, SEEDS, Case, cases
from rich.progress import Progress
from scipy import stats
from style import HERE, table
from torch import Tensor

from diffusion import AlignedPrediction, AlignedTarget, Equivariant, OrbitAveraged, Quotient, VelocityField
from diffusion.conversions import velocity_from_denoiser
from diffusion.rivals import AlignedPredictionOptimum, AlignedTargetOptimum
from quotient import OrbitSpace

#: A law is recovered where every seed has a larger p, and missed where every seed has a smaller one.
THRESHOLD = 1e-4


@final
@dataclass(frozen=True)
class Comparison:
    """Two-sample Kolmogorov-Smirnov tests of samples against exact draws, one for each seed.

    Of several invariants the one with the smallest p speaks for a seed.

    Attributes:
        distances: largest differences of the distribution functions, one for each seed.
        p_values: likewise.
    """

    distances: list[float]
    p_values: list[float]

    @classmethod
    def of(cls, case: Case, samples: Tensor) -> Comparison:
        """Compare samples ``[seeds, count, *point_shape]`` with exact draws."""
        distances, p_values = [], []
        for run in samples:
            tests: list[Any] = [
                stats.ks_2samp(invariant(run), case.expected[name], method="asymp")
                for name, invariant in case.invariants.items()
            ]
            worst = min(tests, key=lambda test: test.pvalue)
            distances.append(float(worst.statistic))
            p_values.append(float(worst.pvalue))
        return cls(distances, p_values)

    @property
    def recovered(self) -> bool:
        """Whether no seed refutes the sampler."""
        return min(self.p_values) > THRESHOLD

    @property
    def missed(self) -> bool:
        """Whether every seed refutes the sampler."""
        return max(self.p_values) < THRESHOLD

    def __str__(self) -> str:
        mark = "✓" if self.recovered else "✗" if self.missed else "?"
        least = min(self.p_values)
        return f"{mark} {max(self.distances):.3f} ({f'{least:.0e}' if least > 1e-99 else '<1e-99'})"


def with_vertical_part(case: Case) -> VelocityField:
    """An optimum of the quotient treatment: the exact denoiser plus a vertical field that breaks every symmetry."""
    mixture = case.mixture

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        arbitrary = 3.0 * (1.0 + x.roll(1, -1))
        denoiser = mixture.denoiser(x, t) + mixture.quotient.vertical_projection(arbitrary, x)
        return velocity_from_denoiser(denoiser, x, t, mixture.interpolant.schedule)

    return velocity


def with_drift_of(neighbour: OrbitSpace, case: Case) -> VelocityField:
    """Adds -eta H of another quotient to the SDE of the linear schedule with eta = 1 - t.

    The sampler reads the score off the velocity: a change d of v is one of (1 + t) d of v + eta s.
    """

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return case.mixture.velocity(x, t) - (1 - t) / (1 + t) * neighbour.mean_curvature(x)

    return velocity


def optima(case: Case) -> dict[str, VelocityField]:
    """One field for each kind of treatment; orbit averages have the optimum of the equivariant one."""
    return {
        f"{Equivariant.__name__}, {OrbitAveraged.__name__}": case.mixture.velocity,
        Quotient.__name__: with_vertical_part(case),
        AlignedTarget.__name__: AlignedTargetOptimum(case.mixture).velocity,
        AlignedPrediction.__name__: AlignedPredictionOptimum(case.mixture).velocity,
    }


def mistakes(case: Case) -> dict[str, Tensor]:
    """Samples of the SDE with each mistake that can be made here; where H does not vanish, also as it is, lifted."""
    exact = case.mixture.velocity
    if case.neighbour is None:
        drifts = {"exact": 1.0, "no drift": 0.0, "drift flipped": -1.0}
        return {name: case.draw(case.sde(drift=drift, lifted=True), exact) for name, drift in drifts.items()}
    samples = {"drift of another action": case.draw(case.sde(), with_drift_of(case.neighbour, case))}
    if case.noise:
        samples |= {f"noise × {nu}": case.draw(case.sde(noise=nu), exact) for nu in (0.95, 1.05)}
    return samples


def long_end(ends: Tensor) -> float:
    """Median distance of the ends of the chains nearer to the long conformer."""
    return float(ends[ends > 3.16].median())


def rows(results: Mapping[str, Mapping[str, Comparison]], all_cases: Mapping[str, Case]) -> str:
    """A table with one row for each quotient."""
    columns = list(dict.fromkeys(name for found in results.values() for name in found))
    cells = [
        [quotient, f"{all_cases[quotient].count}", *(str(found.get(column, "")) for column in columns)]
        for quotient, found in results.items()
    ]
    return table(["M/G", "N", *columns], cells)


def _page(
    all_cases: Mapping[str, Case],
    ode: Mapping[str, Mapping[str, Comparison]],
    sde: Mapping[str, Mapping[str, Comparison]],
    wrong: Mapping[str, Mapping[str, Comparison]],
    lengths: Mapping[str, Mapping[str, float]],
) -> str:
    """The tables with what is needed to read them."""
    ends = {name: dict(found) for name, found in lengths.items()}
    columns = list(dict.fromkeys(label for found in ends.values() for label in found))
    medians = table(
        ["long chains, ODE", *columns],
        [[name, *(f"{found[column]:.3f}" for column in columns)] for name, found in ends.items()],
    )
    return "\n".join(
        [
            f"Largest distance of distribution functions over {len(SEEDS)} seeds of N samples each, against "
            f"{REFERENCES:,} exact draws, and in brackets the smallest p-value (Kolmogorov-Smirnov tests; the worst "
            "invariant of each seed). "
            f"✓: every p above {THRESHOLD:g}; ✗: every p below; ?: neither.",
            "",
            "The ODE (Heun), driven by the optimum of each treatment:",
            "",
            rows(ode, all_cases),
            "The SDE:",
            "",
            rows(sde, all_cases),
            "Mistakes in the SDE with the exact field. Where H does not vanish the lifted step is taken at small "
            "orbits too, so that the curvature drift is always at work:",
            "",
            rows(wrong, all_cases),
            "Median distance of the ends of the chains near the long conformer:",
            "",
            medians,
            f"Seeds {', '.join(map(str, SEEDS))}; Python {platform.python_version()}, torch {torch.__version__}, "
            f"scipy {scipy.__version__}.",
            "",
        ]
    )


def make(folder: Path) -> Path:
    """Write ``table_samplers.md``."""
    all_cases = cases()
    ode, sde, wrong, lengths = {}, {}, {}, {}
    with Progress() as progress, torch.no_grad():
        task = progress.add_task("samplers", total=3 * len(all_cases))
        for name, case in all_cases.items():
            for sampler, results in ((case.ode(), ode), (case.sde(), sde)):
                drawn = {label: case.draw(sampler, field) for label, field in optima(case).items()}
                results[name] = {label: Comparison.of(case, x) for label, x in drawn.items()}
                if results is ode and "ends" in case.invariants:
                    lengths[name] = {label: long_end(case.invariants["ends"](x)) for label, x in drawn.items()}
                    lengths[name]["exact draws"] = long_end(case.expected["ends"])
                progress.advance(task)
            # where H = 0 every step is lifted, and the exact sampler is that of the table before
            known = {} if case.curved else {"exact": next(iter(sde[name].values()))}
            wrong[name] = known | {label: Comparison.of(case, x) for label, x in mistakes(case).items()}
            progress.advance(task)
    path = folder / "table_samplers.md"
    path.write_text(_page(all_cases, ode, sde, wrong, lengths), encoding="utf-8")
    return path


def main() -> None:
    """Make the tables of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
