"""A block of the equivariant network beside a convolution of e3nn with as many channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.networks import EQUIVARIANT_TINY, EquivariantConfig, build_network
from tests.benchmarks.bench_training import SCALE, molecules
from tests.benchmarks.racing import Call, Candidate, race
from tests.benchmarks.tables import Table

MOLECULES = 16


def measure(repeats: int) -> list[Table]:
    """One table: forward and backward."""
    return [layers(repeats)]


def layers(repeats: int, *, count: int = MOLECULES) -> Table:
    """A convolution of e3nn over all pairs of atoms, in blocks of ours."""
    config = EQUIVARIANT_TINY
    items = sorted((featurize(mol, hydrogens=Hydrogens.PLACED) for mol in molecules(400)), key=lambda f: f.n_atoms)
    middle = len(items) // 2
    same = [item for item in items if item.n_atoms == items[middle].n_atoms][:count]
    batch = collate(same, scale=SCALE)
    size = f"{batch.size} molecules of {batch.n_atoms} atoms, {config.scalars} scalars and {config.vectors} vectors"
    table = race(
        f"Equivariant layer, forward and backward, {size}",
        Candidate("one block of the network, preset tiny", lambda: block(config, batch)),
        [Candidate("e3nn v2106 Convolution, l <= 1, all pairs", lambda: convolution(config, batch), needs=("e3nn",))],
        repeats,
    )
    note = "Like width, not like work: the block has attention, a pair representation and an MLP, which e3nn's has not."
    return replace(table, note=f"{table.note} {note}")


def _learning(layer: nn.Module, outputs: Callable[[], tuple[Tensor, ...]]) -> Call:
    """Outputs, and the gradients of all weights."""

    def call() -> None:
        layer.zero_grad()
        torch.stack([output.square().mean() for output in outputs()]).sum().backward()

    call()
    return call


def block(config: EquivariantConfig, batch: FeatureBatch) -> Call:
    """The second block of our network, at what the first gives it."""
    torch.manual_seed(0)
    network: Any = build_network(config)
    layer = network.blocks[1]
    seen: list[tuple[Any, Any]] = []
    with torch.no_grad():
        hook = layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs))
        network(torch.randn(batch.size, batch.n_atoms, 3), torch.full((batch.size,), 0.5), batch)
        hook.remove()
    ((state, context),) = seen
    names = ("scalars", "vectors", "velocity")
    state = replace(state, **{name: getattr(state, name).detach().requires_grad_() for name in names})

    def outputs() -> tuple[Tensor, ...]:
        after = layer(state, context)
        return after.scalars, after.vectors, after.velocity

    return _learning(layer, outputs)


def convolution(config: EquivariantConfig, batch: FeatureBatch) -> Call:
    """e3nn's convolution with as many scalars and vectors, equivariant under rotations, on all pairs of atoms."""
    o3: Any = import_module("e3nn.o3")
    points: Any = import_module("e3nn.nn.models.v2106.points_convolution")
    torch.manual_seed(0)
    irreps = f"{config.scalars}x0e + {config.vectors}x1e"
    n = batch.n_atoms
    layer = points.Convolution(irreps, "1x0e", "1x0e + 1x1e", irreps, [config.radial, 64], n - 1)
    pairs = torch.combinations(torch.arange(n), 2)
    pairs = torch.cat([pairs, pairs.flip(1)])
    edges = (torch.arange(batch.size)[:, None, None] * n + pairs).flatten(0, 1)
    positions = torch.randn(batch.size * n, 3)
    features = torch.randn(batch.size * n, config.scalars + 3 * config.vectors).requires_grad_()
    ones, radial = torch.ones(batch.size * n, 1), torch.randn(len(edges), config.radial)
    source, target = edges.T

    def outputs() -> tuple[Tensor, ...]:
        between = positions[source] - positions[target]
        angles = o3.spherical_harmonics([0, 1], between, normalize=True, normalization="component")
        return (layer(features, ones, source, target, angles, radial),)

    return _learning(layer, outputs)
