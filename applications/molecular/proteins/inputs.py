"""What an evaluation reads: files, folders of files, prepared data, and the chains that come with the package."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, final

from applications.molecular.proteins.bundled import bundled_chains
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.store import BackboneStore
from applications.molecular.proteins.structure_files import ReadOptions, read_backbones
from applications.molecular.versions import sha256_of

BUNDLED: Final = "bundled"
"""Name of the reference that comes with the package."""

_ENDINGS: Final = (".pdb", ".ent", ".cif", ".mmcif", ".bcif")


@final
class InputError(ValueError):
    """Nothing that can be evaluated; the message names the remedy."""


@final
@dataclass(frozen=True)
class BackboneInput:
    """Chains with what was left out.

    Attributes:
        chains: at least one, with names that differ.
        skipped: why chains or files gave none, by name.
        description: where they come from, as plain values.
    """

    chains: list[BackboneChain]
    skipped: dict[str, str]
    description: dict[str, Any]


def read_structures(path: Path, *, as_numbered: bool = False) -> BackboneInput:
    """Chains of a structure file, or of all structure files in a folder and the folders in it.

    A file that cannot be read is skipped with its reason.

    Args:
        path: the file or the folder.
        as_numbered: for generated chains, as `ReadOptions.as_numbered`.

    Raises:
        InputError: there is nothing at the path, or nothing that can be read.
        MissingExtraError: biotite is not installed.
    """
    if not path.exists():
        raise InputError(f"there is no file or folder {path}")
    files = (
        sorted(file for file in path.rglob("*") if file.is_file() and _is_structure(file)) if path.is_dir() else [path]
    )
    if not files:
        raise InputError(
            f"{path} has no structure files: expected names that end in {', '.join(_ENDINGS)}, or .gz after it"
        )
    chains: list[BackboneChain] = []
    skipped: dict[str, str] = {}
    for file in files:
        label = file.relative_to(path).as_posix() if path.is_dir() else file.name
        try:
            reading = read_backbones(file, ReadOptions(as_numbered=as_numbered))
        except (ValueError, OSError) as error:
            skipped[label] = " ".join(str(error).split())
            continue
        chains += reading.chains
        skipped |= {f"{label}: {entry.name}": entry.reason.value for entry in reading.skipped}
    if not chains:
        name, reason = next(iter(skipped.items()))
        raise InputError(f"no chain can be read from {path}: {len(skipped)} skipped, first {name}: {reason}")
    described = {"path": str(path), "files": len(files)}
    if path.is_file():
        described["sha256"] = sha256_of(path)
    return BackboneInput(_named_apart(chains), skipped, described)


def read_reference(what: str, *, split: str | None) -> BackboneInput:
    """Chains of `bundled`, of a prepared data folder, or of structure files.

    Args:
        what: `bundled` or a path.
        split: of a prepared folder, None for all of it.

    Raises:
        InputError: as `read_structures`, or the folder has no such split or nothing in it.
    """
    path = Path(what)
    if what == BUNDLED:
        return BackboneInput(bundled_chains(), {}, {"path": BUNDLED})
    if not (path / "meta.json").is_file():
        return read_structures(path)
    store = BackboneStore.open(path)
    if split is not None and split not in store.splits:
        raise InputError(f"{path} has no split {split!r}. Choose one of {', '.join(store.splits)} or all.")
    rows = range(len(store)) if split is None else store.splits[split]
    if not rows:
        raise InputError(f"split {split or 'all'} of {path} is empty. Choose another --split.")
    described = {"path": str(path), "split": split or "all", "fingerprint": store.fingerprint}
    return BackboneInput([store[row] for row in rows], {}, described)


def _is_structure(file: Path) -> bool:
    return Path(file.name.lower().removesuffix(".gz")).suffix in _ENDINGS


def _named_apart(chains: list[BackboneChain]) -> list[BackboneChain]:
    """Files of one name in several folders: the later ones get a number behind it."""
    seen: dict[str, int] = {}
    named = []
    for chain in chains:
        seen[chain.name] = seen.get(chain.name, 0) + 1
        named.append(chain if seen[chain.name] == 1 else replace(chain, name=f"{chain.name}#{seen[chain.name]}"))
    return named
