"""Generation as users do it, beside ETKDG and MMFF on the same molecules; growth of time and memory."""

from __future__ import annotations

import tempfile
from pathlib import Path
from time import perf_counter

from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

from applications.molecular.checkpoint import load_model
from applications.molecular.choices import Coupling
from applications.molecular.generate import generate_window
from applications.molecular.requests import Request
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplerKind, SamplingSettings, default_steps
from applications.molecular.settings import GenerationSettings
from tests.benchmarks.bench_training import molecules
from tests.benchmarks.children import Ended, run
from tests.benchmarks.racing import Call, in_turn
from tests.benchmarks.tables import Column, Row, Table, Unit

STEPS = default_steps(SamplerKind.ODE, Coupling.ORBIT_ALIGNED)
MANY_STEPS = 50
FAILED = 3


def measure(repeats: int) -> list[Table]:
    """Speed, then growth."""
    few = max(2, repeats // 10)
    return [speed(few), growth_of_time(few), growth_of_memory()]


def smiles(count: int) -> list[str]:
    """Molecules of 4 to 30 heavy atoms, spread over RDKit's NCI list."""
    return [Chem.MolToSmiles(mol) for mol in molecules(count)]


def embed(names: list[str], *, minimise: bool) -> None:
    """One conformer of each by ETKDGv3, and MMFF94s after it."""
    for name in names:
        mol = Chem.AddHs(Chem.MolFromSmiles(name))
        parameters = rdDistGeom.ETKDGv3()
        parameters.randomSeed = 1
        if rdDistGeom.EmbedMolecule(mol, parameters) == 0 and minimise:
            rdForceFieldHelpers.MMFFOptimizeMolecule(mol, mmffVariant="MMFF94s")


def speed(repeats: int, *, count: int = 64, step_counts: tuple[int, ...] = (STEPS, MANY_STEPS)) -> Table:
    """Conformers a second, one for each molecule, one thread."""
    names = smiles(count)
    requests = [Request(name=name, given=name) for name in names]
    model = load_model(None)

    def by_model(steps: int) -> Call:
        sampler = ModelSampler(model, SamplingSettings(steps=steps))
        return lambda: generate_window(requests, sampler, GenerationSettings())

    found = in_turn(
        {
            "ETKDGv3 of RDKit": lambda: embed(names, minimise=False),
            "ETKDGv3 and MMFF94s of RDKit": lambda: embed(names, minimise=True),
            **{f"the model in the package, {steps} steps": by_model(steps) for steps in step_counts},
        },
        repeats,
    )
    unit = next(iter(found.values()))
    rows = [Row(name, (count / timing.median, timing.median / unit.median)) for name, timing in found.items()]
    columns = (Column("conformers / s", Unit.RATIO), Column("time, ETKDG = 1"))
    note = f"{count} molecules of 4 to 30 heavy atoms, {repeats} runs of each in turn; medians. Failures count as made."
    return Table("Generation, one thread", "method", columns, tuple(rows), note)


def generated(count: int, steps: int) -> Ended:
    """`quotient molecules generate` of so many molecules, one conformer each, in a process of its own.

    Raises:
        RuntimeError: it ended otherwise than with all or some made.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "given.smi"
        source.write_text("\n".join(smiles(count)), encoding="utf-8")
        words = ["molecules", "generate", str(source), "-o", str(Path(folder) / "made.sdf"), "-n", "1"]
        program = "from applications.cli import main; main()"
        ended = run(["-c", program, *words, "--steps", str(steps), "--threads", "1"])
    if ended.code not in (0, FAILED):
        raise RuntimeError(f"generation of {count} molecules ended with {ended.code}")
    return ended


def growth_of_time(repeats: int, *, counts: tuple[int, int] = (25, 100), steps: int = STEPS) -> Table:
    """Cost of one molecule among few and among many, without loading of the model."""
    sampler = ModelSampler(load_model(None), SamplingSettings(steps=steps))
    many = smiles(counts[1])
    among = {counts[0]: many[:: counts[1] // counts[0]], counts[1]: many}
    asked = {count: [Request(name=name, given=name) for name in names] for count, names in among.items()}
    found = in_turn(
        {
            f"{count}": lambda requests=requests: generate_window(requests, sampler, GenerationSettings())
            for count, requests in asked.items()
        },
        repeats,
    )
    cost = {count: found[f"{count}"].median / count for count in counts}
    one = cost[counts[0]]
    rows = [Row(f"{count}", (cost[count] / one,)) for count in counts]
    note = f"Unit: {1e3 * one:.3g} ms a molecule at {counts[0]}, spread over the {counts[1]}. Medians of {repeats}."
    return Table("Cost of a molecule", "molecules", (Column("time per molecule"),), tuple(rows), note)


def growth_of_memory(*, counts: tuple[int, int] = (50, 200), steps: int = STEPS) -> Table:
    """Peak of resident memory of the whole command, with its imports."""
    start = perf_counter()
    peaks = {count: generated(count, steps).peak for count in counts}
    rows = [Row(f"{count}", (peak, peak / peaks[counts[0]])) for count, peak in peaks.items()]
    columns = (Column("peak", Unit.MEGABYTES), Column(f"{counts[0]} = 1"))
    note = f"`quotient molecules generate -n 1`, {perf_counter() - start:.0f} s together."
    return Table("Memory of generation", "molecules", columns, tuple(rows), note)
