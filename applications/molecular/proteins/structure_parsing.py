"""PDB, mmCIF and BinaryCIF files as tables of backbone atoms, one a model; biotite does the parsing."""

from __future__ import annotations

import gzip
import io
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from applications.extras import MissingExtraError

MAX_BYTES: Final = 1 << 30
"""Largest file read, unpacked."""

BACKBONE: Final = ("N", "CA", "C", "O")
"""Names of the backbone atoms, in the order of arrays."""

_ELEMENTS: Final = ("N", "C", "C", "O")
_SHORTEST_ATOM_LINE: Final = 54


@final
class StructureFileError(ValueError):
    """A structure or trajectory file that cannot be read; the message names the file and the remedy."""


@final
@dataclass(frozen=True)
class BackboneAtoms:
    """Backbone atoms of one model in the order of the file, one entry an atom.

    Attributes:
        chain: identifiers of chains.
        number: numbers of residues; where the file has them, those of the sequence (`label_seq_id`) and not of the
            authors.
        insertion: insertion codes, empty where there is none.
        residue: names of residues.
        hetero: True for HETATM.
        atom: place in `BACKBONE`.
        location: identifiers of alternate locations, empty where there is none.
        occupancy: zero where the file has none.
        position: [n, 3], in the unit of the file.
        row: places among all atoms of the model.
        n_atoms: number of all atoms of the model.
    """

    chain: list[str]
    number: list[int]
    insertion: list[str]
    residue: list[str]
    hetero: list[bool]
    atom: list[int]
    location: list[str]
    occupancy: list[float]
    position: NDArray[np.float64]
    row: list[int]
    n_atoms: int


def require_biotite() -> None:
    """Fail early, with the remedy, if biotite is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    from importlib.util import find_spec

    if find_spec("biotite") is None:
        raise MissingExtraError("biotite is not installed. Run `pip install 'quotient-diffusion[protein]'`.")


def entry_name(path: Path) -> str:
    """Name of a file without its ending: 1abc for `1abc.cif.gz`."""
    name = path.name
    for ending in (".gz", *sorted(ENDINGS, key=len, reverse=True)):
        if name.lower().endswith(ending):
            name = name[: -len(ending)]
    return name or path.name


def is_structure_file(path: Path) -> bool:
    """True if the ending of a name is one of `ENDINGS`, possibly with .gz behind it."""
    return _ending(path) is not None


def parse_models(path: Path) -> list[BackboneAtoms]:
    """Backbone atoms of every model of a file.

    Args:
        path: PDB (.pdb, .ent), mmCIF (.cif, .mmcif) or BinaryCIF (.bcif), possibly packed (.gz).

    Returns:
        At least one model, in the order of the file. Cost: about 10 ms for a chain of 100 residues.

    Raises:
        MissingExtraError: biotite is not installed.
        StructureFileError: the file is missing, too large, truncated, of another format or without atoms.
    """
    require_biotite()
    ending = _ending(path)
    if ending is None:
        raise StructureFileError(f"{path}: got an unknown ending, expected one of {', '.join(ENDINGS)}, or with .gz")
    content = unpacked(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            models = ENDINGS[ending](content)
        except Exception as error:
            # parsers of untrusted bytes raise whatever they stumble over: msgpack's own errors, KeyError, TypeError
            raise StructureFileError(
                f"{path} cannot be read: {str(error)[:200] or type(error).__name__}. The file is truncated, or not "
                f"what its ending {ending} says."
            ) from error
    if not models:
        raise StructureFileError(f"{path} has no atoms, expected ATOM records or an atom_site table")
    return models


def unpacked(path: Path) -> bytes:
    """The content of a file, unpacked if it is packed with gzip.

    Raises:
        StructureFileError: it is missing, larger than `MAX_BYTES`, or its packing is damaged.
    """
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == b"\x1f\x8b"
            stream.seek(0)
            content = (gzip.GzipFile(fileobj=stream) if packed else stream).read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise StructureFileError(f"{path} cannot be read: {error}. Copy it again, or leave it out.") from error
    if len(content) > MAX_BYTES:
        raise StructureFileError(f"{path} is larger than {MAX_BYTES} bytes. Divide it.")
    return content


def place_of(name: str, element: str, residue: str) -> int:
    """Place of an atom in `BACKBONE`, -1 elsewhere; a calcium ion, which is also called CA, is no backbone atom."""
    if name not in BACKBONE or residue == "CA":
        return -1
    place = BACKBONE.index(name)
    return place if element in ("", _ELEMENTS[place]) else -1


def _backbone_atoms(atoms: Any, sequence_numbers: Sequence[str] | None = None) -> BackboneAtoms:
    """Backbone atoms of a biotite array, with numbers of the sequence if there are some for its polymers.

    The array is Any here and below: biotite declares its annotations as optional.
    """
    places = list(map(place_of, atoms.atom_name.tolist(), atoms.element.tolist(), atoms.res_name.tolist()))
    kept = np.flatnonzero(np.array(places, dtype=np.int64) >= 0)
    numbers = dict(enumerate(atoms.res_id.tolist()))
    if sequence_numbers is not None:
        found = {row: int(text) for row, text in enumerate(sequence_numbers) if text.lstrip("-").isdigit()}
        # every polymer is numbered by its sequence; where a program left that out, the authors' numbers remain
        if found.keys() >= set(kept[~atoms.hetero[kept]].tolist()):
            numbers = found
            kept = kept[np.isin(kept, list(found))]
    annotations = atoms.get_annotation_categories()
    location = atoms.altloc_id[kept] if "altloc_id" in annotations else np.full(len(kept), "")
    occupancy = atoms.occupancy[kept] if "occupancy" in annotations else np.zeros(len(kept))
    return BackboneAtoms(
        chain=atoms.chain_id[kept].tolist(),
        number=[numbers[row] for row in kept.tolist()],
        insertion=[code.strip(" .?") for code in atoms.ins_code[kept].tolist()],
        residue=atoms.res_name[kept].tolist(),
        hetero=atoms.hetero[kept].tolist(),
        atom=[places[row] for row in kept.tolist()],
        location=[code.strip(" .?") for code in location.tolist()],
        occupancy=occupancy.tolist(),
        position=np.asarray(atoms.coord, dtype=np.float64)[kept],
        row=kept.tolist(),
        n_atoms=len(atoms),
    )


def _ending(path: Path) -> str | None:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    return suffixes[-1] if suffixes and suffixes[-1] in ENDINGS else None


def _of_pdb(content: bytes) -> list[BackboneAtoms]:
    from biotite.structure.io.pdb import PDBFile

    if b"\0" in content:
        raise ValueError("got binary data")
    # remarks may hold any byte; records of atoms are ASCII
    text = content.decode("latin-1")
    lines = [line for line in text.splitlines() if line.startswith(("ATOM", "HETATM"))]
    if any(len(line) < _SHORTEST_ATOM_LINE for line in lines):
        # half a number is also a number
        raise ValueError("got an ATOM record that ends within the coordinates")
    file = PDBFile.read(io.StringIO(text))
    return [
        _backbone_atoms(_with_occupancy(file.get_structure, model=model + 1)) for model in range(file.get_model_count())
    ]


def _of_cif(content: bytes) -> list[BackboneAtoms]:
    from biotite.structure.io.pdbx import CIFFile

    if b"\0" in content:
        raise ValueError("got binary data")
    if content and not content.endswith((b"\n", b"\r")):
        # half a row may be a row too; programs end the last one
        raise ValueError("got a last line without its end")
    return _of_pdbx(CIFFile.read(io.StringIO(content.decode())))


def _of_binary_cif(content: bytes) -> list[BackboneAtoms]:
    from biotite.structure.io.pdbx import BinaryCIFFile

    return _of_pdbx(BinaryCIFFile.read(io.BytesIO(content)))


def _of_pdbx(file: Any) -> list[BackboneAtoms]:
    from biotite.structure.io.pdbx import get_model_count, get_structure

    fields = ["label_seq_id"] if "label_seq_id" in file.block["atom_site"] else []

    def read(*, extra_fields: list[str], **options: Any) -> Any:
        return get_structure(file, extra_fields=[*extra_fields, *fields], **options)

    models = []
    for number in range(get_model_count(file)):
        atoms = _with_occupancy(read, model=number + 1)
        models.append(_backbone_atoms(atoms, atoms.label_seq_id.tolist() if fields else None))
    return models


def _with_occupancy(read: Callable[..., Any], *, model: int) -> Any:
    """All alternate locations of a model, with occupancies if the file has them."""
    try:
        return read(model=model, altloc="all", extra_fields=["occupancy"])
    except (ValueError, KeyError):
        return read(model=model, altloc="all", extra_fields=[])


ENDINGS: Final[dict[str, Callable[[bytes], list[BackboneAtoms]]]] = {
    ".pdb": _of_pdb,
    ".ent": _of_pdb,
    ".cif": _of_cif,
    ".mmcif": _of_cif,
    ".bcif": _of_binary_cif,
}
"""Reader by ending of a file."""
