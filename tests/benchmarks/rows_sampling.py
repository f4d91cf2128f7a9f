"""What a sampler spends outside the network."""

from __future__ import annotations

import statistics
import time
from importlib import import_module
from typing import Any, final

import torch
from torch import Tensor

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.model import ModelSpec
from applications.molecular.networks import EQUIVARIANT_TINY, AbstractConformerNetwork, build_network
from applications.molecular.sampling_settings import SamplerKind, SamplingSettings
from quotient import CounterNoise
from tests.benchmarks.bench_training import SCALE, molecules
from tests.benchmarks.racing import Call, Candidate, race
from tests.benchmarks.tables import Column, Row, Table, Unit

STEPS, MOLECULES = 50, 16
TARGET = 0.05


@final
class Timed(AbstractConformerNetwork):
    """A network that adds up the seconds that are spent in it."""

    def __init__(self, network: AbstractConformerNetwork) -> None:
        super().__init__()
        self.network = network
        self.seconds = 0.0

    def forward(self, x_t: Tensor, t: Tensor, features: FeatureBatch) -> Tensor:
        start = time.perf_counter()
        velocity = self.network(x_t, t, features)
        self.seconds += time.perf_counter() - start
        return velocity


def measure(repeats: int) -> list[Table]:
    """The share of both samplers, and the ODE beside another integrator."""
    few = max(3, repeats // 5)
    return [shares(few), integrators(few)]


def _spec() -> ModelSpec:
    return ModelSpec(
        network=EQUIVARIANT_TINY,
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.INDEPENDENT,
        scale=SCALE,
    )


def _batch(count: int) -> FeatureBatch:
    """Molecules of about the same size, so that little is padded."""
    items = [featurize(mol, hydrogens=Hydrogens.PLACED) for mol in molecules(400)]
    nearest = sorted(items, key=lambda item: abs(item.n_atoms - 15))
    return collate(nearest[:count], scale=SCALE)


def _network() -> AbstractConformerNetwork:
    torch.manual_seed(0)
    return build_network(EQUIVARIANT_TINY).eval().requires_grad_(False)


def _sampler(kind: SamplerKind, network: AbstractConformerNetwork, batch: FeatureBatch, steps: int) -> Call:
    model = _spec().diffusion(network)
    sampler = SamplingSettings(steps=steps, kind=kind).sampler(model.path(batch))
    like = torch.zeros(batch.size, batch.n_atoms, 3)
    return lambda: model.sample(sampler, like, CounterNoise(torch.arange(batch.size)), condition=batch).x


def shares(repeats: int, *, steps: int = STEPS, count: int = MOLECULES) -> Table:
    """Seconds outside the network over seconds of the run."""
    network, batch = Timed(_network()), _batch(count)
    runs = {kind: _sampler(kind, network, batch, steps) for kind in SamplerKind}
    found: dict[SamplerKind, list[float]] = {kind: [] for kind in SamplerKind}
    with torch.no_grad():
        for _ in range(repeats + 1):
            for kind, run in runs.items():
                network.seconds, start = 0.0, time.perf_counter()
                run()
                found[kind].append(1.0 - network.seconds / (time.perf_counter() - start))
    rows = [
        Row(kind.value.upper(), (statistics.median(share[1:]), min(share[1:])), TARGET) for kind, share in found.items()
    ]
    columns = (Column("outside the network", Unit.PERCENT), Column("smallest", Unit.PERCENT))
    note = f"Preset tiny, {count} molecules of up to {batch.n_atoms} atoms, {repeats} runs of each in turn; medians."
    return Table(f"Sampler, {steps} steps", "process", columns, tuple(rows), note)


def integrators(repeats: int, *, steps: int = STEPS, count: int = MOLECULES) -> Table:
    """The ODE on the quotient beside a general integrator of the same network without any projection."""
    network, batch = _network(), _batch(count)
    model = _spec().diffusion(network)
    space = model.space(batch)
    x0 = model.path(batch).initial(
        space, torch.zeros(batch.size, batch.n_atoms, 3), CounterNoise(torch.arange(batch.size))
    )
    grid = torch.linspace(0.0, 1.0, steps + 1)

    def general() -> Call:
        torchdiffeq: Any = import_module("torchdiffeq")
        field = model.velocity(batch)
        return lambda: torchdiffeq.odeint(lambda t, x: field(x, t), x0, grid, method="euler")

    def bare() -> Call:
        field = model.velocity(batch)

        def call() -> Tensor:
            x = x0
            for k in range(steps):
                x = x + (grid[k + 1] - grid[k]) * field(x, grid[k])
            return x

        return call

    with torch.no_grad():
        return race(
            f"ODE, {steps} Euler steps, {count} molecules",
            Candidate("a bare loop of Euler steps without projection", bare),
            [
                Candidate("ODESampler", lambda: _sampler(SamplerKind.ODE, network, batch, steps)),
                Candidate("torchdiffeq odeint euler, without projection", general, needs=("torchdiffeq",)),
            ],
            repeats,
        )
