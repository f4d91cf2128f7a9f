"""A thousand requests as users send them, killed halfway and continued: nothing lost, nothing redone, memory bounded.

Run by path: ``python tests/benchmarks/bench_generation.py``. Valid molecules are those of the NCI file that RDKit
ships; among them is everything that goes wrong. Generates one conformer each, once without interruption, once killed
with SIGKILL when half is written and continued, and a quarter of it for comparison of the peak memory. Every check
that fails ends the run. About five minutes of one core.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rdkit import Chem, RDConfig
from rich.console import Console

WINDOW = 50
BAD: dict[str, str] = {
    "CC(=O)[O-].[Na+]": "SEVERAL_FRAGMENTS",
    "CCO.CCN": "SEVERAL_FRAGMENTS",
    "[Na+].[Cl-]": "SEVERAL_FRAGMENTS",
    "[CH3]": "RADICAL",
    "C[CH]C": "RADICAL",
    "[O][O]": "RADICAL",
    "C[Pt](Cl)(Cl)N": "UNSUPPORTED_ELEMENT",
    "[Fe+2]": "UNSUPPORTED_ELEMENT",
    "C[Se]C": "UNSUPPORTED_ELEMENT",
    "[He]": "UNSUPPORTED_ELEMENT",
    "C[Xx]C": "UNPARSABLE",
    "CC*": "UNKNOWN_ATOM",
    "C1~OC1": "UNKNOWN_BOND",
    "C[S@OH3](F)(F)(F)(F)Cl": "UNSUPPORTED_STEREO",
    "[2H]C([2H])[2H]": "HYDROGEN_ISOTOPE",
    "[H][H]": "TOO_FEW_ATOMS",
    "[H+]": "TOO_FEW_ATOMS",
    "C" * 201: "TOO_MANY_ATOMS",
    "C(" * 40 + "C" + ")" * 40 + "N" * 5000: "TOO_MANY_ATOMS",
    "C1CC": "UNPARSABLE",
    "C(C": "UNPARSABLE",
    "CC)C": "UNPARSABLE",
    "c1cccc1": "UNPARSABLE",
    "C(C)(C)(C)(C)C": "UNPARSABLE",
    "N#N#N": "UNPARSABLE",
    "ethanol": "UNPARSABLE",
    "=SUM(A1:A9)": "UNPARSABLE",
    "ベンゼン": "UNPARSABLE",
    "C\u00a0C": "UNPARSABLE",
    "C\u2013C": "UNPARSABLE",
    "!" * 10_000: "UNPARSABLE",
    "C" * 100_000: "TOO_MANY_ATOMS",
    "\x00": "UNPARSABLE",
}
"""What must be refused, with the reason that users must read."""
ODD: tuple[str, ...] = (
    "C", "O", "N", "Cl", "[NH4+]", "[OH-]", "[I-]", "CC(=O)[O-]", "C[N+](C)(C)CC([O-])=O", "CC(F)Cl", "FC=CF",
    "C/C=C/C", "C[C@H](N)C(=O)O", "C#C", "C1CC1", "[13CH4]", "[CH3:1][OH:2]", "[H]C([H])([H])[H]", "CC(N)C(O)C(F)Cl",
    "OB(O)c1ccccc1", "C[Si](C)(C)C", "FS(F)(F)(F)(F)F", "CP(C)(C)=O", "IC(I)(I)I", "N/N=N/N", "C1CCCCCCCCCCCCC1",
)  # fmt: skip
"""Unusual, but to be served."""


def lines(n: int) -> list[str]:
    """`SMILES name`: seven of ten from NCI, the rest in turn refused, unusual, and repeated."""
    nci = [line for line in (Path(RDConfig.RDDataDir) / "NCI/first_5K.smi").read_text().splitlines() if line.strip()]
    bad, found = list(BAD), []
    for number in range(n):
        kind, turn = number % 10, number // 10
        if kind == 3:
            found.append(f"{bad[turn % len(bad)]} bad {number}")
        elif kind == 6:
            found.append(f"{ODD[turn % len(ODD)]}\tμ-{number} «odd» $$$$ > <x>")
        elif kind == 9:
            found.append(f"{found[-4].split()[0]}  again {number}  " if turn % 2 else ODD[turn % len(ODD)])
        else:
            found.append(nci[number])
    return found


@dataclass(frozen=True)
class Run:
    """How a command ended, after how many seconds, with what peak of resident memory in MB."""

    code: int
    seconds: float
    peak: float
    errors: str


def run(source: Path, output: Path, options: list[str], *, kill_at: int | None = None) -> Run:
    """`quotient molecules generate`, killed once so many windows are written."""
    program = "from applications.cli import main; main()"
    words = ["molecules", "generate", str(source), "-o", str(output), "-n", "1", "--window", str(WINDOW), *options]
    log = output.with_suffix(".log")
    start = time.monotonic()
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "-c", program, *words], stdout=stream, stderr=stream)
        while kill_at is not None and process.poll() is None and windows(output) < kill_at:
            time.sleep(0.02)
        if kill_at is not None:
            time.sleep(1.0)
            process.send_signal(signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
    return Run(os.waitstatus_to_exitcode(status), time.monotonic() - start, usage.ru_maxrss / 1024, log.read_text())


def windows(output: Path) -> int:
    """Windows that are written."""
    try:
        return json.loads(output.with_suffix(".json").read_text())["progress"]["windows"]
    except OSError:
        return 0


def expect(holds: bool, what: str) -> None:  # noqa: FBT001
    """End with a sentence when something is not as it must be."""
    if not holds:
        raise SystemExit(f"failed: {what}")


def check(source: Path, output: Path, ended: Run) -> dict[str, int]:
    """Every request has its row, every success its record, every refusal its reason."""
    expect(ended.code == 3, f"exit code {ended.code}, expected 3 (some failed)\n{ended.errors}")
    expect("Traceback" not in ended.errors, ended.errors)
    with output.with_suffix(".csv").open(encoding="utf-8", newline="") as stream:
        csv.field_size_limit(10**7)
        rows = list(csv.DictReader(stream))
    asked = [line.replace("\t", " ").partition(" ") for line in source.read_text(encoding="utf-8").split("\n")]
    named = list(dict.fromkeys((smiles, name.strip() or smiles) for smiles, _, name in asked))
    expect([(row["given"], row["name"]) for row in rows] == named, "rows are not the requests in their order")
    for row in rows:
        expect((row["ok"] == "true") != bool(row["reason"]), f"neither made nor explained: {row}")
        if row["given"] in BAD:
            expect(row["refusal"] == BAD[row["given"]], f"{row['given'][:40]!r}: {row['refusal']}: {row['reason']}")
        if row["given"] in ODD:
            expect(row["refusal"] in ("", "STEREO_NOT_REPRODUCED", "BONDS_BROKEN"), f"{row['given']}: {row['reason']}")
    records = [mol for mol in Chem.SDMolSupplier(str(output), removeHs=False) if mol is not None]
    made = [row for row in rows if row["ok"] == "true"]
    expect(len(records) == len(made), f"{len(records)} records of {len(made)} conformers can be read")
    for mol, row in zip(records, made, strict=True):
        expect(mol.GetProp("smiles") == row["smiles"], f"the record of {row['name']} is another molecule")
    reasons = [row["refusal"] for row in rows if row["refusal"]]
    return {"rows": len(rows), "made": len(made), **{name: reasons.count(name) for name in sorted(set(reasons))}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("options", nargs="*", help="more options of generate, after --")
    given = parser.parse_args()
    options = ["--steps", str(given.steps), *given.options]
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sizes = {"quarter": given.requests // 4, "whole": given.requests}
        for size, n in sizes.items():
            (folder / f"{size}.smi").write_text("\n".join(lines(n)), encoding="utf-8")
        source = folder / "whole.smi"
        quarter = run(folder / "quarter.smi", folder / "quarter.sdf", options)
        check(folder / "quarter.smi", folder / "quarter.sdf", quarter)
        console.print(f"{sizes['quarter']} requests: {quarter.seconds:.0f} s, peak {quarter.peak:.0f} MB")
        whole = run(source, folder / "whole.sdf", options)
        console.print(f"{sizes['whole']} requests: {whole.seconds:.0f} s, peak {whole.peak:.0f} MB")
        console.print(check(source, folder / "whole.sdf", whole))
        killed = run(source, folder / "part.sdf", options, kill_at=given.requests // WINDOW // 2)
        kept = windows(folder / "part.sdf")
        expect(killed.code == -signal.SIGKILL, f"it ended by itself with {killed.code}")
        continued = run(source, folder / "part.sdf", options)
        check(source, folder / "part.sdf", continued)
        first = next(line for line in continued.errors.splitlines() if line.startswith("conformers: "))
        expect(first.startswith(f"conformers: {kept * WINDOW}/"), f"continued with {first!r} after {kept} windows")
        for suffix in (".sdf", ".csv"):
            same = (folder / f"part{suffix}").read_bytes() == (folder / f"whole{suffix}").read_bytes()
            expect(same, f"{suffix} differs from that of the run without interruption")
        console.print(
            f"killed after {kept} windows of {WINDOW}, continued to the same bytes in {continued.seconds:.0f} s"
        )
        growth = whole.peak - quarter.peak
        expect(
            growth < 50, f"the peak memory grew by {growth:.0f} MB from {sizes['quarter']} to {sizes['whole']} requests"
        )


if __name__ == "__main__":
    main()
