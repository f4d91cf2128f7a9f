"""A step of training by treatment, and the part of it that is spent on making batches."""

from __future__ import annotations

import statistics
import time

import torch

from applications.molecular.networks import NetworkConfig, NetworkKind, Preset, build_network
from applications.molecular.training_data import BatchConfig, ConformerBatches
from tests.benchmarks.bench_training import SCALE, STEPS, Scaling, example, medians, molecules, stepper, trainer
from tests.benchmarks.tables import Column, Row, Table, Unit

TARGETS = {"quotient": 0.015, "orbit-averaged": 0.05}
WAITING = 0.03


def measure(repeats: int) -> list[Table]:
    """Both presets, with the data they wait for."""
    stream = batches(400)
    configs = {preset.value: preset.config(NetworkKind.EQUIVARIANT) for preset in (Preset.TINY, Preset.SMALL)}
    few = max(3, repeats // 2)
    return [*(treatments(name, config, stream, few) for name, config in configs.items()), waiting(configs, stream, few)]


def batches(n_molecules: int) -> ConformerBatches:
    """Molecules of RDKit's NCI list at random coordinates, which cost the same."""
    generator = torch.Generator().manual_seed(0)
    pool = [example(mol, generator) for mol in molecules(n_molecules)]
    return ConformerBatches(pool, config=BatchConfig(), scale=SCALE)


def treatments(preset: str, config: NetworkConfig, stream: ConformerBatches, repeats: int) -> Table:
    """What each treatment costs beyond the equivariant one."""
    batch = next(b for b in map(stream.at, range(1000)) if 10 <= b.condition.n_atoms <= 17)
    whole, bare = {}, {}
    for name, kinds in STEPS.items():
        torch.manual_seed(0)
        whole[name] = stepper(build_network(config), kinds, batch)
        bare[name] = stepper(Scaling(), kinds, batch)
    steps, geometry = medians(whole, repeats), medians(bare, 10 * repeats)
    unit = steps["equivariant"]
    rows = [
        Row(
            name,
            ((geometry[name] - geometry["equivariant"]) / unit, steps[name] / unit - 1.0),
            target=TARGETS.get(name),
        )
        for name in STEPS
        if name != "equivariant"
    ]
    size = f"{batch.condition.size} molecules of up to {batch.condition.n_atoms} atoms"
    note = (
        f"Unit: a step of the equivariant treatment, {1e3 * unit:.3g} ms of the processor. The first column times "
        "what is not the network apart, because whole steps scatter by more than they differ."
    )
    columns = (Column("more than equivariant", Unit.PERCENT), Column("by whole steps", Unit.PERCENT))
    return Table(f"Training step, preset {preset}, {size}", "treatment", columns, tuple(rows), note)


def waiting(configs: dict[str, NetworkConfig], stream: ConformerBatches, repeats: int) -> Table:
    """Share of the seconds of consecutive steps in which the next batch is made."""
    rows = [Row(preset, (waiting_share(config, stream, repeats),), WAITING) for preset, config in configs.items()]
    note = f"Batches are made in the process that trains. {repeats} steps of the treatment `quotient` in turn."
    return Table("Waiting for data", "preset", (Column("share of a training step", Unit.PERCENT),), tuple(rows), note)


def waiting_share(config: NetworkConfig, stream: ConformerBatches, repeats: int) -> float:
    """Median of the shares of the same number of steps, three times over."""
    torch.manual_seed(0)
    train = trainer(build_network(config), STEPS["quotient"])
    train(stream.at(0))
    shares = []
    for _ in range(3):
        making = training = 0.0
        for step in range(repeats):
            start = time.perf_counter()
            batch = stream.at(step)
            made = time.perf_counter()
            train(batch)
            making, training = making + made - start, training + time.perf_counter() - made
        shares.append(making / (making + training))
    return statistics.median(shares)
