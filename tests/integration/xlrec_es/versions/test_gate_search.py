"""What is searched in a copy is found there as before; sampled words and values tell."""

from __future__ import annotations

from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from xlrec_es.cluster.capabilities import probe
from xlrec_es.errors import GateFailed
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.gate_search import check_search
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, plan

KEYWORD = {"type": "keyword"}
FIELDS: dict[str, Any] = {
    "body": {"type": "text", "copy_to": "all", "fields": {"raw": KEYWORD}},
    "all": {"type": "text"},
    "tags": KEYWORD,
    "day": {"type": "date"},
    "parts": {"type": "nested", "properties": {"name": KEYWORD, "n": {"type": "integer"}}},
    "place": {"type": "geo_point"},
    "hidden": {"type": "text", "index": False},
    "v": {"type": "dense_vector", "dims": 2},
}
MORE = {
    "body": "the unicorn drinks green tea",
    "tags": ["hot", "green"],
    "day": "2026-01-02",
    "parts": [{"name": "leaf", "n": 3}, {"name": "cup", "n": 4}],
    "place": "1,2",
    "hidden": "nothing",
    "v": [0.6, 0.8],
}


def catalogue(es: Elasticsearch, name: str, *, source: dict[str, Any] | None = None) -> LiveIndex:
    """A version with these fields, and a filter of `_source`."""
    live = write_catalogue(es, name, instead={"first": document("chess", 50, "en")})
    mappings = es.indices.get_mapping(index=live.name)[live.name]["mappings"]
    es.indices.delete(index=live.name)
    changed = {
        **mappings,
        "_source": source or {},
        "properties": {**mappings["properties"], **FIELDS},
    }
    es.indices.create(index=live.name, mappings=changed, aliases={name: {}})
    for number in range(20):
        body = document("chess", number, "en") | MORE | {"tags": ["hot", f"t{number % 5}"]}
        es.index(index=live.name, id=str(number), document=body)
    es.indices.refresh(index=live.name)
    return live


def reindexer(es: Elasticsearch, name: str, changes: dict[str, Any] | None = None) -> Reindexer:
    whole = copied_as_is(packed=probe(es).packed_vectors)
    planned = plan(read_versions(es, name), changes=changes or {})
    return Reindexer(es, planned, whole, limits=Limits(recall=0.5))


def test_a_copy_is_found_by_the_same_words(es_each: Elasticsearch, index_name: str) -> None:
    live = catalogue(es_each, index_name)
    report = reindexer(es_each, index_name).run()
    [check] = [check for check in report.checks if check.name == "search"]
    assert check.ok
    assert check.message.startswith("0 of ")
    assert "in the live version 0 " not in check.message
    # Whoever writes a document meanwhile is not taken for a fault.
    es_each.update(index=live.name, id="3", doc={"body": "x"}, refresh=True)
    es_each.delete(index=live.name, id="4", refresh=True)
    assert check_search(es_each, live.name, report.index).ok


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("body", "other words"),
        ("tags", "cold"),
        ("day", "2026-01-03"),
        ("parts", [{"name": "leaf", "n": 5}]),
        ("place", None),
        ("v", None),
    ],
)
def test_one_document_that_differs_is_seen(
    es: Elasticsearch, index_name: str, path: str, value: object
) -> None:
    live = catalogue(es, index_name)
    copy = reindexer(es, index_name).run(swap=False).index
    source = document("chess", 7, "en") | MORE | {"tags": ["hot", "t2"], path: value}
    es.index(index=copy, id="7", document=source, version=1, version_type="external_gte")
    es.indices.refresh(index=copy)
    check = check_search(es, live.name, copy)
    assert not check.ok
    assert f"They are {path}" in check.message or path == "body"
    assert check.message.endswith("as in document '7'")


def test_what_no_source_has_is_missed(
    es_each: Elasticsearch, index_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should an index get past the look at its mapping, the gate sees what was lost."""
    live = catalogue(es_each, index_name, source={"excludes": ["body"]})
    for look in ("check_source", "check_values"):
        monkeypatch.setattr(f"xlrec_es.versions.reindex.{look}", lambda *_: None)
    with pytest.raises(GateFailed) as failed:
        reindexer(es_each, index_name).run()
    assert [check.name for check in failed.value.checks if not check.ok] == ["search"]
    assert "They are all, body, body.raw, as in document" in str(failed.value)
    assert find_live(es_each, index_name).name == live.name


def test_a_field_that_is_to_be_other_is_not_compared(es: Elasticsearch, index_name: str) -> None:
    catalogue(es, index_name)
    short = {"analyzer": {"short": {"type": "standard", "max_token_length": 2}}}
    changes = {
        "settings": {"index": {"analysis": short}},
        "mappings": {"properties": {"body": {"type": "text", "analyzer": "short"}}},
    }
    report = reindexer(es, index_name, changes).run()
    assert report.swapped
