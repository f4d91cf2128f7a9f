"""Conformers of the GEOM archive: pickles, read so that nothing in them can run [Axelrod2022]."""

from __future__ import annotations

import math
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, final

from rdkit import Chem
from typing_extensions import override

from applications.molecular.chemistry import MoleculeRefused, Refusal
from applications.molecular.ensembles import Ensemble, EnsembleOptions
from applications.molecular.given_ensembles import GivenConformer, given_ensemble
from applications.molecular.sources import SourceError, SourceItem
from diffusion.json_files import JSONFileError, read_json_object

_ALLOWED: Final = {("rdkit.Chem.rdchem", "Mol"): Chem.Mol}
"""All that a pickle of the archive may name; everything else in it is numbers, text, lists and dictionaries."""


@final
class UnsafePickleError(ValueError):
    """A pickle that names something beyond the types of the archive, or is damaged."""


@final
class _ArchiveUnpickler(pickle.Unpickler):
    @override
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise UnsafePickleError(
                f"refused to load {module_name}.{global_name}: a file of the archive holds RDKit molecules and plain "
                "values only. Do not use this file."
            ) from None


def load_archive_pickle(stream: BinaryIO) -> Any:
    """What a pickle of the archive holds; nothing is imported or called but the constructor of RDKit's Mol.

    Raises:
        UnsafePickleError: it names anything else, or it is damaged.
    """
    try:
        return _ArchiveUnpickler(stream).load()
    except UnsafePickleError:
        raise
    except Exception as error:
        # damaged pickles raise nearly anything
        raise UnsafePickleError(f"damaged pickle ({type(error).__name__}: {error})") from error


@final
@dataclass(frozen=True)
class GeomItem(SourceItem):
    """One molecule of the archive.

    Attributes:
        path: its pickle.
    """

    method = "GEOM"

    path: Path

    @property
    @override
    def stamp(self) -> str:
        return str(self.path.stat().st_size)

    @override
    def ensemble(self, options: EnsembleOptions) -> Ensemble:
        try:
            with self.path.open("rb") as stream:
                content = load_archive_pickle(stream)
            conformers = _conformers(content)
        except (OSError, UnsafePickleError) as error:
            raise MoleculeRefused(self.smiles, Refusal.SOURCE_DAMAGED, f"{self.path.name}: {error}") from error
        if not conformers:
            raise MoleculeRefused(self.smiles, Refusal.SOURCE_DAMAGED, f"{self.path.name}: no conformer")
        return given_ensemble(self.smiles, conformers, options)


def _conformers(content: Any) -> list[GivenConformer]:
    listed = content.get("conformers") if isinstance(content, Mapping) else None
    if not isinstance(listed, list) or not all(isinstance(entry, Mapping) for entry in listed):
        raise UnsafePickleError("expected a dictionary with a list `conformers`")
    found = []
    for entry in listed:
        mol, energy = entry.get("rd_mol"), entry.get("relativeenergy", math.nan)
        if not isinstance(mol, Chem.Mol) or not isinstance(energy, int | float):
            raise UnsafePickleError("expected conformers with an RDKit molecule `rd_mol`")
        found.append(GivenConformer(mol, float(energy)))
    return found


def read_geom_archive(folder: Path) -> list[GeomItem]:
    """Molecules of an unpacked `rdkit_folder`, in the order of their sorted file names.

    The folder has `summary_drugs.json` or `summary_qm9.json`, from SMILES to `{"pickle_path": ...}`, and the pickles.
    Entries without a pickle are left out, as are paths that lead out of the folder.

    Raises:
        SourceError: there is no summary, it cannot be read, or no pickle of it is there.
    """
    summaries = sorted(folder.glob("summary_*.json"))
    if not summaries:
        raise SourceError(
            f"{folder} has no summary_*.json. Give the unpacked rdkit_folder of GEOM, which holds "
            "summary_drugs.json or summary_qm9.json and folders of pickles."
        )
    items = []
    for summary in summaries:
        try:
            entries = read_json_object(summary)
        except JSONFileError as error:
            raise SourceError(f"{error}. Unpack the archive again.") from error
        if not all(isinstance(entry, dict) for entry in entries.values()):
            raise SourceError(f"{summary} is not a summary of the archive. Unpack the archive again.")
        listed = [(smiles, str(entry["pickle_path"])) for smiles, entry in entries.items() if "pickle_path" in entry]
        for smiles, name in listed:
            path = folder / name
            # is_file comes first: it is what takes names that no file can have
            if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                items.append(GeomItem(source_id=path.relative_to(folder).as_posix(), smiles=smiles, path=path))
    if not items:
        raise SourceError(f"{folder} has summaries but none of their pickles. Unpack the archive again.")
    return sorted(items, key=lambda item: item.source_id)
