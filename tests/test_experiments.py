"""The experiments: chains against quadrature, distances in law, cells that are run once, and the page they fill."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import rdDistGeom, rdMolTransforms
from scipy import stats

pytestmark = pytest.mark.usefixtures("experiment_scripts")
FOLDER = Path(__file__).resolve().parent.parent / "docs" / "experiments"
THRESHOLD = 1e-4


def chain(smiles: str, seed: int, **options: Any) -> Any:
    chains = import_module("chains")
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    return chains.Chain(mol, chains.ChainOptions(**options), np.random.default_rng(seed))


def bent(first: float, second: float, angle: float) -> np.ndarray:
    return np.array([[0, 0, 0], [first, 0, 0], [second * np.cos(angle), second * np.sin(angle), 0]])


@pytest.mark.slow
def test_bonds_of_water_follow_the_law_of_boltzmann() -> None:
    """A quadrature over both bonds and the angle, measure r1^2 r2^2 sin a; wrong measures and temperatures are seen."""
    field = chain("O", 0)
    lengths, angles = np.linspace(0.80, 1.16, 37), np.linspace(1.2, 2.5, 27)
    energies = np.array([[[field._evaluate(bent(r, s, a)) for a in angles] for s in lengths] for r in lengths])
    kt = import_module("chains").BOLTZMANN * 300.0

    def law(power: float, temperature: float) -> np.ndarray:
        weights = np.exp(-(energies - energies.min()) / (kt * temperature))
        weights = weights * lengths[:, None, None] ** power * lengths[None, :, None] ** 2 * np.sin(angles)
        share = weights.sum((1, 2))
        return np.cumsum(share) / share.sum()

    def p(cdf: np.ndarray, bonds: np.ndarray) -> float:
        edges = lengths + 0.5 * (lengths[1] - lengths[0])
        return float(stats.kstest(bonds, lambda r: np.interp(r, edges, cdf)).pvalue)

    for seed in range(3):
        frames = chain("O", seed, sweeps=5, warm_up=50).frames(1500)
        bonds = np.linalg.norm(frames[:, 1] - frames[:, 0], axis=-1)
        assert p(law(2, 1.0), bonds) > THRESHOLD
        assert p(law(2, 1.6), bonds) < THRESHOLD
        assert p(np.clip(law(2, 1.0) + 0.06, 0, 1), bonds) < THRESHOLD


@pytest.mark.slow
def test_jumps_of_torsions_follow_the_law_of_boltzmann() -> None:
    """Butane with everything else held: the energy over one angle is all there is."""
    one = chain("CCCC", 0)
    (side,) = [s for s in one._sides if {s[0], s[1]} == {1, 2}]
    mol, grid = Chem.AddHs(Chem.MolFromSmiles("CCCC")), np.arange(-180, 180, 2.0)

    def angle(x: np.ndarray) -> float:
        for atom, position in enumerate(x.tolist()):
            conformer.SetAtomPosition(atom, position)
        return rdMolTransforms.GetDihedralDeg(conformer, 0, 1, 2, 3)

    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    conformer = mol.GetConformer()
    energies = []
    for value in grid:
        angle(one.x)
        rdMolTransforms.SetDihedralDeg(conformer, 0, 1, 2, 3, float(value))
        energies.append(one._evaluate(conformer.GetPositions()))
    kt = import_module("chains").BOLTZMANN * 300.0

    def p(temperature: float) -> float:
        weights = np.exp(-(np.array(energies) - min(energies)) / (kt * temperature))
        expected = weights.reshape(12, -1).sum(1) / weights.sum()
        # grid value k stands for the two degrees around it
        counts = np.histogram((np.array(seen) + 181.0) % 360.0, 12, (0, 360))[0]
        rare = expected * len(seen) < 5
        found, wanted = (np.append(part[~rare], part[rare].sum()) for part in (counts, expected * len(seen)))
        return float(stats.chisquare(found, wanted).pvalue)

    seen = []
    for _ in range(1200):
        for _ in range(12):
            one._turn(*side)
        seen.append(angle(one.x))
    assert p(1.0) > THRESHOLD
    assert p(1.5) < THRESHOLD


def test_the_gradient_is_that_of_the_energy_wherever_the_chain_was_before() -> None:
    one = chain("CCCO", 0)
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = one.x + 0.05 * rng.standard_normal(one.x.shape)
        force = one._acceleration(x) * one._masses / 4.184e-4
        for atom, axis in ((0, 0), (2, 1), (5, 2)):
            shift = np.zeros_like(x)
            shift[atom, axis] = 1e-4
            numeric = (one._evaluate(x + shift) - one._evaluate(x - shift)) / 2e-4
            assert force[atom, axis] == pytest.approx(-numeric, rel=1e-4, abs=1e-3)


def test_distances_in_law() -> None:
    laws = import_module("laws")
    angles = np.random.default_rng(0).uniform(-180, 180, 4000)
    wrap = lambda a: (a + 180) % 360 - 180  # noqa: E731
    narrow = wrap(170 + angles / 36)
    assert laws.circular_distance(narrow, wrap(narrow + 30)) == pytest.approx(30, abs=0.3)
    assert laws.circular_distance(narrow, wrap(narrow - 60)) == pytest.approx(60, abs=0.3)
    assert laws.circular_distance(narrow, narrow) == 0
    x, y = np.zeros((3, 1)), np.array([[0.0], [0.0], [3.0]])
    assert laws.energy_distance(x, x) == 0
    assert laws.energy_distance(x, y) == pytest.approx(2 * 1.0 - 2.0)
    assert laws.total_variation(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 2])) == pytest.approx(0.25)


def test_torsions_and_their_basins() -> None:
    laws = import_module("laws")
    mol = Chem.MolFromSmiles("CCCC")
    rdDistGeom.EmbedMolecule(mol, randomSeed=1)
    frames, wanted = [], (-179.0, -121.0, -119.0, -60.0, -1.0, 1.0, 60.0, 119.0, 121.0)
    for value in wanted:
        rdMolTransforms.SetDihedralDeg(mol.GetConformer(), 0, 1, 2, 3, value)
        frames.append(mol.GetConformer().GetPositions())
    torsion = laws.Torsion((0, 1, 2, 3))
    np.testing.assert_allclose(torsion.angles(np.stack(frames)), wanted, atol=1e-6)
    assert torsion.basins(np.stack(frames)).tolist() == [0, 0, 1, 1, 1, 2, 2, 2, 0]
    one = laws.compare(np.stack(frames), np.stack(frames), (torsion,))
    assert one["torsions"] == one["basins"] == one["distances"] == 0
    mirrored = np.stack(frames)[3:5] * [1, 1, -1]
    assert laws.compare(np.stack(frames)[3:5], mirrored, (torsion,))["basins"] == 1
    assert laws.compare(np.stack(frames)[3:5], mirrored, (torsion,))["distances"] == pytest.approx(0, abs=1e-12)


def test_cells_are_run_once_and_in_order(tmp_path: Path) -> None:
    cells = import_module("cells")
    done: list[int] = []

    class Numbered:
        def __init__(self, number: int) -> None:
            self.number = number

        def key(self) -> dict[str, Any]:
            return {"number": self.number}

        def run(self, work: Path) -> dict[str, Any]:
            assert work == tmp_path
            if self.number == 2 and len(done) == 2:
                raise KeyboardInterrupt
            done.append(self.number)
            return {"square": float(self.number**2) / 3}

    ledger, todo = cells.Ledger(tmp_path / "cells.jsonl"), [Numbered(n) for n in range(4)]
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        cells.run_cells(todo, ledger, tmp_path, say=said.append)
    done.append(-1)
    assert cells.run_cells(todo, ledger, tmp_path, say=said.append) == 0
    assert done == [0, 1, -1, 2, 3]
    assert [line["square"] for line in ledger.lines()] == [0.0, 0.333333, 1.33333, 3.0]
    assert set(ledger.lines()[0]["versions"]) > {"python", "torch"}
    assert len(said) == 4
    assert cells.run_cells([Numbered(9)], ledger, tmp_path, minutes=-1, say=said.append) == 1


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_cells_of_flexible_molecules_and_their_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds of two rows at a tiny size; the same seed again gives the same figures."""
    flexible, targets, page = import_module("flexible"), import_module("targets"), import_module("page")
    small = flexible.Size(steps=8, batch=4, samples=20, gradients=2)
    monkeypatch.setattr(flexible, "STEP_COUNTS", (1, 2, 3))
    monkeypatch.setattr(flexible, "_target", lambda m, work: targets.Target.open(m, work, chains=2, frames=10))
    made = [replace(c, size=small) for c in flexible.cells(("plain",), range(2)) if c.molecule.name == "pentane"]
    lines = []
    for cell in [c for c in made if c.row in (made[0].row, made[2].row)]:
        result = cell.run(tmp_path)
        lines.append({**cell.key(), **result})
    again = made[0].run(tmp_path)
    assert again["by_evaluations"] == lines[0]["by_evaluations"]
    assert again["gradient_variance"] == lines[0]["gradient_variance"]
    assert [f["steps"] for f in lines[0]["by_evaluations"]] == [1, 2, 3, 3]
    assert [f["sampler"] for f in lines[1]["by_evaluations"]] == ["ode"] * 3
    assert [f["step"] for f in lines[0]["by_step"]] == [2, 4]
    monkeypatch.setattr(page, "MOST", 3)
    monkeypatch.setattr(page, "FEW", 1)
    text = page.flexible_tables(json.loads(json.dumps(lines)))
    assert text.count("\n| ") == 5
    assert "quotient, aligned coupling | 2 |" in text
    page.flexible_figure(lines, tmp_path)
    assert (tmp_path / "flexible.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_cells_of_unseen_molecules_and_their_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run is not trained again, and gives the same figures; the references themselves score perfectly."""
    transfer, tables = import_module("transfer"), import_module("transfer_tables")
    records = []
    for smiles in ("CCCO", "CCOC", "CCCCO", "COCCO", "CCCC=O"):
        mol = Chem.AddHs(Chem.MolFromSmiles(Chem.MolToSmiles(Chem.MolFromSmiles(smiles))))
        ids = rdDistGeom.EmbedMultipleConfs(mol, 4, randomSeed=1)
        x = np.stack([mol.GetConformer(i).GetPositions() for i in ids]).astype(np.float32)
        numbers = np.array([atom.GetAtomicNum() for atom in mol.GetAtoms()], dtype=np.uint8)
        records.append(transfer.ConformerRecord(Chem.MolToSmiles(Chem.RemoveHs(mol)), numbers, x, np.zeros(4), smiles))
    data = tmp_path / "nci-8-16"
    import_module("applications.molecular.dataset").write_dataset(data, records, meta={})
    (data / "splits.json").write_text(json.dumps({"train": [0, 1], "validation": [2], "test": [3, 4]}))
    monkeypatch.setattr(transfer, "STEP_COUNTS", (1, 2))
    monkeypatch.setattr(tables, "MOST", 2)
    monkeypatch.setattr(tables, "FEW", 1)
    network = transfer.PlainConfig(width=16, pairs=8, heads=2, blocks=1, expansion=1)
    monkeypatch.setitem(transfer.NETWORKS, "plain", network)
    size = transfer.Size(steps=4, molecules=2, generated=3, validation=1)
    cells = [transfer.TransferCell(row, "plain", 0, size) for row in (transfer.ROWS[0], transfer.ROWS[2])]
    lines = [{**cell.key(), **cell.run(tmp_path)} for cell in cells]
    assert [(f["sampler"], f["steps"]) for f in lines[0]["by_evaluations"]] == [("ode", 1), ("ode", 2), ("sde", 2)]
    assert [f["sampler"] for f in lines[1]["by_evaluations"]] == ["ode", "ode"]
    assert [f["step"] for f in lines[0]["by_step"]] == [1, 2, 3, 4]
    assert cells[0].run(tmp_path) == {name: lines[0][name] for name in ("parameters", "by_step", "by_evaluations")}
    text = tables.transfer_tables(json.loads(json.dumps(lines)))
    assert text.count("\n| ") == 8
    tables.transfer_figure(lines, tmp_path)
    assert (tmp_path / "transfer.png").stat().st_size > 1000
    target = transfer.test_molecules(data, size)[0]
    heavy = np.array([a.GetIdx() for a in target.molecule.heavy.GetAtoms()])
    same = transfer.compare(target.record.positions[:, heavy].astype(float), heavy, target, size)
    assert same["amr_recall"] == pytest.approx(0, abs=1e-3)
    assert same["law"] == pytest.approx(0, abs=1e-6)
    off = transfer.compare(1.2 * target.record.positions[:, heavy].astype(float), heavy, target, size)
    assert off["law"] > 0.3


def test_estimates_over_seeds() -> None:
    summary = import_module("summary")
    found = summary.Estimate.of([1.0, 2.0, 3.0])
    assert (found.mean, found.count) == (2.0, 3)
    assert found.half == pytest.approx(4.302652 / np.sqrt(3))
    assert found.text(2) == "2.00 ± 2.48"
    assert not found.differs
    assert np.isnan(summary.Estimate.of([1.0]).half)
    rows = {seed: {"seed": seed, "value": 10.0 * seed + gain} for seed, gain in enumerate((1.0, 1.1, 0.9))}
    others = {seed: {"seed": seed, "value": 10.0 * seed} for seed in (0, 1, 2, 3)}
    difference = summary.paired(rows, others, lambda line: line["value"])
    assert difference is not None
    assert difference.mean == pytest.approx(1.0)
    assert difference.differs
    assert summary.paired(rows, {}, lambda line: line["value"]) is None


def test_the_page_says_how_many_cells_are_in() -> None:
    cells, page = import_module("cells"), (FOLDER / "index.md").read_text(encoding="utf-8")
    for name in ("flexible", "transfer", "backbones", "optima"):
        count, total = len(cells.Ledger(FOLDER / f"{name}.jsonl").lines()), len(import_module(name).cells())
        assert f"<!-- begin {name} -->\n\n{count} of {total} cells are in." in page
