"""A reject file as a source: what is rejected again stands where it stood."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.run.reject_file import line_of
from ingest.sources.rejects import RejectSource
from xlrec_es.records.record import Fields, Place, Record, Rejection


@pytest.mark.parametrize("place", [None, Place(3, "items/b.csv")], ids=["a file", "several"])
@pytest.mark.parametrize("record", [{"id": "a"}, '{"id": "a"}', "{broken"])
def test_a_record_keeps_its_place(
    place: Place | None, record: Fields | str, tmp_path: Path
) -> None:
    path = tmp_path / "rejects"
    first = line_of(Rejection(7, "document", "no text", record, place=place))
    path.write_bytes(first)
    [found] = RejectSource(str(path)).records()
    assert found is not None
    again = found.rejected("document", "no text") if isinstance(found, Record) else found
    assert again.placed == (place or Place(7))
    assert f'"line":{again.placed.line}'.encode() in line_of(again)


def test_an_entry_without_a_record_is_told_by_its_own_place(tmp_path: Path) -> None:
    path = tmp_path / "rejects"
    path.write_text('{"line": 4, "file": "items/b.csv"}\n{"line": 0, "file": 1}\n')
    found = list(RejectSource(str(path)).records())
    assert [one.place for one in found if one] == [Place(4, "items/b.csv"), Place(2)]
