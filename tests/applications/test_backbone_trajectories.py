"""Trajectories with a topology: chains of many models, boxes undone, errors named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from biotite.structure.io.dcd import DCDFile
from biotite.structure.io.xtc import XTCFile
from numpy.typing import NDArray

from applications.molecular.proteins.bundled import bundled_ensemble
from applications.molecular.proteins.structure_files import ReadOptions, UnitError
from applications.molecular.proteins.structure_parsing import StructureFileError
from applications.molecular.proteins.trajectory_files import TopologyError, read_trajectory
from tests.applications.backbone_material import atom, write_lines

BOX = 40.0


def topology(folder: Path) -> Path:
    """A PDB file of the first 30 residues of ubiquitin with a water in front, as simulations have it."""
    chain = bundled_ensemble()
    water = atom([0, 0, 0], 900, name=" OW ", residue="SOL", chain="W", record="HETATM", element="O")
    lines = [atom(p, number) for number, p in enumerate(chain.positions[0, :30], start=1)]
    return write_lines(folder / "top.pdb", [water, *lines])


def psf(folder: Path) -> Path:
    """The same atoms as a PSF file."""
    rows = ["1 WAT 900 TIP3 OH2 OT -0.8 16.0 0"]
    rows += [f"{number + 1} 4AKE {number} HSD CA CT1 0.07 12.011 0" for number in range(1, 31)]
    return write_lines(folder / "top.psf", ["PSF", "", "1 !NTITLE", "REMARKS", "", f"{len(rows)} !NATOM", *rows])


def frames() -> NDArray[np.float32]:
    """Seven frames of a water and 30 CA atoms, [7, 31, 3], around the middle of the box."""
    positions = bundled_ensemble().positions[:7, :30]
    centred = positions - positions.mean(axis=(0, 1)) + BOX / 2
    return np.concatenate([np.zeros((7, 1, 3), np.float32), centred], axis=1)


def write(path: Path, coordinates: NDArray[Any], *, boxed: bool = True) -> Path:
    file = DCDFile() if path.suffix == ".dcd" else XTCFile()
    file.set_coord(coordinates)
    if boxed:
        file.set_box(np.tile(np.eye(3, dtype=np.float32) * BOX, (len(coordinates), 1, 1)))
    if path.suffix == ".xtc":
        file.set_time(np.arange(len(coordinates), dtype=np.float32))
    file.write(str(path))
    return path


@pytest.mark.parametrize("ending", [".dcd", ".xtc"])
@pytest.mark.parametrize("make", [topology, psf])
def test_frames_become_models(tmp_path: Path, ending: str, make: Callable[[Path], Path]) -> None:
    reading = read_trajectory(write(tmp_path / f"run{ending}", frames()), make(tmp_path))
    (chain,) = reading.chains
    assert (chain.name, chain.sequence[0]) == ("run", "H" if make is psf else "A")
    assert chain.residue_index.tolist() == [*range(1, 31)]
    np.testing.assert_allclose(chain.positions, frames()[:, 1:], atol=6e-3)
    (every_third,) = read_trajectory(tmp_path / f"run{ending}", make(tmp_path), stride=3).chains
    np.testing.assert_array_equal(every_third.positions, chain.positions[::3])


def test_chains_torn_by_the_box_are_joined(tmp_path: Path) -> None:
    whole = frames()
    # the middle of the chain comes to the face of the box
    torn = np.mod(whole + BOX / 2, BOX).astype(np.float32)
    reading = read_trajectory(write(tmp_path / "run.dcd", torn), topology(tmp_path))
    (chain,) = reading.chains
    assert not reading.remarks
    assert (np.diff(chain.residue_index) == 1).all()
    steps, expected = np.diff(chain.positions, axis=1), np.diff(whole[:, 1:], axis=1)
    assert (np.abs(np.diff(torn[:, 1:], axis=1) - expected) > 1.0).any()
    np.testing.assert_allclose(steps, expected, atol=1e-3)


def test_frames_that_stay_torn_are_left_out_and_it_is_said(tmp_path: Path) -> None:
    torn = frames()
    torn[2, 15:] += 11.0
    reading = read_trajectory(write(tmp_path / "run.dcd", torn, boxed=False), topology(tmp_path))
    assert reading.chains[0].n_models == 6
    assert reading.remarks == ["run: 1 of 7 frames left out, torn by the periodic box"]


def test_another_topology_and_another_unit_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "run.dcd", frames()[:, 1:])
    with pytest.raises(TopologyError, match=r"30 atoms a frame, .*top.pdb has 31"):
        read_trajectory(path, topology(tmp_path))
    small = write(tmp_path / "nm.dcd", (frames() / 10).astype(np.float32), boxed=False)
    with pytest.raises(UnitError, match="--unit nm"):
        read_trajectory(small, topology(tmp_path), ReadOptions())


@pytest.mark.parametrize(
    ("name", "content"),
    [("run.dcd", b""), ("run.xtc", b""), ("run.dcd", b"x" * 500), ("run.xtc", b"x" * 500), ("run.trr", b"")],
)
def test_trajectories_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StructureFileError, match=name):
        read_trajectory(tmp_path / name, topology(tmp_path))


def test_a_missing_or_truncated_trajectory_is_named_or_shorter(tmp_path: Path) -> None:
    with pytest.raises(StructureFileError, match=r"none.dcd"):
        read_trajectory(tmp_path / "none.dcd", topology(tmp_path))
    path = write(tmp_path / "run.dcd", frames())
    path.write_bytes(path.read_bytes()[:-700])
    assert read_trajectory(path, topology(tmp_path)).chains[0].n_models < 7


@pytest.mark.parametrize("lines", [["PSF"], ["no"], ["PSF", "2 !NATOM", "1 A 1 ALA CA"], ["PSF", "x !NATOM"]])
def test_psf_files_that_cannot_be_read_are_named(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "bad.psf"
    path.write_text("\n".join(lines))
    with pytest.raises(StructureFileError, match=r"bad.psf"):
        read_trajectory(write(tmp_path / "run.dcd", frames()), path)
