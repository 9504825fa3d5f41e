"""Units of an input: together they are all of it, each record once, with its position in it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from elasticsearch import Elasticsearch

from ingest.on_ray import units as units_module
from ingest.on_ray.unit_source import UnitSource
from ingest.on_ray.units import (
    FILE,
    LINES,
    MOST_SLICES,
    RECORDS,
    ROWS,
    Unit,
    check_can_be_split,
    files_of,
    slices_of,
    state_of,
    units_of,
    with_sizes,
)
from ingest.run.job import RunJob
from ingest.sources.source import open_source
from xlrec_es.errors import ConfigError, SourceError
from xlrec_es.records.record import Place, Record


def lines(first: int, count: int) -> bytes:
    """Lines of all lengths; some are empty, and one is no JSON."""
    made = []
    for number in range(first, first + count):
        text = json.dumps({"id": number, "title": "x" * (number % 40)})
        made.append("" if number % 11 == 0 else "{broken" if number % 13 == 0 else text)
    return ("\n".join(made) + "\n").encode()


def read(units: list[Unit], source: Path) -> list[tuple[int, object]]:
    job = RunJob(str(source), "shop")
    found: list[tuple[int, object]] = []
    for unit in units:
        for record in UnitSource(unit, job, Elasticsearch("http://127.0.0.1:1")).records():
            assert record is not None
            content = record.fields if isinstance(record, Record) else record.record
            found.append((record.position, content))
    return found


def counted(units: list[Unit]) -> list[Unit]:
    """With the sizes of whole files, as the actors count them."""
    sizes = {}
    for unit in units:
        if unit.size is None:
            records = list(open_source(unit.path).records())
            assert records[-1] is not None
            sizes[unit.number] = records[-1].position
    return with_sizes(units, sizes)


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"], ids=["no end", "end", "empty line"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
def test_ranges_of_a_plain_file_are_the_file(mark: bytes, end: bytes, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(mark + lines(1, 100).rstrip(b"\n") + end)
    units = units_of([path], records=7)
    assert len(units) == 15
    assert {unit.kind for unit in units} == {LINES}
    assert units[0].start == 0
    assert units[-1].end == path.stat().st_size
    whole = [one for one in open_source(str(path)).records() if one is not None]
    wanted = [(o.position, o.fields if isinstance(o, Record) else o.record) for o in whole]
    assert read(units, path) == wanted


def test_long_lines_make_units_of_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units_module, "UNIT_BYTES", 200)
    monkeypatch.setattr(units_module, "_READ_BYTES", 33)  # lines go over its blocks
    path = tmp_path / "items.jsonl"
    path.write_bytes(lines(1, 60))
    units = units_of([path], records=1000)
    assert max(unit.end - unit.start for unit in units) < 300
    assert sum(unit.size or 0 for unit in units) == 60
    positions = [position for position, _ in read(units, path)]
    assert positions == sorted(set(positions))


def test_a_folder_is_its_files_in_the_order_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_bytes(lines(1, 20))
    with gzip.open(tmp_path / "a.jsonl.gz", "wb") as file:
        file.write(lines(100, 30))
    (tmp_path / "c.csv").write_text("id,title\n1,one\n2,two\n", "utf-8")
    pq.write_table(pa.table({"id": range(25)}), tmp_path / "d.parquet", row_group_size=10)
    (tmp_path / "notes.txt").write_text("no records")
    (tmp_path / "b.jsonl.shop.rejects.jsonl").write_text("{}\n")
    units = counted(units_of(files_of(str(tmp_path)), records=10))
    kinds = [FILE, LINES, LINES, FILE, ROWS, ROWS, ROWS]
    assert [unit.kind for unit in units] == kinds
    assert [unit.number for unit in units] == list(range(7))
    found = read(units, tmp_path)
    positions = [position for position, _ in found]
    assert positions == sorted(set(positions))
    # 29 and not 30 of the first: an empty line at the end of a file counts for none.
    assert found[-1] == (30 + 20 + 2 + 25 - (lines(100, 30).endswith(b"\n\n")), {"id": 24})


EMPTY = {
    "b.csv": b"",
    "b.tsv": b"\xef\xbb\xbf",
    "b.csv.gz": gzip.compress(b"\n\r\n"),
    "b.jsonl": b"",
    "b.jsonl.gz": gzip.compress(b""),
    "b.parquet": b"",
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_file_among_several_has_no_records(name: str, tmp_path: Path) -> None:
    """As programs leave it that write in parts."""
    (tmp_path / "a.jsonl").write_bytes(lines(1, 9))
    (tmp_path / name).write_bytes(EMPTY[name])
    (tmp_path / "c.csv").write_text("id,title\n1,one\n", "utf-8")
    units = units_of(files_of(str(tmp_path)))
    assert [(unit.number, Path(unit.path).name) for unit in units] == [(0, "a.jsonl"), (1, "c.csv")]


def test_an_empty_table_alone_is_told(tmp_path: Path) -> None:
    path = tmp_path / "items.csv"
    path.write_bytes(b"")
    with pytest.raises(SourceError, match="is empty; its first line should name the columns"):
        units_of([path])


def test_a_unit_that_turns_out_to_have_no_record_is_left_out(tmp_path: Path) -> None:
    """A slice stays: documents may be put into it until it is read."""
    units = [Unit(0, FILE, "a.csv"), Unit(1, FILE, "b.csv"), Unit(2, LINES, "c.jsonl", size=4)]
    assert with_sizes(units, {0: 0, 1: 3}) == [
        Unit(0, FILE, "b.csv", size=3),
        Unit(1, LINES, "c.jsonl", size=4, before=3),
    ]
    slices = slices_of("shop", 10, workers=1, records=2)
    assert len(with_sizes(slices, {0: 0})) == len(slices)


def places(units: list[Unit], source: str) -> list[Place]:
    job = RunJob(source, "shop")
    client = Elasticsearch("http://127.0.0.1:1")
    found = [one for unit in units for one in UnitSource(unit, job, client).records()]
    return [one.placed for one in found if one is not None]


def test_of_several_files_a_record_has_the_place_in_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{broken\n')
    (tmp_path / "b.csv").write_text('id,title\n1,"one\nand more"\n2\n3,three\n')
    pq.write_table(pa.table({"id": range(3)}), tmp_path / "c.parquet", row_group_size=2)
    a, b, c = (str(tmp_path / name) for name in ("a.jsonl", "b.csv", "c.parquet"))
    wanted = [Place(1, a), Place(3, a), Place(2, b), Place(4, b), Place(5, b)]
    wanted += [Place(n, c) for n in (1, 2, 3)]
    units = counted(units_of(files_of(str(tmp_path)), records=2))
    assert places(units, str(tmp_path)) == wanted
    for path in (a, b, c):
        own = [Place(place.line) for place in wanted if place.file == path]
        assert places(units_of([Path(path)]), path) == own


def test_a_deletion_keeps_the_place_that_it_had(tmp_path: Path) -> None:
    unit = Unit(9, RECORDS, str(tmp_path), records=((7, {"id": 1}, 3, "a.csv"), (9, {}, 5, None)))
    assert places([unit], str(tmp_path)) == [Place(3, "a.csv"), Place(5)]


def test_a_pattern_and_a_file_alone(tmp_path: Path) -> None:
    for name in ("items-1.jsonl", "items-2.jsonl", "other.jsonl"):
        (tmp_path / name).write_bytes(lines(1, 2))
    found = files_of(str(tmp_path / "items-*.jsonl"))
    assert [path.name for path in found] == ["items-1.jsonl", "items-2.jsonl"]
    assert files_of(str(tmp_path / "other.jsonl")) == [tmp_path / "other.jsonl"]
    with pytest.raises(SourceError, match="there is no such file"):
        files_of(str(tmp_path / "missing*"))


def test_row_groups_that_are_small_are_one_unit(tmp_path: Path) -> None:
    path = tmp_path / "items.parquet"
    pq.write_table(pa.table({"id": range(100)}), path, row_group_size=10)
    units = units_of([path], records=25)
    assert [(unit.start, unit.end, unit.within, unit.size) for unit in units] == [
        (0, 3, 0, 30),
        (3, 6, 30, 30),
        (6, 9, 60, 30),
        (9, 10, 90, 10),
    ]
    assert read(units, path) == [(n + 1, {"id": n}) for n in range(100)]


def test_an_index_is_cut_so_that_every_worker_has_several_slices() -> None:
    assert len(slices_of("shop", 10, workers=3, records=1000)) == 1
    assert len(slices_of("shop", 2000, workers=3, records=1000)) == 12
    assert len(slices_of("shop", 10**9, workers=3, records=1000)) == MOST_SLICES
    units = slices_of("shop", 2000, workers=1, records=1000)
    assert [(unit.start, unit.end) for unit in units] == [(n, 4) for n in range(4)]


def test_a_note_of_a_unit_is_read_again() -> None:
    unit = Unit(3, LINES, "items.jsonl", 5, 9, 2, 1, 4, ((7, {"id": 1}, 3, "a"),))
    assert Unit.from_json(json.loads(json.dumps(unit.as_json()))) == unit


def test_a_file_that_was_changed_is_told_from_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_bytes(lines(1, 2))
    before = state_of([path])
    path.write_bytes(lines(1, 3))
    assert state_of([path]) != before


def test_what_is_read_once_cannot_be_divided() -> None:
    with pytest.raises(ConfigError, match="standard input is read once"):
        check_can_be_split("-")
