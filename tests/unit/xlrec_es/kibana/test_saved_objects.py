"""Saved objects as lines of JSON."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from xlrec_es.errors import UsageError
from xlrec_es.kibana.saved_objects import (
    DATA_VIEW,
    TYPE_VERSIONS,
    Reference,
    SavedObject,
    ndjson,
    read_ndjson,
    stable_id,
)

VIEW = SavedObject(DATA_VIEW, "v", {"title": "shop", "name": "Shop"}, (), "7.11.0")
SEARCH = SavedObject("search", "s", {"title": "All"}, (Reference("ref", DATA_VIEW, "v"),), "7.9.3")


def test_an_id_stays_the_same_and_tells_catalogs_types_and_names_apart() -> None:
    assert stable_id("shop", "search", "a") == "21a999b8-c984-5840-94d9-d463e1fd81e3"
    others = [("shop2", "search", "a"), ("shop", DATA_VIEW, "a"), ("shop", "search", "b")]
    ids = {stable_id(*parts) for parts in [("shop", "search", "a"), *others]}
    assert len(ids) == 4


def test_objects_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "shop.ndjson"
    path.write_bytes(ndjson([VIEW, SEARCH]))
    assert read_ndjson(path) == [VIEW, SEARCH]
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert {line["coreMigrationVersion"] for line in lines} == {"8.8.0"}
    assert lines[0]["typeMigrationVersion"] == TYPE_VERSIONS[DATA_VIEW]
    assert lines[1]["references"] == [{"name": "ref", "type": DATA_VIEW, "id": "v"}]
    assert [one.title for one in (VIEW, SEARCH, SavedObject("tag", "t", {}))] == [
        "Shop",
        "All",
        "t",
    ]


def test_what_kibana_exported_is_read_without_its_summary(tmp_path: Path) -> None:
    path = tmp_path / "export.ndjson"
    summary = b'{"exportedCount":1,"missingRefCount":0,"missingReferences":[]}\n'
    path.write_bytes(b'{"id":"s","type":"search","attributes":{"title":"All"}}\n\n' + summary)
    assert read_ndjson(path) == [SavedObject("search", "s", {"title": "All"})]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no saved object"),
        (b'{"exportedCount":0}\n', "holds no saved object"),
        (b"no json", "line 1 of .* is not JSON"),
        (b"[]", "is no saved object of Kibana"),
        (b'\n{"type":"search","id":"s"}', "line 2 of .* is no saved object of Kibana"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_ndjson(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*gone: No such file"):
        read_ndjson(tmp_path / "gone")
