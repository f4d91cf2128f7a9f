"""Cost of a training step by treatment, share of padding in batches, and memory of activations against size.

Run by path: ``python tests/benchmarks/bench_training.py``. Preset `small`, one
thread unless told otherwise. Molecules are those of RDKit's NCI list; their coordinates are random, which costs the
same. Everything that is compared is timed in turn, many times over; a ratio is one of medians. Times are those of the
processor, summed over threads, which other work on the machine disturbs least. A step is the draw of
the noise, the network, the loss, the gradient and AdamW; making the batch is timed apart. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import final

import numpy as np
import torch
from rdkit import Chem, RDConfig, rdBase
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.choices import Coupling, PriorKind, Symmetry
from applications.molecular.descriptors import ELEMENTS
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.model import ModelSpec
from applications.molecular.networks import EQUIVARIANT_SMALL, AbstractConformerNetwork, build_network
from applications.molecular.size_groups import padded_share, size_groups
from applications.molecular.training_data import BatchConfig, ConformerBatches, Example
from diffusion.training import OptimizerConfig, QuotientTrainingModule, TrainingBatch

SCALE = 2.0
Triple = tuple[Symmetry, Coupling, PriorKind]
STEPS: dict[str, Triple] = {
    "equivariant": (Symmetry.EQUIVARIANT, Coupling.INDEPENDENT, PriorKind.GAUSSIAN),
    "quotient": (Symmetry.QUOTIENT, Coupling.INDEPENDENT, PriorKind.GAUSSIAN),
    "orbit-averaged": (Symmetry.ORBIT_AVERAGED_UNPROJECTED, Coupling.INDEPENDENT, PriorKind.GAUSSIAN),
    "orbit-averaged, projected": (Symmetry.ORBIT_AVERAGED, Coupling.INDEPENDENT, PriorKind.GAUSSIAN),
    "aligned-target": (Symmetry.ALIGNED_TARGET, Coupling.INDEPENDENT, PriorKind.GAUSSIAN),
    "aligned-prediction": (Symmetry.ALIGNED_PREDICTION, Coupling.INDEPENDENT, PriorKind.GAUSSIAN),
    "quotient, orbit-aligned coupling": (Symmetry.QUOTIENT, Coupling.ORBIT_ALIGNED, PriorKind.GAUSSIAN),
    "quotient, orbit-aligned coupling, harmonic prior": (
        Symmetry.QUOTIENT,
        Coupling.ORBIT_ALIGNED,
        PriorKind.HARMONIC,
    ),
}


def molecules(count: int) -> list[Chem.Mol]:
    """Molecules of one fragment and 4 to 30 heavy atoms, spread evenly over RDKit's NCI list."""
    path = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    with rdBase.BlockLogs():
        found = [Chem.MolFromSmiles(line.split()[0]) for line in path.read_text().splitlines()]
    kept: list[Chem.Mol] = [m for m in found if m and 4 <= m.GetNumAtoms() <= 30 and len(Chem.GetMolFrags(m)) == 1]
    kept = [m for m in kept if all(atom.GetAtomicNum() in ELEMENTS for atom in m.GetAtoms())]
    picks = np.linspace(0, len(kept) - 1, min(count, len(kept))).astype(int)
    return [kept[int(i)] for i in picks]


def example(mol: Chem.Mol, generator: torch.Generator) -> Example:
    features = featurize(mol, hydrogens=Hydrogens.PLACED)
    points = torch.randn(1, features.n_atoms, 3, generator=generator)
    return Example(features=features, positions=points - points.mean(1, keepdim=True))


@final
class Scaling(AbstractConformerNetwork):
    """A network that costs nothing: a step with it is the geometry of the treatment, with its derivative."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, x_t: Tensor, t: Tensor, features: FeatureBatch) -> Tensor:
        return self.factor * x_t


def trainer(network: AbstractConformerNetwork, triple: Triple) -> Callable[[TrainingBatch], None]:
    """One step of training, a function of a batch."""
    symmetry, coupling, prior = triple
    spec = ModelSpec(
        network=EQUIVARIANT_SMALL,
        hydrogens=Hydrogens.PLACED,
        symmetry=symmetry,
        coupling=coupling,
        prior=prior,
        scale=SCALE,
    )
    alone = ConformerBatches([example(Chem.MolFromSmiles("CC"), torch.Generator())], config=BatchConfig(), scale=SCALE)
    module = QuotientTrainingModule(
        model=spec.diffusion(network),
        treatment=symmetry.treatment(),
        optimizer=OptimizerConfig(),
        train_batches=alone,
    )
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-5)

    def step(batch: TrainingBatch) -> None:
        optimizer.zero_grad()
        module.losses(batch).mean().backward()
        optimizer.step()

    return step


def stepper(network: AbstractConformerNetwork, triple: Triple, batch: TrainingBatch) -> Callable[[], object]:
    """One step of training on a batch that is made."""
    step = trainer(network, triple)
    return lambda: step(batch)


def medians(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median processor seconds of each function, timed in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 2):
        for name, function in functions.items():
            start = time.process_time()
            function()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(found[2:]) for name, found in times.items()}


def costs(repeats: int) -> Table:
    """Steps by treatment, as ratios to the equivariant one.

    Whole steps differ by less than they scatter, so what is not the network is timed apart too.
    """
    generator = torch.Generator().manual_seed(0)
    pool = [example(mol, generator) for mol in molecules(400)]
    stream = ConformerBatches(pool, config=BatchConfig(), scale=SCALE)
    batch = next(b for b in map(stream.at, range(100)) if 14 <= b.condition.n_atoms <= 17)
    whole, bare = {}, {}
    for name, kinds in STEPS.items():
        torch.manual_seed(0)
        whole[name] = stepper(build_network(EQUIVARIANT_SMALL), kinds, batch)
        bare[name] = stepper(Scaling(), kinds, batch)
    steps, geometry = medians(whole, repeats), medians(bare, 10 * repeats)
    making = medians({"making": lambda: stream.at(1)}, 10 * repeats)["making"]
    size = f"{batch.condition.size} molecules of up to {batch.condition.n_atoms} atoms"
    unit = steps["equivariant"]
    table = Table("treatment", "step, CPU ms", "ratio", "all but the network, ms", "more than equivariant, of a step")
    table.title = f"one training step, preset small: {size}, {torch.get_num_threads()} thread(s)"
    table.caption = f"making a batch: {1e3 * making:.2f} ms, {making / unit:.2%} of a step"
    for name in STEPS:
        added = (geometry[name] - geometry["equivariant"]) / unit
        table.add_row(
            name, f"{1e3 * steps[name]:.1f}", f"{steps[name] / unit:.3f}", f"{1e3 * geometry[name]:.2f}", f"{added:.2%}"
        )
    return table


def padding() -> Table:
    """Share of pairs that are padding, for data sets of several sizes."""
    config = BatchConfig()
    table = Table(
        "molecules", "cut into", "groups", "molecules a batch", "padded pairs", title="padding, 20,000 batches"
    )
    for count in (400, 1700, 5000):
        sizes = np.sort([mol.GetNumAtoms() for mol in molecules(count)])

        def most(n: int) -> int:
            return max(1, min(config.pair_budget // int(n) ** 2, config.max_molecules))

        cuts = {
            "size groups": size_groups(sizes.tolist(), batch_size=most, most=256),
            "256 molecules each": [range(s, min(s + 256, len(sizes))) for s in range(0, len(sizes), 256)],
        }
        for name, groups in cuts.items():
            rng = np.random.default_rng(0)
            lengths = np.array([min(most(sizes[g[-1]]), len(g)) for g in groups])
            weights = np.array([len(g) for g in groups]) / lengths
            real = total = drawn = 0.0
            for number in rng.choice(len(groups), p=weights / weights.sum(), size=20_000):
                batch = rng.choice(sizes[groups[number][0] : groups[number][-1] + 1], lengths[number], replace=False)
                pairs = len(batch) * float(batch.max()) ** 2
                total, real, drawn = (
                    total + pairs,
                    real + pairs * (1 - padded_share(batch.tolist())),
                    drawn + len(batch),
                )
            table.add_row(f"{len(sizes)}", name, f"{len(groups)}", f"{drawn / 20_000:.1f}", f"{1 - real / total:.1%}")
    return table


def saved_bytes(run: Callable[[], Tensor]) -> int:
    """Bytes that the backward pass keeps: of all tensors saved for it, each storage once."""
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        seen[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out = run()
    del out
    return sum(seen.values())


def memory() -> Table:
    """Activations of one molecule of N atoms: a line in N^2 if memory is O(edges), the graph being complete."""
    torch.manual_seed(0)
    network = build_network(EQUIVARIANT_SMALL)
    weights = sum(p.numel() * p.element_size() for p in network.parameters())
    table = Table(
        "atoms", "MB", "kB / pair", "local exponent", title="activations of one molecule, preset small, float32"
    )
    before: tuple[int, int] | None = None
    for n_atoms in (8, 16, 32, 64, 128, 256):
        features = featurize(Chem.MolFromSmiles("C" * n_atoms), hydrogens=Hydrogens.PLACED)
        batch = collate([features], scale=SCALE)
        x, t = torch.randn(1, n_atoms, 3), torch.tensor([0.5])
        kept = saved_bytes(lambda x=x, t=t, batch=batch: network(x, t, batch)) - weights
        slope = "" if before is None else f"{math.log(kept / before[1]) / math.log(n_atoms / before[0]):.2f}"
        table.add_row(f"{n_atoms}", f"{kept / 1e6:.1f}", f"{kept / n_atoms**2 / 1e3:.2f}", slope)
        before = n_atoms, kept
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    console = Console()
    console.print(padding())
    console.print(memory())
    console.print(costs(arguments.repeats))


if __name__ == "__main__":
    main()
