"""Sources of backbones: files, trajectories, and what comes with the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

from typing_extensions import override

from applications.molecular.proteins.bundled import CHAINS_FILE, ENSEMBLE_FILE, read_bundle
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.structure_files import (
    ChainSkip,
    Reading,
    ReadOptions,
    Skipped,
    read_backbones,
)
from applications.molecular.proteins.structure_parsing import ENDINGS, is_structure_file
from applications.molecular.proteins.trajectory_files import read_trajectory
from applications.molecular.sources import SourceError


class AbstractBackboneItem(ABC):
    """A unit of a source that is read at once: a hashable value that can be sent to another process."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called, unique in a source."""

    @abstractmethod
    def stamp(self) -> str:
        """What changes when its content does."""

    @abstractmethod
    def read(self, options: ReadOptions) -> Reading:
        """Its chains.

        Raises:
            StructureFileError: it cannot be read.
            UnitError: it is in another unit of length.
        """


@final
@dataclass(frozen=True)
class StructureItem(AbstractBackboneItem):
    """A structure file."""

    path: Path

    @property
    @override
    def name(self) -> str:
        return str(self.path)

    @override
    def stamp(self) -> str:
        return _stamp(self.path)

    @override
    def read(self, options: ReadOptions) -> Reading:
        return read_backbones(self.path, options)


@final
@dataclass(frozen=True)
class TrajectoryItem(AbstractBackboneItem):
    """A trajectory with its topology; every how many frames one is taken."""

    path: Path
    topology: Path
    stride: int = 1

    @property
    @override
    def name(self) -> str:
        return str(self.path)

    @override
    def stamp(self) -> str:
        return f"{_stamp(self.path)} {_stamp(self.topology)} {self.stride}"

    @override
    def read(self, options: ReadOptions) -> Reading:
        return read_trajectory(self.path, self.topology, options, stride=self.stride)


@final
@dataclass(frozen=True)
class BundledItem(AbstractBackboneItem):
    """A file of the package, and what it is called on the command line."""

    label: str
    file: str

    @property
    @override
    def name(self) -> str:
        return self.label

    @override
    def stamp(self) -> str:
        return self.file

    @override
    def read(self, options: ReadOptions) -> Reading:
        return _within(read_bundle(self.file), options)


@final
@dataclass(frozen=True)
class BackboneSource:
    """What there is to read.

    Attributes:
        items: one after another.
        is_ensemble: True if it is one chain in many models.
    """

    items: Sequence[AbstractBackboneItem]
    is_ensemble: bool = False


_BUNDLED: Final[dict[str, Callable[[], BackboneSource]]] = {
    "bundled": lambda: BackboneSource([BundledItem("bundled", CHAINS_FILE)]),
    "ubiquitin": lambda: BackboneSource([BundledItem("ubiquitin", ENSEMBLE_FILE)], is_ensemble=True),
}


def open_backbone_source(texts: Sequence[str], *, topology: Path | None = None, stride: int = 1) -> BackboneSource:
    """The source of `bundled`, `ubiquitin`, `trajectory:FILE`, or of structure files and folders of them.

    Folders are searched with what is below them, in the order of paths.

    Args:
        texts: as on the command line.
        topology: of a trajectory.
        stride: every how many frames one is taken.

    Raises:
        SourceError: there is no such file, no structure file in a folder, or no topology.
    """
    if len(texts) == 1 and texts[0] in _BUNDLED:
        return _BUNDLED[texts[0]]()
    kind, _, path = texts[0].partition(":")
    if len(texts) == 1 and kind == "trajectory" and path:
        if topology is None:
            raise SourceError(f"got {texts[0]} without residues. Add --topology FILE (PDB, mmCIF or PSF).")
        item = TrajectoryItem(_existing(path), _existing(str(topology)), stride)
        return BackboneSource([item], is_ensemble=True)
    if topology is not None:
        raise SourceError("got --topology without a trajectory. Use --source trajectory:FILE.")
    found = [file for text in texts for file in _structure_files(_existing(text))]
    return BackboneSource([StructureItem(file) for file in dict.fromkeys(found)])


def _existing(text: str) -> Path:
    path = Path(text).absolute()
    if not path.exists():
        raise SourceError(
            f"got {text!r}, which is no file. Use bundled, ubiquitin, trajectory:FILE, or a file or folder that exists."
        )
    return path


def _structure_files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.is_file() and is_structure_file(file))
    if not found:
        raise SourceError(f"{path} holds no structure file, expected {', '.join(ENDINGS)}, or with .gz behind it")
    return found


def _stamp(path: Path) -> str:
    state = path.stat()
    return f"{state.st_size} {state.st_mtime_ns}"


def _within(chains: Sequence[BackboneChain], options: ReadOptions) -> Reading:
    reading = Reading([], [])
    for chain in chains:
        if chain.n_residues < options.min_residues:
            reading.skipped.append(Skipped(chain.name, ChainSkip.TOO_SHORT))
        elif chain.n_residues > options.max_residues:
            reading.skipped.append(Skipped(chain.name, ChainSkip.TOO_LONG))
        else:
            reading.chains.append(chain)
    return reading
