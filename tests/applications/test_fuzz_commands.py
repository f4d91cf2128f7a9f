"""The commands themselves: whatever they are given, one dry line and an exit code. And the harness catches a bug."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from applications.molecular import chemistry, dataset
from tests.applications.fuzz_material import write_data, write_generated, write_model
from tests.applications.fuzzing import any_text, bounded, command, nothing_lost, only_named_errors

NUMBERS = ("nan", "inf", "-inf", "1e400", "-1", "0", "1", "99999999999999999999999", "1e-320", "", "x")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a data folder and generated conformers."""
    folder = tmp_path_factory.mktemp("sound")
    write_generated(folder / "made.sdf", write_data(folder / "data"))
    write_model(folder / "model")
    return folder


@pytest.fixture
def fresh() -> Iterator[Path]:
    with TemporaryDirectory() as name:
        yield Path(name)


def generate(folder: Path, *arguments: str | Path, stdin: str | bytes = "") -> str:
    with TemporaryDirectory() as name, nothing_lost(folder):
        options = ("-m", folder / "model", "-o", Path(name, "out.sdf"), "--steps", "1", "--attempts", "1", "-n", "1")
        return command("molecules", "generate", *options, *arguments, stdin=stdin)


LINES = st.lists(
    st.sampled_from(["CCO ethanol", "C[C@H](N)C(=O)O", "xx", "# no", "C.C salt", "[Na+]", "$$$$", "C $$$$"])
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "latin-1"])


@given(lines=LINES, more=any_text, encoding=ENCODINGS, end=st.sampled_from(["\n", "\r\n", "\r", "\x00", "\u2028"]))
@example(lines=["CCO ethanol"], more="", encoding="utf-8-sig", end="\r\n")
@example(lines=[], more="", encoding="utf-16", end="\n")
@bounded(8)
def test_files_and_standard_input(lines: list[str], more: str, encoding: str, end: str, folder: Path) -> None:
    content = end.join([*lines, more]).encode(encoding, errors="replace")
    with TemporaryDirectory() as name:
        file = Path(name, "in.smi")
        file.write_bytes(content)
        generate(folder, file)
        generate(folder, "-", stdin=content)


@given(text=any_text.filter(lambda text: not text.startswith("-")))
@example(text="\udcff")
@example(text="C\x00")
@example(text="C" * 300_000)
@example(text="C" + "1" * 100_000)
@bounded(8)
def test_arguments(text: str, folder: Path) -> None:
    generate(folder, text)
    generate(folder, "C", "--split", text)


def test_a_byte_order_mark_is_no_part_of_a_smiles(folder: Path, fresh: Path) -> None:
    file, out = fresh / "in.smi", fresh / "out.sdf"
    file.write_bytes(b"\xef\xbb\xbfCCO ethanol\r\n")
    options = ("-m", folder / "model", "-o", out, "--steps", "1", "-n", "1", "--stereo", "off", "--relax", "none")
    assert command("molecules", "generate", file, *options, fine=(0,)) == ""


def test_a_name_that_would_end_the_record(folder: Path, fresh: Path) -> None:
    file, out = fresh / "in.smi", fresh / "out.sdf"
    file.write_text("CCO $$$$\nCCN amine\n")
    options = ("-m", folder / "model", "-o", out, "--steps", "1", "-n", "1", "--stereo", "off")
    assert command("molecules", "generate", file, *options, fine=(0,)) == ""
    assert out.read_text().count("\n$$$$\n") == 2
    assert not out.read_text().startswith("$$$$")


@given(option=st.sampled_from(["--steps", "-n", "--noise-scale", "--seed", "--attempts", "--dedup", "--batch-size",
                               "--threads"]), number=st.sampled_from(NUMBERS))  # fmt: skip
@bounded(10)
def test_numbers_of_generate(option: str, number: str, folder: Path) -> None:
    generate(folder, "CCO", option, number)


@given(option=st.sampled_from(["--threshold", "--k-rule", "--posebusters", "--workers", "--seed", "--split"]),
       number=st.sampled_from(NUMBERS))  # fmt: skip
@example(option="--seed", number="-1")
@example(option="--workers", number="99999999999999999999999")
@example(option="--k-rule", number="inf")
@example(option="--k-rule", number="nan")
@bounded(10)
def test_numbers_of_evaluate(option: str, number: str, folder: Path) -> None:
    if option == "--posebusters" and not number.startswith("-"):
        number = "0"
    with TemporaryDirectory() as name, nothing_lost(folder):
        options = ("--ref", folder / "data", "-o", Path(name, "report"), "--baseline", "none", "--split", "test")
        command("molecules", "evaluate", folder / "made.sdf", *options, option, number)


@given(option=st.sampled_from(["--learning-rate", "--pair-budget", "--validate-every", "--seed", "--steps"]),
       number=st.sampled_from([n for n in NUMBERS if n not in ("1", "99999999999999999999999", "1e-320")]))  # fmt: skip
@example(option="--learning-rate", number="nan")
@example(option="--seed", number="-1")
@example(option="--seed", number="99999999999999999999999")
@bounded(8)
def test_numbers_of_train(option: str, number: str) -> None:
    # no such data: what is seen is how options are read
    with TemporaryDirectory() as name:
        command("molecules", "train", Path(name, "none"), "-o", Path(name, "run"), option, number, fine=(1, 2))
        assert not Path(name, "run").exists()


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "0.5"])
def test_the_time_limit_of_prepare(number: str, fresh: Path) -> None:
    options = ("--source", f"etkdg:{fresh / 'none.smi'}", "-o", fresh / "data", "--time-limit", number)
    assert command("molecules", "prepare", *options, fine=(1, 2)) or number in ("-1", "0.5", "nan", "inf")


@pytest.mark.parametrize("kind", ["a folder", "nothing", "no content", "another kind", "\udcff.sdf"])
def test_paths_that_are_something_else(kind: str, folder: Path, fresh: Path) -> None:
    path = fresh / ("x.sdf" if kind != "another kind" else "x.xyz")
    if kind == "a folder":
        path.mkdir()
    elif kind == "no content":
        path.write_bytes(b"")
    elif kind.endswith(".sdf"):
        path = Path(os.fsdecode(os.fsencode(str(fresh)) + b"/\xff.sdf"))
        path.write_bytes((folder / "made.sdf").read_bytes())
    command("view", path, "--html")
    command("view", path, "-o", fresh, fine=(1,))
    command("molecules", "evaluate", path, "--ref", folder / "data", "-o", fresh / "report", "--baseline", "none")
    command("molecules", "evaluate", folder / "made.sdf", "--ref", path, "-o", fresh / "report", fine=(1,))
    command("molecules", "prepare", "--source", f"sdf:{fresh / 'y.sdf'}", "-o", path, fine=(1,))
    command("molecules", "train", path, "-o", fresh / "run", fine=(1,))
    command("molecules", "generate", "C", "-m", path, "-o", fresh / "out.sdf", fine=(1,))
    command("demo", "-m", path, "-o", fresh / "demo", fine=(1,))


def test_results_whose_account_is_damaged_are_kept(folder: Path, fresh: Path) -> None:
    options = ("CCO", "-m", folder / "model", "-o", fresh / "out.sdf", "--steps", "1", "-n", "1", "--stereo", "off")
    command("molecules", "generate", *options, fine=(0,))
    account = (fresh / "out.json").read_text()
    for old, new in (
        ('"sdf_bytes": ', '"sdf_bytes": -'),
        ('"windows": 1', '"windows": "1"'),
        ("{", "[" * 50_000),
        ("}", ""),
    ):
        assert old in account
        (fresh / "out.json").write_text(account.replace(old, new))
        with nothing_lost(fresh):
            assert command("molecules", "generate", *options, fine=(1,))


def test_a_planted_bug_is_caught(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control: what is not a named error fails the harness, in a function and in a command."""

    def broken(*_: object, **__: object) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(chemistry, "_check_composition", broken)
    monkeypatch.setattr(dataset, "read_arrays", broken)
    with pytest.raises(AssertionError, match="KeyError reached the caller"):
        only_named_errors(lambda: chemistry.parse_smiles("CCO"))
    with pytest.raises(AssertionError, match="KeyError reached the caller"):
        only_named_errors(lambda: dataset.ConformerStore.open(folder / "data"))
    with pytest.raises(AssertionError, match="KeyError reached the user"):
        generate(folder, "CCO")
    with pytest.raises(AssertionError, match="was deleted"), nothing_lost(folder / "model"):
        (folder / "model" / "model.json").rename(folder / "model" / "gone.json")


def test_a_planted_plain_value_error_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chemistry, "_canonical", lambda _: int("x"))
    with pytest.raises(AssertionError, match="ValueError reached the caller"):
        only_named_errors(lambda: chemistry.parse_smiles("CCO"))
