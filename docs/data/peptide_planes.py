"""Fit the peptide planes of the package, measure them on chains that the fit has not seen, and make the test's chains.

    pip download --no-deps MDAnalysisTests==2.11.0
    python docs/data/peptide_planes.py mdanalysistests-2.11.0.tar.gz

Every second chain, in the order of names, is fitted; the others are measured, and four of them are kept for the tests.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from backbones import FOLDER, STRUCTURES, extract

from applications.molecular.proteins.bundled import pack
from applications.molecular.proteins.peptide_planes import FILE, fit, to_json
from applications.molecular.proteins.rebuild import cis_peptides, rebuild_backbone
from applications.molecular.proteins.structure_files import FullBackbone, read_full_backbone

TEST_CHAINS = Path(__file__).parents[2] / "tests" / "applications" / "material" / "full_backbones.npz"
N_TEST = 4


def rmsd(chains: list[FullBackbone]) -> dict[str, float]:
    """Errors of rebuilt N, C and O in Å; apart those of the first N, of the last C and O, and of O in cis peptides."""
    errors, cis, ends = [], [], []
    for chain in chains:
        built = rebuild_backbone(chain.chain.positions, chain.chain.residue_index)
        errors.append(((built - chain.atoms) ** 2).sum(axis=-1)[0])
        cis.append(np.append(cis_peptides(chain.chain.positions[0]), False))
        ends += [errors[-1][0, 0], errors[-1][-1, 2], errors[-1][-1, 3]]
        errors[-1][0, 0] = errors[-1][-1, 2:] = np.nan
    squares, is_cis = np.concatenate(errors), np.concatenate(cis)
    means = {name: squares[:, i] for i, name in ((0, "N"), (2, "C"), (3, "O"))}
    parts = {**means, "ends": np.array(ends), f"O of {is_cis.sum()} cis": squares[is_cis, 3]}
    return {name: float(np.sqrt(np.nanmean(part))) for name, part in parts.items()}


def main(archive: Path) -> None:
    """Write the fit and the chains of the tests, and print what was measured."""
    with TemporaryDirectory() as name:
        paths = extract(archive, STRUCTURES, Path(name))
        chains = [chain for path in paths for chain in read_full_backbone(path)]
    fitted, unseen = chains[::2], chains[1::2]
    planes = fit([chain.atoms[0].astype(np.float64) for chain in fitted])
    names = [chain.chain.name for chain in fitted]
    (FOLDER / FILE).write_text(to_json(planes, method="Gront2007, see peptide_planes.py", chains=names))
    # N, CA, C and O take the places of models
    kept = [replace(chain.chain, positions=np.moveaxis(chain.atoms[0], 1, 0)) for chain in unseen[:N_TEST]]
    TEST_CHAINS.parent.mkdir(exist_ok=True)
    pack(TEST_CHAINS, kept)
    for label, part in (("fitted", fitted), ("unseen", unseen), ("tests", unseen[:N_TEST])):
        print(label, len(part), {key: round(value, 3) for key, value in rmsd(part).items()})  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
