from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from elasticsearch import Elasticsearch
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.on_ray.unit_source import UnitSource
from ingest.on_ray.units import files_of, units_of
from ingest.run.job import RunJob
from ingest.sources.parquet import ParquetSource
from ingest.sources.source import open_source
from xlrec_es.errors import SourceError
from xlrec_es.records.record import Place, Record, Rejection

ROWS = [{"id": n, "title": f"Número {n}", "tags": ["x", "y"]} for n in range(1, 11)]


def write(path: Path, table: pa.Table, rows: int = 3) -> Path:
    path.parent.mkdir(exist_ok=True)
    pq.write_table(table, path, row_group_size=rows)
    return path


def read(path: Path, after: int = 0) -> list[Record | Rejection]:
    return list(open_source(str(path)).records(after))


def read_one(folder: Path, values: pa.Array) -> Record | Rejection:
    [found] = read(write(folder / "one", pa.table({"value": values})))
    return found


def test_rows_become_records(tmp_path: Path) -> None:
    path = write(tmp_path / "items", pa.Table.from_pylist(ROWS))  # the name tells nothing
    source = open_source(str(path))
    assert isinstance(source, ParquetSource)
    assert source.fraction == 0
    expected = [Record(fields, n) for n, fields in enumerate(ROWS, 1)]
    assert list(source.records()) == list(source.records()) == expected
    assert source.fraction == 1
    for after in range(11):
        assert read(path, after) == expected[after:]


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    for part, rows in (("b", ROWS[4:]), ("a", ROWS[:4])):
        write(tmp_path / "items" / f"{part}.parquet", pa.Table.from_pylist(rows))
    found = read(tmp_path / "items", 2)
    assert found == [Record(f, n) for n, f in enumerate(ROWS, 1) if n > 2]
    a, b = (str(tmp_path / "items" / name) for name in ("a.parquet", "b.parquet"))
    places = [*(Place(n, a) for n in (3, 4)), *(Place(n, b) for n in range(1, 7))]
    assert [record.place for record in found] == places


NOON = dt.datetime(2026, 11, 25, 12, 0, 0, 1)
ID = uuid.UUID(int=7)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (pa.array([dt.date(2026, 11, 25)]), "2026-11-25"),
        (pa.array([NOON], pa.timestamp("us")), "2026-11-25T12:00:00.000001"),
        (pa.array([NOON], pa.timestamp("ms", "UTC")), "2026-11-25T12:00:00+00:00"),
        (pa.array([1], pa.timestamp("ns")), "1970-01-01T00:00:00"),
        (pa.array([[1001]], pa.list_(pa.timestamp("ns"))), ["1970-01-01T00:00:00.000001"]),
        (pa.array([{"a": 1001}], pa.struct({"a": pa.time64("ns")})), {"a": "00:00:00.000001"}),
        (pa.array([Decimal("12.50")]), 12.5),
        (pa.array([Decimal("12.00")]), 12),
        (pa.array([Decimal(10) ** 30]), 1e30),
        (pa.array([b"\xff\x00"]), "/wA="),
        (pa.array([ID.bytes], pa.uuid()), str(ID)),
        (pa.array(["x"]).dictionary_encode(), "x"),
        (pa.array([[("a", 1), ("b", None)]], pa.map_(pa.string(), pa.int8())), {"a": 1, "b": None}),
        (pa.array([[]], pa.map_(pa.string(), pa.int8())), []),
        (pa.array([1.5], pa.float16()), 1.5),
        (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
        (pa.array([True]), True),
    ],
)
def test_values_become_what_json_holds(tmp_path: Path, values: pa.Array, expected: object) -> None:
    found = read_one(tmp_path, values)
    assert found == Record({"value": expected}, 1)
    assert orjson.loads(orjson.dumps(found.fields)) == {"value": expected}  # type: ignore[union-attr]


@pytest.mark.parametrize("values", [pa.array([None], pa.string()), pa.array([float("nan")])])
def test_what_is_missing_is_left_out(tmp_path: Path, values: pa.Array) -> None:
    assert read_one(tmp_path, values) == Record({}, 1)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (pa.array([float("inf")]), "value is infinite, which JSON cannot hold"),
        (pa.array([Decimal("12345678901234567890.1")]), "value is 12345678901234567890.1, more"),
        (pa.array([1], pa.duration("s")), "value is a duration"),
        (pa.array([[("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int8())), "value is a map with"),
        (pa.array([b"\xff"]).view(pa.string()), "a value that Python cannot hold: 'utf-8' codec"),
        (pa.array([10**12], pa.timestamp("s")), "a value that Python cannot hold: "),
    ],
)
def test_what_json_cannot_hold_is_set_aside(tmp_path: Path, values: pa.Array, reason: str) -> None:
    found = read_one(tmp_path, values)
    assert isinstance(found, Rejection)
    assert (found.position, found.stage) == (1, "read")
    assert found.reason.startswith(reason)


def test_a_bad_row_leaves_the_others(tmp_path: Path) -> None:
    texts = pa.array([b"one", b"\xff", b"three"]).view(pa.string())
    found = read(write(tmp_path / "items", pa.table({"title": texts})))
    assert [type(row) for row in found] == [Record, Rejection, Record]
    assert found[2] == Record({"title": "three"}, 3)


VALUES = st.one_of(
    st.none(),
    st.text(max_size=5),
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=5),
    st.datetimes(),
    st.decimals(
        allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9
    ),
)


@settings(deadline=None)  # files and tokenizers take their time on a busy machine
@given(st.data())
def test_every_row_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    def column(values: list[Any]) -> pa.Array:
        kind = next((type(value) for value in values if value is not None), type(None))
        return pa.array([value if isinstance(value, kind) else None for value in values])

    rows = data.draw(st.integers(0, 12))
    lists = data.draw(st.lists(st.lists(VALUES, min_size=rows, max_size=rows), min_size=1))
    table = pa.table({f"c{n}": column(values) for n, values in enumerate(lists)})
    found = read(write(tmp_path_factory.mktemp("any") / "items", table))
    assert [row.position for row in found] == list(range(1, rows + 1))
    for row in found:
        if isinstance(row, Record):
            orjson.dumps(row.fields)


def both(path: Path) -> list[Record]:
    """The records of a folder, which are the same where Ray divides it."""
    here = [one for one in read(path) if isinstance(one, Record)]
    job, client = RunJob(str(path), "shop"), Elasticsearch("http://127.0.0.1:1")
    units = units_of(files_of(str(path)))
    parts = [one for unit in units for one in UnitSource(unit, job, client).records()]
    assert [one for one in parts if isinstance(one, Record)] == here
    return here


def test_a_file_without_a_byte_among_several_has_no_records(tmp_path: Path) -> None:
    for part, rows in (("a", ROWS[:4]), ("c", ROWS[4:])):
        write(tmp_path / "items" / f"{part}.parquet", pa.Table.from_pylist(rows))
    (tmp_path / "items" / "b.parquet").touch()
    assert [one.fields for one in both(tmp_path / "items")] == ROWS


@pytest.mark.parametrize(
    ("others", "content"), [((), b""), (("a",), b'{"id": 1}\n'), ((), b"PAR1")]
)
def test_what_is_no_parquet_by_that_name_is_an_error_here_and_by_ray(
    tmp_path: Path, others: tuple[str, ...], content: bytes
) -> None:
    """Alone, a file without a byte is one too: an input of nothing is a mistake."""
    folder = tmp_path / "items"
    folder.mkdir()
    for name in others:
        write(folder / f"{name}.parquet", pa.Table.from_pylist(ROWS))
    (folder / "b.parquet").write_bytes(content)
    for source in (folder, folder / "b.parquet"):
        with pytest.raises(SourceError, match=r"cannot read .*b\.parquet"):
            open_source(str(source))
        with pytest.raises(SourceError, match=r"cannot read .*b\.parquet"):
            units_of(files_of(str(source)))


def test_a_damaged_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cut").write_bytes(
        write(tmp_path / "items", pa.table({"a": [1]})).read_bytes()[:-9]
    )
    with pytest.raises(SourceError, match=r"cannot read .*cut"):
        open_source(str(tmp_path / "cut"))
