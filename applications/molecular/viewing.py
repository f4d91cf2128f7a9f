"""Structures of a file to look at: pictures, and a page that turns them, without a network."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from typing_extensions import override

from applications.molecular.pictures import AbstractPanel, Panel, atom_style, draw_grid
from applications.molecular.proteins.trace_view import BINARY_ENDINGS, holds_backbone, read_traces
from applications.molecular.sdf_records import read_records
from applications.molecular.structures import are_sound, with_conformers
from applications.molecular.viewed import AbstractStructure

_COLUMNS: Final = 6
_STRIP: Final = 6
_TITLE: Final = 30
_ORDERS: Final = {Chem.BondType.DOUBLE: 2, Chem.BondType.TRIPLE: 3}


@final
class ViewError(ValueError):
    """A file that cannot be shown; the message names the remedy."""


@final
@dataclass(frozen=True)
class Structure(AbstractStructure):
    """A molecule with conformers.

    Attributes:
        title: what it is called.
        mol: its atoms and bonds.
        frames: coordinates in Å, [K, n, 3]; more than one for a trajectory or an ensemble.
        facts: what the file says about it.
    """

    title: str
    mol: Chem.Mol
    frames: NDArray[np.float64]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    @override
    def key(self) -> str:
        """SMILES of the constitution."""
        return Chem.MolToSmiles(self.mol, isomericSmiles=False)

    @override
    def panel(self, frame: int, title: str) -> Panel:
        return Panel(with_conformers(self.mol, self.frames[[frame]]), title)

    @override
    def plain(self) -> dict[str, Any]:
        """Atoms, bonds of a Kekule form and centred frames."""
        frames = self.frames - self.frames.mean(axis=1, keepdims=True)
        kekulised = Chem.Mol(self.mol)
        if any(atom.GetIsAromatic() for atom in kekulised.GetAtoms()):
            Chem.Kekulize(kekulised, clearAromaticFlags=True)
        styles = [(atom.GetSymbol(), *atom_style(atom.GetAtomicNum())) for atom in kekulised.GetAtoms()]
        bonds = kekulised.GetBonds()
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "atoms": [{"symbol": symbol, "colour": colour, "size": size} for symbol, colour, size in styles],
            "bonds": [[b.GetBeginAtomIdx(), b.GetEndAtomIdx(), _ORDERS.get(b.GetBondType(), 1)] for b in bonds],
            "frames": frames.round(3).tolist(),
            "radius": float(np.linalg.norm(frames[-1], axis=-1).max()) + 0.8,
        }


def read_structures(path: Path) -> list[AbstractStructure]:
    """Structures of an SDF, one a record, or of a PDB or mmCIF file, whose models are the frames of one structure.

    Proteins and CA traces are chains, drawn through their CA atoms; other PDB files are molecules.

    Raises:
        ViewError: the file is missing, of another kind, or holds nothing that can be drawn.
        MissingExtraError: a protein, and biotite is not installed.
        StructureFileError: a protein file that cannot be read.
    """
    name = path.name.lower().removesuffix(".gz")
    is_binary = path.name.lower().endswith(".gz") or Path(name).suffix in BINARY_ENDINGS
    readers: dict[str, Callable[[Path], Sequence[AbstractStructure]]] = {
        ".sdf": _of_sdf,
        ".pdb": _of_pdb,
        **dict.fromkeys(BINARY_ENDINGS, read_traces),
    }
    if Path(name).suffix not in readers or (is_binary and Path(name).suffix == ".sdf"):
        raise ViewError(f"got {path}, expected a file that ends in {' or '.join(readers)}")
    if not path.is_file():
        raise ViewError(f"there is no file {path}")
    with rdBase.BlockLogs():
        found = list((read_traces if is_binary else readers[Path(name).suffix])(path))
    if not found:
        raise ViewError(f"{path} holds no structure with coordinates that can be read")
    return found


def _of_sdf(path: Path) -> list[Structure]:
    found: list[Structure] = []
    for mol in read_records(path):
        if mol is not None:
            facts = {name: mol.GetProp(name) for name in mol.GetPropNames()}
            title = mol.GetProp("_Name") if mol.HasProp("_Name") else ""
            number = f" {facts['conf_id']}" if "conf_id" in facts else ""
            frames = mol.GetConformer().GetPositions()[None]
            found.append(Structure(f"{title or f'record {len(found) + 1}'}{number}", mol, frames, facts))
    return found


def _of_pdb(path: Path) -> Sequence[AbstractStructure]:
    if holds_backbone(path):
        return read_traces(path)
    # bonds guessed from distances would be those of the first model, which in a trajectory is noise
    block = path.read_bytes().decode("utf-8", errors="replace")
    mol = Chem.MolFromPDBBlock(block, sanitize=False, removeHs=False, proximityBonding=False)
    if mol is not None and not mol.GetNumBonds():
        mol = Chem.MolFromPDBBlock(block, sanitize=False, removeHs=False)
    if mol is None or not mol.GetNumAtoms() or not mol.GetNumConformers():
        return []
    frames = np.stack([mol.GetConformer(c.GetId()).GetPositions() for c in mol.GetConformers()])
    return [Structure(path.stem, mol, frames)] if are_sound(frames) else []


def draw_structures(structures: Sequence[AbstractStructure], path: Path) -> None:
    """Draw a PNG: conformers in rows by molecule, or a strip of times for a structure with several frames.

    Args:
        structures: at least one.
        path: the PNG, replaced if it exists.
    """
    rows: list[list[AbstractPanel]] = []
    previous: str | None = None
    for structure in structures:
        if len(structure.frames) > 1:
            rows.append(_strip(structure))
        elif structure.key == previous and len(rows[-1]) < _COLUMNS:
            rows[-1].append(structure.panel(0, _short(structure.title)))
        else:
            rows.append([structure.panel(0, _short(structure.title))])
        previous = structure.key if len(structure.frames) == 1 else None
    draw_grid(rows, path)


def _strip(structure: AbstractStructure) -> list[AbstractPanel]:
    chosen = np.unique(np.linspace(0, len(structure.frames) - 1, _STRIP).round().astype(int))
    return [structure.panel(k, f"{_short(structure.title)}: {k + 1}") for k in chosen.tolist()]


def _short(title: str) -> str:
    """A title that fits under a panel."""
    half = _TITLE // 2
    return title if len(title) <= _TITLE else f"{title[: half - 1]}…{title[-half:]}"


def write_page(structures: Sequence[AbstractStructure], path: Path, *, title: str) -> None:
    """Write one HTML file that shows and turns the structures; it needs nothing else, and no network.

    Args:
        structures: at least one.
        path: the page, replaced if it exists.
        title: of the page.
    """
    data = embedded_json([structure.plain() for structure in structures])
    page = filled_template("viewer.html", TITLE=html.escape(title), DRAWING=template_text("drawing.js"), DATA=data)
    # names of files may hold bytes that are no text
    path.write_text(page, encoding="utf-8", errors="replace")


def template_text(name: str) -> str:
    """A file of the folder `templates` of this package."""
    return resources.files("applications.molecular").joinpath("templates", name).read_text(encoding="utf-8")


def filled_template(name: str, **parts: str) -> str:
    """A template in which every `__NAME__` is replaced by the part of that name, once and not within parts."""
    pattern = re.compile("|".join(f"__{part}__" for part in parts))
    return pattern.sub(lambda found: parts[found.group()[2:-2]], template_text(name))


def embedded_json(value: Any) -> str:
    """JSON that can stand inside a script element."""
    # a tag or the beginning of a comment inside a string would end the script, or not let it end
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")
