"""The experiment on ensembles of backbones, at a tiny size."""

import json
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("experiment_scripts")


def test_the_ensembles_of_backbones(tmp_path: Path) -> None:
    """Halves in blocks, ends among what is learned, a floor between none and some difference; a remedy in the error."""
    ensembles, missing = import_module("backbone_ensembles"), import_module("cells").MissingDataError
    ubiquitin = ensembles.ubiquitin(tmp_path)
    learned = ubiquitin.training.positions
    models = import_module("applications.molecular.proteins.bundled").bundled_ensemble().positions
    np.testing.assert_array_equal(learned, np.concatenate([models[:29], models[58:87]]))
    np.testing.assert_array_equal(ubiquitin.reference, np.concatenate([models[29:58], models[87:]]))
    assert all((learned == end).all((1, 2)).any() for end in ubiquitin.ends)
    same, floor = ubiquitin.compare(ubiquitin.reference), ubiquitin.floor(58)
    for name in ("pair_distances", "rmsd_to_first", "rmsd_to_second", "radius_of_gyration"):
        assert same[name] == pytest.approx(0, abs=1e-9)
        assert 0 < floor[name] < ubiquitin.compare(1.1 * ubiquitin.reference)[name]
    assert same["bonds"] > 0.9 > ubiquitin.compare(1.1 * ubiquitin.reference)["bonds"]
    with pytest.raises(missing, match=r"adk_dims.dcd.*MDAnalysisTests==2.11.0"):
        ensembles.adenylate_kinase(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_a_transition_is_read_from_the_folder_of_runs(tmp_path: Path) -> None:
    """Six frames in the files of the distribution: the stretch with both changes is learned and compared with."""
    ensembles = import_module("backbone_ensembles")
    folder = tmp_path / ensembles.TESTS / "MDAnalysisTests" / "data"
    folder.mkdir(parents=True)
    x = np.ascontiguousarray(np.repeat(ensembles.bundled_ensemble().positions[:1, :60], 6, axis=0))
    x[-1, [10, 57]] += 0.15
    file = import_module("biotite.structure.io.dcd").DCDFile()
    file.set_coord(x)
    file.write(str(folder / "adk_dims.dcd"))
    atoms = [f"{k} 4AKE {k} ALA CA CT1 0.07 12.011 0" for k in range(1, 61)]
    (folder / "adk.psf").write_text("\n".join(["PSF", "", f"{len(atoms)} !NATOM", *atoms, ""]))
    found = ensembles.adenylate_kinase(tmp_path)
    np.testing.assert_allclose(found.training.positions, x[:, 10:58], atol=1e-4)
    np.testing.assert_array_equal(found.training.residue_index, np.arange(11, 59))
    np.testing.assert_array_equal(found.reference, found.training.positions)
    np.testing.assert_array_equal(np.stack(found.ends), found.reference[[0, -1]])


@pytest.mark.filterwarnings("ignore")
def test_cells_of_backbones_and_their_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finished run is not trained again; rows of a seed begin alike, and what is recalled makes a difference."""
    backbones, tables, ensembles = map(import_module, ("backbones", "backbone_tables", "backbone_ensembles"))
    monkeypatch.setattr(backbones, "STEP_COUNTS", (1, 2))
    monkeypatch.setattr(tables, "FEW", 1)
    monkeypatch.setattr(tables, "MOST", 2)
    network = {"width": 8, "pairs": 4, "condition": 8, "heads": 1, "head_width": 8, "blocks": 1, "radial": 4}
    monkeypatch.setitem(backbones.NETWORKS, backbones.PLAIN, type(backbones.NETWORKS[backbones.PLAIN])(**network))
    size = backbones.Size(steps=3, batch=4, samples=6, gradients=2, turned=2, warm_up=1)
    whole = ensembles.bundled_ensemble()
    x = whole.positions[:, :20]
    chain = replace(whole, positions=x[:6], residue_index=whole.residue_index[:20], sequence=whole.sequence[:20])
    short = ensembles.BackboneEnsemble(chain, x[6:12].astype(float), (x[0].astype(float), x[1].astype(float)))
    source = ensembles.Source("short", lambda work: short)
    made = [c for c in backbones.cells(range(2)) if c.source is backbones.UBIQUITIN]
    found = [replace(c, source=source, size=size) for c in made]
    assert len({json.dumps(c.key()) for c in backbones.cells()}) == len(backbones.cells()) == 48
    first, second = ([c for c in found if c.seed == seed] for seed in (0, 1))
    quotient = [c for c in first if c.row.symmetry is backbones.Symmetry.QUOTIENT]
    chosen = [first[0], *quotient, *second[:2]]
    lines = [{**cell.key(), **cell.run(tmp_path)} for cell in chosen]
    again = chosen[1].run(tmp_path)
    assert again == {name: lines[1][name] for name in again}
    samplers = [[(f["sampler"], f["steps"]) for f in line["by_evaluations"]] for line in lines]
    assert samplers[:3] == [[("ode", 1), ("ode", 2), ("sde", 2)]] * 2 + [[("ode", 1), ("ode", 2)]]
    assert [line["self_conditioning"] for line in lines[1:5]] == ["off", "off", "projected", "unprojected"]
    laws = {line["by_evaluations"][1]["pair_distances"] for line in lines[:5]}
    assert len(laws) == 5
    assert all(0 <= line["mirrored"] <= 1 for line in lines)
    assert all(line["orientation"] > 0 and line["gradient_variance"] > 0 for line in lines)
    text = tables.backbone_tables(json.loads(json.dumps(lines)))
    assert text.count("\n| ") == (6 + 5) + (6 + 5)
    assert "| quotient | 2 |" in text
    assert "| quotient, aligned coupling | 1 |" in text
    assert "| as it is | 1 |" in text
    tables.backbone_figure(lines, tmp_path)
    assert (tmp_path / "backbones.png").stat().st_size > 1000
