"""One letter for every residue name, those of modified residues and of force fields among them."""

from __future__ import annotations

from functools import cache
from typing import Final

UNKNOWN: Final = "X"

LETTERS: Final = {
    "ALA": "A",
    "ARG": "R",
    "ASN": "N",
    "ASP": "D",
    "CYS": "C",
    "GLN": "Q",
    "GLU": "E",
    "GLY": "G",
    "HIS": "H",
    "ILE": "I",
    "LEU": "L",
    "LYS": "K",
    "MET": "M",
    "PHE": "F",
    "PRO": "P",
    "SER": "S",
    "THR": "T",
    "TRP": "W",
    "TYR": "Y",
    "VAL": "V",
}
"""Letter by name of the twenty amino acids."""

NAMES: Final = {letter: name for name, letter in LETTERS.items()}
"""Name by letter of the twenty amino acids."""

# protonation states and disulfides of CHARMM, AMBER and GROMACS; the Chemical Component Dictionary has none of them
_FORCE_FIELDS: Final = {
    "HSD": "H",
    "HSE": "H",
    "HSP": "H",
    "HID": "H",
    "HIE": "H",
    "HIP": "H",
    "CYX": "C",
    "CYM": "C",
    "ASH": "D",
    "GLH": "E",
    "LYN": "K",
}


@cache
def letter(name: str) -> str:
    """Letter of a residue name, that of the parent for a modified residue (MSE is M), X where there is none.

    Cost: the first name beyond the usual ones loads the Chemical Component Dictionary of biotite, 0.8 s.
    """
    known = LETTERS.get(name) or _FORCE_FIELDS.get(name)
    if known:
        return known
    from biotite.structure.info import one_letter_code

    found = one_letter_code(name)
    # a chromophore stands for several residues and has as many letters
    return found if found and len(found) == 1 else UNKNOWN
