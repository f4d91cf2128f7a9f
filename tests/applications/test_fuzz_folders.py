"""Data folders and model folders of every kind: sound, or refused with a reason."""

from __future__ import annotations

import hashlib
import io
import json
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from safetensors.torch import load, save

from applications.molecular.checkpoint import load_model
from applications.molecular.dataset import ConformerStore
from applications.molecular.examples import load_examples
from applications.molecular.features import Hydrogens
from applications.molecular.requests import collect_requests
from applications.molecular.run_record import RunMismatchError, claim_folder, finished_model
from tests.applications.fuzz_material import write_data, write_model
from tests.applications.fuzzing import any_json, bounded, in_bounds, nothing_lost, only_named_errors, spoilt

ARRAYS = ("positions.npy", "atomic_numbers.npy", "energies.npy")
COLUMNS = ("smiles", "source_id", "n_atoms", "n_conformers", "atom_offset", "row_offset", "conformer_offset")


def files_of(write: Callable[[Path], object]) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        write(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.fixture(scope="module")
def data_files() -> dict[str, bytes]:
    return files_of(write_data)


@pytest.fixture(scope="module")
def model_files() -> dict[str, bytes]:
    return files_of(write_model)


def with_folder(files: dict[str, bytes], use: Callable[[Path], object]) -> ValueError | None:
    with TemporaryDirectory() as folder:
        for name, content in files.items():
            Path(folder, name).write_bytes(content)
        with nothing_lost(Path(folder)), in_bounds():
            return only_named_errors(lambda: use(Path(folder)))


def use_data(folder: Path) -> None:
    store = ConformerStore.open(folder)
    for record in store:
        assert record.positions.shape[1:] == (len(record.atomic_numbers), 3)
        assert np.isfinite(record.positions).all()
    for rows in store.splits.values():
        load_examples(store, rows, hydrogens=Hydrogens.PLACED, scale=1.0)
    collect_requests([str(folder)], stdin=io.StringIO(), split="test")


def use_model(folder: Path) -> None:
    model = load_model(folder)
    assert all(p.isfinite().all() for p in model.network.parameters())


@given(data=st.data())
@bounded(50)
def test_spoilt_data_folders(data: st.DataObject, data_files: dict[str, bytes]) -> None:
    name = data.draw(st.sampled_from(sorted(data_files)))
    with_folder({**data_files, name: data.draw(spoilt(data_files[name]))}, use_data)


@given(name=st.sampled_from(["meta.json", "splits.json"]), value=any_json,
       key=st.sampled_from(["format_version", "test", "report", ""]))  # fmt: skip
@example(name="meta.json", key="", value=[])
@example(name="splits.json", key="test", value=[-1])
@example(name="splits.json", key="test", value=[3])
@example(name="splits.json", key="test", value=[True])
@bounded(40)
def test_any_json_in_a_data_folder(name: str, key: str, value: object, data_files: dict[str, bytes]) -> None:
    content = {**json.loads(data_files[name]), key: value} if key else value
    with_folder({**data_files, name: json.dumps(content).encode()}, use_data)


@pytest.mark.parametrize("name", ["meta.json", "splits.json"])
@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b"9" * 5000, b"\xff\xfe{}", b"", b'{"test": 1e999}', b'{"format_version": NaN}']
)
def test_json_that_breaks_readers(name: str, content: bytes, data_files: dict[str, bytes]) -> None:
    assert with_folder({**data_files, name: content}, use_data) is not None


odd_arrays = st.one_of(
    st.builds(
        np.zeros,
        st.sampled_from([(), (0,), (3,), (9, 3), (60, 3), (60, 2), (2, 3, 3), (60,), (30,)]),
        dtype=st.sampled_from(["<f4", ">f4", "f8", "u1", "i8", "c8", "?", "S3", "U2", "M8[s]", [("a", "f4")]]),
    ),
    st.sampled_from([np.nan, np.inf, 1e30]).map(lambda x: np.full((84, 3), x, dtype=np.float32)),
)


@given(name=st.sampled_from(ARRAYS), array=odd_arrays, fortran=st.booleans())
@bounded(40)
def test_any_array_in_a_data_folder(
    name: str, array: np.ndarray, data_files: dict[str, bytes], *, fortran: bool
) -> None:
    stream = io.BytesIO()
    np.save(stream, np.asfortranarray(array) if fortran else array)
    with_folder({**data_files, name: stream.getvalue()}, use_data)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_that_claim_or_are_something_else(name: str, data_files: dict[str, bytes]) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 3), }"
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"
    archive, pickled = io.BytesIO(), io.BytesIO()
    np.savez(archive, a=np.zeros(3))
    np.save(pickled, np.array([{}], dtype=object), allow_pickle=True)
    # numpy reports a header that ends inside a bracket by an error of the tokenizer
    open_bracket = b"\x93NUMPY\x01\x00\x02\x00(\n"
    for content in (
        huge,
        open_bracket,
        archive.getvalue(),
        pickled.getvalue(),
        b"",
        b"\x93NUMPY\x01\x00\xff\xff{" + b"(" * 65534,
    ):
        assert with_folder({**data_files, name: content}, use_data) is not None


ODD_NUMBERS = st.sampled_from([0, -1, 1, 5, 10**6, 2**31, 2**62, 2**63 - 1, -(2**63)])
odd_columns = st.one_of(
    st.lists(ODD_NUMBERS, min_size=3, max_size=3).map(lambda v: pa.array(v, pa.int64())),
    st.sampled_from([
        pa.array([2**64 - 1] * 3, pa.uint64()), pa.array([1.5, float("nan"), 1e300]), pa.array([None, None, 1]),
        pa.array(["x", "", "C" * 100_000]), pa.array([b"\xff", b"", b"C"]), pa.array([[1], [], [2]]), pa.nulls(3),
        pa.array(["[Na]", "C.C", "\u00e9"]), pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.array([True, False, True]), pa.array([b"\xff\xfe", b"C", b"C"]).view(pa.string()),
    ]),
)  # fmt: skip


@given(name=st.sampled_from(COLUMNS), column=odd_columns, drop=st.sampled_from(["", "", "", *COLUMNS]))
@example(name="n_atoms", column=pa.array(["x", "", "C" * 100_000]), drop="")
@bounded(50)
def test_any_table_in_a_data_folder(name: str, column: pa.Array, drop: str, data_files: dict[str, bytes]) -> None:
    table = pq.read_table(io.BytesIO(data_files["index.parquet"]))
    table = table.set_column(COLUMNS.index(name), name, column)
    stream = io.BytesIO()
    pq.write_table(table.drop_columns([drop]) if drop else table, stream)
    with_folder({**data_files, "index.parquet": stream.getvalue()}, use_data)


def test_a_table_that_unpacks_to_far_more_than_the_arrays(data_files: dict[str, bytes]) -> None:
    stream, n = io.BytesIO(), 4_000_000
    ones = pa.array(np.ones(n, dtype=np.int64))
    text = pa.array(np.zeros(n, dtype=np.int8)).dictionary_encode().cast(pa.string())
    pq.write_table(pa.table({c: text if c in COLUMNS[:2] else ones for c in COLUMNS}), stream)
    assert len(stream.getvalue()) < 1_000_000
    assert with_folder({**data_files, "index.parquet": stream.getvalue()}, use_data) is not None


def signed(
    files: dict[str, bytes], *, weights: bytes | None = None, card: dict[str, object] | None = None
) -> dict[str, bytes]:
    """Model files whose card has the checksum of its weights, so that what they hold is looked at."""
    weights = files["model.safetensors"] if weights is None else weights
    content = {**json.loads(files["model.json"]), **(card or {}), "sha256": hashlib.sha256(weights).hexdigest()}
    return {"model.safetensors": weights, "model.json": json.dumps(content).encode()}


@given(data=st.data(), name=st.sampled_from(["model.json", "model.safetensors"]), sign=st.booleans())
@bounded(50)
def test_spoilt_model_folders(data: st.DataObject, name: str, model_files: dict[str, bytes], *, sign: bool) -> None:
    content = data.draw(spoilt(model_files[name]))
    files = {**model_files, name: content}
    with_folder(signed(model_files, weights=content) if sign and name == "model.safetensors" else files, use_model)


@given(header=st.one_of(st.binary(max_size=60), any_json.map(lambda v: json.dumps(v).encode())),
       length=st.sampled_from([None, 0, 2**20, 2**40, 2**63, 2**64 - 1]))  # fmt: skip
@example(header=b'{"a":{"dtype":"F32","shape":[9223372036854775807,2],"data_offsets":[0,4]}}', length=None)
@example(header=b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}', length=None)
@bounded(40)
def test_any_header_of_weights(header: bytes, length: int | None, model_files: dict[str, bytes]) -> None:
    weights = struct.pack("<Q", len(header) if length is None else length) + header + bytes(64)
    assert with_folder(signed(model_files, weights=weights), use_model) is not None


@given(data=st.data())
@bounded(40)
def test_any_weights(data: st.DataObject, model_files: dict[str, bytes]) -> None:
    state = load(model_files["model.safetensors"])
    name = data.draw(st.sampled_from(sorted(state)))
    value = state[name]
    odd = {
        "nan": torch.full_like(value, torch.nan),
        "inf": torch.full_like(value, torch.inf),
        "integers": value.to(torch.int64),
        "truths": value.to(torch.bool),
        "complex": value.to(torch.complex64),
        "float64 beyond float32": torch.full_like(value, 1e300, dtype=torch.float64),
        "tiny float": value.to(torch.float8_e4m3fn),
        "flat": value.reshape(-1)[None],
        "empty": value.new_zeros(0),
    }
    state[name] = odd[data.draw(st.sampled_from(sorted(odd)))]
    if data.draw(st.booleans()):
        state["more"] = torch.zeros(1)
    if data.draw(st.booleans()):
        del state[data.draw(st.sampled_from(sorted(state)))]
    with_folder(signed(model_files, weights=save(state)), use_model)


ODD_SIZES = st.one_of(st.sampled_from([0, -1, 1, 3, 10**5, 10**9, 2**63, True, 1.5, "8", None, float("nan")]), any_json)
SECTIONS = st.sampled_from(["network_kind", "network", "hydrogens", "symmetry", "coupling", "scale", "prior"])


@given(
    field=st.sampled_from(["scalars", "vectors", "pairs", "heads", "forces", "blocks", "expansion", "x"]),
    value=ODD_SIZES,
)
@example(field="blocks", value=10**9)
@example(field="heads", value=0)
@example(field="scalars", value=65536)
@bounded(40)
def test_any_size_of_the_network(field: str, value: object, model_files: dict[str, bytes]) -> None:
    spec = json.loads(model_files["model.json"])["spec"]
    spec["network"][field] = value
    with_folder(signed(model_files, card={"spec": spec}), use_model)


@given(field=SECTIONS, value=ODD_SIZES)
@example(field="scale", value=10**400)
@example(field="scale", value=0)
@example(field="scale", value=float("nan"))
@bounded(40)
def test_any_specification(field: str, value: object, model_files: dict[str, bytes]) -> None:
    spec = {**json.loads(model_files["model.json"])["spec"], field: value}
    with_folder(signed(model_files, card={"spec": spec}), use_model)


@given(card=any_json)
@bounded(30)
def test_any_card(card: object, model_files: dict[str, bytes]) -> None:
    assert with_folder({**model_files, "model.json": json.dumps(card).encode()}, use_model) is not None


@given(record=any_json, inner=any_json)
@bounded(30)
def test_any_record_of_a_run(record: object, inner: object) -> None:
    for content in (record, {"options": inner}, {"options": {"steps": inner}, "data": 1}):
        files = {"run.json": json.dumps(content).encode(), "model.json": json.dumps(record).encode()}
        asked = {"options": {"steps": 1}, "data": {}}
        error = with_folder(files, lambda folder, a=asked: claim_folder(folder, a, defaults={}, execution={}))
        assert isinstance(error, RunMismatchError)
        with_folder(files, partial(finished_model, load=load_model))
