"""Structure files that cannot be read: named errors, whatever they hold."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from importlib import util
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from biotite.structure import AtomArrayStack
from biotite.structure.io.pdbx import BinaryCIFFile, set_structure
from hypothesis import given
from hypothesis import strategies as st

from applications.molecular.posebusters import MissingExtraError
from applications.molecular.proteins import structure_parsing
from applications.molecular.proteins.bundled import bundled_chains
from applications.molecular.proteins.pdb_writer import WrittenChain, write_cif, write_pdb
from applications.molecular.proteins.structure_files import (
    Reading,
    read_backbones,
)
from applications.molecular.proteins.structure_parsing import StructureFileError
from tests.applications.backbone_material import full_backbones, trace, write_lines
from tests.applications.fuzzing import bounded, only_named_errors, spoilt


def truncated_cif() -> bytes:
    with TemporaryDirectory() as folder:
        write_cif(Path(folder) / "x.cif", [WrittenChain.of(bundled_chains()[0])])
        return (Path(folder) / "x.cif").read_bytes()[:-333]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.pdb", b"", "has no atoms"),
        ("x.cif", b"", "cannot be read"),
        ("x.bcif", b"", "cannot be read"),
        ("x.pdb", bytes(range(256)) * 20, "cannot be read"),
        ("x.cif", bytes(range(256)) * 20, "cannot be read"),
        ("x.bcif", bytes(range(256)) * 20, "cannot be read"),
        ("x.cif", truncated_cif(), "truncated"),
        ("x.pdb", "\n".join(trace(5))[:-35].encode(), "ends within the coordinates"),
        ("x.pdb.gz", gzip.compress("\n".join(trace(50)).encode())[:-40], "cannot be read"),
        ("x.pdb", "\n".join(trace(5)).replace("1.500", "1.x00").encode(), "cannot be read"),
        ("x.xyz", b"1", "unknown ending"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StructureFileError, match=message) as error:
        read_backbones(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)


def test_a_missing_file_a_folder_and_a_large_file_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d.pdb").mkdir()
    for name in ("none.pdb", "d.pdb"):
        with pytest.raises(StructureFileError, match=name):
            read_backbones(tmp_path / name)
    path = write_lines(tmp_path / "x.pdb.gz", trace(100))
    monkeypatch.setattr(structure_parsing, "MAX_BYTES", 2000)
    with pytest.raises(StructureFileError, match="larger than 2000"):
        read_backbones(path)


def test_without_biotite_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find: Callable[..., object] = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *rest: None if name == "biotite" else find(name, *rest))
    with pytest.raises(MissingExtraError, match=r"quotient-diffusion\[protein\]"):
        read_backbones(write_lines(tmp_path / "x.pdb", trace(5)))


def sound() -> dict[str, bytes]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        chain, atoms = full_backbones()[2]
        written = WrittenChain(
            atoms=atoms[None, :6], residue_index=chain.residue_index[:6], sequence=chain.sequence[:6]
        )
        write_pdb(folder / "x.pdb", [written])
        write_cif(folder / "x.cif", [written])
        binary = BinaryCIFFile()
        stack: Any = AtomArrayStack(1, 6)
        stack.coord = atoms[None, :6, 1]
        stack.atom_name[:], stack.element[:], stack.res_name[:] = "CA", "C", "ALA"
        stack.res_id = np.arange(1, 7)
        set_structure(binary, stack, data_block="x")
        binary.write(str(folder / "x.bcif"))
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    return {**files, "x.pdb.gz": gzip.compress(files["x.pdb"], mtime=0)}


SOUND = sound()


@bounded(60)
@given(st.sampled_from(sorted(SOUND)).flatmap(lambda name: st.tuples(st.just(name), spoilt(SOUND[name]))))
def test_spoilt_files_give_chains_reasons_or_named_errors(file: tuple[str, bytes]) -> None:
    name, content = file
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        found: list[Reading] = []
        error = only_named_errors(lambda: found.append(read_backbones(path)))
    assert str(path) in str(error) if error else found[0].chains or found[0].skipped
