"""A catalogue that is one JSON array."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from hostile_json import nested
from ingest.sources.source import open_source
from xlrec_es.errors import SourceError
from xlrec_es.records import json_array
from xlrec_es.records.json_array import JsonArraySource
from xlrec_es.records.jsonl import JsonlSource
from xlrec_es.records.record import Record, Rejection

ITEMS = [{"id": 1, "title": "Tea"}, {"id": 2, "price": 12345678901234567890.5}, [3], {"id": 4}]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", ["items.json", "items.json.gz", "items"])
def test_elements_become_records(tmp_path: Path, name: str, indent: int | None) -> None:
    path = tmp_path / name
    data = b"\xef\xbb\xbf\n" + json.dumps(ITEMS, indent=indent).encode() + b"\n"
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    source = open_source(str(path))
    assert isinstance(source, JsonArraySource)
    found = list(source.records())
    assert [type(one) for one in found] == [Record, Record, Rejection, Record]
    assert [one.position for one in found] == [1, 2, 3, 4]
    assert found[0] == Record({"id": 1, "title": "Tea"}, 1)
    assert list(source.records(2)) == found[2:]


def test_lines_of_which_the_first_is_an_array_are_still_lines(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('[1]\n{"id": 1, "title": "Tea"}\n')
    source = open_source(str(path))
    assert isinstance(source, JsonlSource)
    assert [type(one) for one in source.records()] == [Rejection, Record]


def test_what_is_no_array_or_too_large_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "items.json"
    path.write_text('[{"id": 1},\n{"id": 2}')
    with pytest.raises(SourceError, match=r"cannot read .*items\.json as one JSON array"):
        list(open_source(str(path)).records())
    path.write_text(json.dumps(ITEMS))
    monkeypatch.setattr(json_array, "MAX_BYTES", 10)
    with pytest.raises(SourceError, match=r"jq -c '\.\[\]' .*items\.json > items\.jsonl"):
        list(open_source(str(path)).records())


UNFIT = {
    f'{{"n": {"1" * 5000}}}': "JSON with a number of more than 1000 digits",
    f'{{"n": {nested(300)}}}': "nested more than 200 levels deep",
    '{"n": "\\ud800"}': "JSON with half a character (a lone surrogate)",
    '{"n": 1e400}': "not JSON: number is infinity when parsed as double",
    nested(300): "nested more than 200 levels deep",
    "3": "not a JSON object",
}


@pytest.mark.parametrize("unfit", UNFIT)
def test_what_is_wrong_with_an_element_is_no_matter_of_the_others(
    tmp_path: Path, unfit: str
) -> None:
    path = tmp_path / "items.json"
    path.write_text(f'[{{"id": 123456789012345678901}}, {unfit}, {{"id": 3}}]')
    first, rejection, last = open_source(str(path)).records()
    assert isinstance(first, Record)
    assert str(first.fields["id"]) == "123456789012345678901"
    assert last == Record({"id": 3}, 3)
    assert isinstance(rejection, Rejection)
    assert (rejection.position, rejection.reason) == (2, UNFIT[unfit])
    assert str(rejection.record).replace("E+", "e").replace(" ", "") == unfit.replace(" ", "")


def test_an_array_nested_too_deep_is_told(tmp_path: Path) -> None:
    path = tmp_path / "items.json"
    path.write_text(f'[{{"id": 1}}, {nested(5000)}]')
    with pytest.raises(SourceError, match="as one JSON array: it is nested deeper"):
        list(open_source(str(path)).records())


def test_lines_of_which_the_first_are_only_brackets_are_still_lines(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text("[" * 5000 + '\n{"id": 1}\n')
    rejection, record = open_source(str(path)).records()
    assert isinstance(rejection, Rejection)
    assert record == Record({"id": 1}, 2)
