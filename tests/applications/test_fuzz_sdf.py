"""SDF, tables and accounts of every kind, read by `evaluate`, `view` and `prepare`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from applications.molecular.dataset import ConformerStore
from applications.molecular.ensembles import EnsembleOptions, SizeLimits
from applications.molecular.evaluate import EvaluationOptions, evaluate
from applications.molecular.metrics import Failures
from applications.molecular.readback import read_generated
from applications.molecular.report import build_report, format_table, write_report
from applications.molecular.sdf_files import read_sdf
from applications.molecular.viewing import draw_structures, read_structures, write_page
from tests.applications.fuzz_material import write_data, write_generated
from tests.applications.fuzzing import any_json, any_text, bounded, in_bounds, nothing_lost, only_named_errors, spoilt

V3000 = b"""
     x

  0  0  0  0  0  0  0  0  0  0999 V3000
M  V30 BEGIN CTAB
M  V30 COUNTS 2 1 0 0 0
M  V30 BEGIN ATOM
M  V30 1 O 0 0 0.5 0
M  V30 2 H 0.9 0 0 0
M  V30 END ATOM
M  V30 BEGIN BOND
M  V30 1 1 1 2
M  V30 END BOND
M  V30 END CTAB
M  END
> <n\xff$$$$>
\xfe $$$$

$$$$
"""


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    records = write_data(folder / "data")
    write_generated(folder / "x.sdf", records)
    return {path.suffix: path.read_bytes() for path in folder.glob("x.*")}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ConformerStore:
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return ConformerStore.open(folder)


@st.composite
def odd_block(draw: st.DrawFn) -> bytes:
    """A record whose counts, coordinates, elements, bonds and properties are each sound or not."""
    numbers = st.sampled_from(["0.0", "1.2", "-1.4", "nan", "inf", "-inf", "1e300", "99999.9999", "abc", "", "1" * 12])
    symbols = st.sampled_from(["C", "O", "H", "N", "R#", "*", "L", "A", "Q", "Xx", "D", "Pt", "LP", ""])
    n = draw(st.integers(0, 5))
    claimed = draw(st.sampled_from([n, n, n, n + 1, 0, 999, -1]))
    bonds = draw(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 9)), max_size=5))
    lines = [draw(any_text).split("\n")[0], "     RDKit          3D", ""]
    lines.append(
        f"{claimed:3d}{len(bonds):3d}  0  0  0  0  0  0  0  0999 V{draw(st.sampled_from(['2000', '3000', '']))}"
    )
    for _ in range(n):
        x, y, z = (draw(numbers) for _ in range(3))
        lines.append(f"{x:>10s}{y:>10s}{z:>10s} {draw(symbols):3s} 0  0  0  0  0  0  0  0  0  0  0  0")
    lines += [f"{a:3d}{b:3d}{kind:3d}  0" for a, b, kind in bonds]
    lines += draw(st.sampled_from([[], ["M  CHG  1   1  15"], ["M  RAD  1   1   9"], ["M  ISO  1   9 999"]]))
    lines += draw(st.sampled_from([["M  END"], []]))
    for _ in range(draw(st.integers(0, 2))):
        name = draw(
            st.sampled_from(["smiles", "conf_id", "energy", "_Name", "", "<>", "\u00e9", "$$$$", "__computedProps"])
        )
        lines += [f"> <{name}>", draw(any_text).replace("\r", ""), ""]
    return ("\n".join(lines) + "\n$$$$\n").encode("utf-8", errors="surrogatepass")


def written(folder: str, parts: dict[str, bytes]) -> Path:
    for suffix, content in parts.items():
        Path(folder, f"x{suffix}").write_bytes(content)
    return Path(folder, "x.sdf")


def view(path: Path, *, picture: bool = False) -> None:
    structures = read_structures(path)
    write_page(structures, path.with_suffix(".html"), title=path.name)
    if picture:
        draw_structures(structures[:3], path.with_suffix(".png"))


def take(path: Path) -> None:
    options = EnsembleOptions(n_conformers=2, limits=SizeLimits(1, 30))
    for item in read_sdf(path):
        error = only_named_errors(lambda item=item: item.ensemble(options))
        assert error is None or item.source_id


def assess(path: Path, store: ConformerStore) -> None:
    options = EvaluationOptions(baselines=False)
    found = read_generated(path)
    results, missing = evaluate(found, store, split=None, options=options)
    report = build_report(
        results,
        options=options,
        failures=Failures.ZERO,
        without_reference=missing,
        posebusters=None,
        generated=found,
        reference_meta=store.meta,
    )
    write_report(path.parent / "report", report, results)
    format_table(report)


def try_all(parts: dict[str, bytes], store: ConformerStore) -> None:
    with TemporaryDirectory() as folder:
        path = written(folder, parts)
        with nothing_lost(path.parent), in_bounds():
            only_named_errors(lambda: view(path))
            only_named_errors(lambda: take(path))
            only_named_errors(lambda: assess(path, store))


@given(data=st.data())
@bounded(40)
def test_a_spoilt_file_is_used_or_refused(
    data: st.DataObject, material: dict[str, bytes], store: ConformerStore
) -> None:
    parts = dict(material)
    for suffix in data.draw(st.sampled_from([(".sdf",), (".sdf",), (".csv",), (".sdf", ".csv", ".json")])):
        parts[suffix] = data.draw(spoilt(parts[suffix]))
    try_all(parts, store)


@given(blocks=st.lists(odd_block(), max_size=3))
@example(blocks=[V3000])
@bounded(80)
def test_odd_records_are_used_or_refused(blocks: list[bytes], store: ConformerStore) -> None:
    try_all({".sdf": b"".join(blocks)}, store)


@given(table=st.one_of(st.binary(max_size=60), st.text(max_size=60).map(lambda t: ("smiles,attempts\n" + t).encode())))
@example(table=b"smiles,attempts\nCCO,many\n")
@example(table=b"smiles,attempts\n" + b"C" * 200_000)
@bounded(25)
def test_any_table_is_used_or_refused(table: bytes, material: dict[str, bytes], store: ConformerStore) -> None:
    try_all({**material, ".csv": table}, store)


@given(account=any_json)
@bounded(20)
def test_any_account_is_used_or_refused(account: object, material: dict[str, bytes], store: ConformerStore) -> None:
    import json

    try_all({**material, ".json": json.dumps(account).encode()}, store)


@given(data=st.data(), block=odd_block())
@bounded(8)
def test_pictures_of_odd_records(data: st.DataObject, block: bytes, material: dict[str, bytes]) -> None:
    content = data.draw(st.sampled_from([block, block + material[".sdf"]]))
    with TemporaryDirectory() as folder:
        path = written(folder, {".sdf": content})
        only_named_errors(lambda: view(path, picture=True))


PDB = b"""HETATM    1  C1  UNL     1      -0.001   0.001   0.000  1.00  0.00           C
HETATM    2  O1  UNL     1       1.201   0.001   0.000  1.00  0.00           O
CONECT    1    2
END
"""


@given(data=st.data())
@bounded(40)
def test_a_spoilt_pdb_is_shown_or_refused(data: st.DataObject) -> None:
    models = b"".join(b"MODEL %d\n" % k + PDB[:-4] + b"ENDMDL\n" for k in range(3))
    content = data.draw(spoilt(data.draw(st.sampled_from([PDB, models]))))
    with TemporaryDirectory() as folder:
        path = Path(folder, "x.pdb")
        path.write_bytes(content)
        only_named_errors(lambda: view(path))
