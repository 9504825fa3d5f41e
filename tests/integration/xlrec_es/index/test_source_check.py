"""Indices that do not give back all that was written into them: nothing is written there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import document, write_catalogue
from secured_node import Secured, good
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.source_check import check_given_back, check_rewritable

DOCUMENTS = {
    "1": {"language": "en", "title": "Tea", "body": "the unicorn drinks green tea"},
    "2": {"language": "de", "title": "Kaffee", "body": "unicorn und Kaffee am Morgen"},
    "3": {"language": "en", "title": "Chess", "body": "a game of sixty four squares"},
}
TEXT = {"type": "text"}
FIELDS = {"language": {"type": "keyword"}, "title": TEXT, "body": TEXT}
EXCLUDED = {"_source": {"excludes": ["body"]}}
LIKES = "user\titem\nu1\t1\nu1\t2\nu2\t1\nu2\t2\nu3\t1\nu3\t3\n"
LEARNED = ("--min-users", "1", "--json")


@pytest.fixture
def shop(secured_each: Secured) -> Iterator[Secured]:
    """The node, on which no index of that very name is left behind either."""
    yield secured_each
    names = ["shop", *(f"shop-xlrec-{name}-xlrec-v1" for name in ("beside", "copy"))]
    secured_each.client.indices.delete(index=names, ignore_unavailable=True)


@pytest.fixture
def likes(tmp_path: Path) -> str:
    path = tmp_path / "likes.tsv"
    path.write_text(LIKES)
    return str(path)


def fill(client: Elasticsearch, index: str = "shop") -> None:
    for id_, body in DOCUMENTS.items():
        client.index(index=index, id=id_, document=body)
    client.indices.refresh(index=index)


def state(client: Elasticsearch) -> tuple[dict[str, int], int]:
    """Version of every document, and how many are found by a word."""
    hits = client.search(index="shop", version=True, size=100)["hits"]["hits"]
    found = client.count(index="shop", query={"match": {"body": "unicorn"}})["count"]
    return {hit["_id"]: hit["_version"] for hit in hits}, found


def version_that_excludes_body(client: Elasticsearch) -> str:
    """A version of ours that somebody gave a filter of `_source`, which only a new index takes."""
    live = write_catalogue(client, "shop")
    mappings = client.indices.get_mapping(index=live.name)[live.name]["mappings"]
    client.indices.delete(index=live.name)
    properties = {**mappings["properties"], **FIELDS}
    changed = {**mappings, **EXCLUDED, "properties": properties}
    client.indices.create(index=live.name, mappings=changed, aliases={"shop": {}})
    return live.name


def test_what_is_excluded_is_not_destroyed(shop: Secured, tiny_model: Path, likes: str) -> None:
    client = shop.client
    client.indices.create(index="shop", mappings={**EXCLUDED, "properties": FIELDS})
    fill(client)
    before = state(client)
    options = ("--model", str(tiny_model), "--json", "--quiet", "--centering", "none")
    refused = shop.ingest("admin", "run", "index:shop", "--in-place", *options)
    assert refused.exit_code == 1
    assert "shop does not give back" in refused.output
    assert "leaves out (by excludes or includes) body." in refused.output
    assert "--companion" in refused.output
    assert state(client) == before
    assert "xlrec" not in client.indices.get_mapping(index="shop")["shop"]["mappings"]["properties"]

    # An index beside it is of use, and says what it could not know.
    index = ("--index", "shop-xlrec-beside")
    run = ("run", "index:shop", "--companion", *index, *options, "--field", "text=body")
    assert "leaves body out" in json.loads(good(shop.ingest("admin", *run)))["warnings"][0]
    learned = shop.ingest("admin", "learn", likes, *index, *LEARNED)
    assert json.loads(good(learned))["complete"]
    assert state(client) == before
    # So does one that has the documents as far as they are given back.
    run = ("run", "index:shop", "--index", "shop-xlrec-copy", *options)
    assert "leaves body out" in json.loads(good(shop.ingest("admin", *run)))["warnings"][0]
    assert state(client) == before


def test_a_version_of_ours_is_left_as_it_is(
    shop: Secured, tiny_model: Path, tmp_path: Path
) -> None:
    client = shop.client
    live = version_that_excludes_body(client)
    for number in range(9):
        body = document("chess", number, "en") | {"body": "unicorn"}
        client.index(index="shop", id=str(number), document=body)
    client.indices.refresh(index="shop")
    before = state(client)
    assert before[1] == 9
    likes = tmp_path / "likes.tsv"
    likes.write_text("user\titem\nu1\tchess-0\nu1\tchess-1\nu2\tchess-0\nu2\tchess-1\n")
    for refused in (
        shop.ingest("writer", "learn", str(likes), "-i", "shop", *LEARNED),
        shop.run("admin", "index", "reindex", "shop", "--shards", "2"),
        shop.ingest("admin", "reencode", "shop", "--model", str(tiny_model)),
    ):
        assert refused.exit_code == 1
        assert f"{live} does not give back" in refused.output
        assert " body." in refused.output
    assert state(client) == before
    assert list(client.indices.get(index="shop-xlrec-*")) == [live]


KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "includes": ({"_source": {"includes": ["title", "xlrec"]}}, {}, "language, body"),
    "a pattern": ({"_source": {"excludes": ["b*y"]}}, {}, "body"),
    "an object": (
        {"_source": {"excludes": ["made"]}, "properties": {"made.by": {"type": "keyword"}}},
        {},
        "made.by",
    ),
    "ours": ({"_source": {"excludes": ["*.embedding"]}}, {}, "xlrec.embedding"),
    "a vector": (
        {
            "_source": {"excludes": ["v"]},
            "properties": {"v": {"type": "dense_vector", "dims": 2}},
        },
        {},
        "v",
    ),
    "synthetic": ({}, {"index.mapping.source.mode": "synthetic"}, "body, language, title"),
    "logs": ({}, {"index.mode": "logsdb"}, "synthetic"),
    "disabled": ({"_source": {"enabled": False}}, {}, "disabled"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_fields_are_named(es_each: Elasticsearch, index_name: str, kind: str) -> None:
    mappings, settings, named = KINDS[kind]
    properties = {**FIELDS, **mappings.get("properties", {})}
    es_each.indices.create(
        index=index_name, mappings={**mappings, "properties": properties}, settings=settings
    )
    with pytest.raises(IndexUnusable) as refused:
        check_rewritable(es_each, index_name)
    said = str(refused.value)
    assert all(name in said for name in named.split(", "))
    assert "nothing was written" in said
    if kind in ("a pattern", "an object", "ours", "a vector"):
        assert f" {named}." in said


def test_what_was_copied_by_an_earlier_mapping_is_missed(
    es_each: Elasticsearch, index_name: str
) -> None:
    """The mapping of now looks innocent; what documents are found by tells."""
    copied = {**FIELDS, "title": {**TEXT, "copy_to": "all"}}
    es_each.indices.create(index=index_name, mappings={"properties": copied})
    fill(es_each, index_name)
    check_rewritable(es_each, index_name)
    es_each.indices.put_mapping(index=index_name, properties={"title": TEXT})
    with pytest.raises(IndexUnusable, match="are found by all and do not have it"):
        check_rewritable(es_each, index_name)


def test_what_elasticsearch_makes_again_is_no_reason_to_refuse(
    es_each: Elasticsearch, index_name: str
) -> None:
    properties = {
        **FIELDS,
        "title": {**TEXT, "copy_to": ["all", "names"], "fields": {"raw": {"type": "keyword"}}},
        "all": TEXT,
        "names": {"type": "keyword"},
        "short": {"type": "keyword", "ignore_above": 2, "null_value": "-"},
        "number": {"type": "integer", "ignore_malformed": True},
        "place": {"type": "geo_point"},
        "day": {"type": "date"},
        "other": {"type": "alias", "path": "title"},
        "parts": {"type": "nested", "properties": {"n": {"type": "integer"}}},
        "odd": {"type": "object", "enabled": False},
        "v": {"type": "dense_vector", "dims": 2},
    }
    es_each.indices.create(
        index=index_name,
        mappings={"properties": properties, "runtime": {"made": {"type": "keyword"}}},
    )
    fill(es_each, index_name)
    body = {
        "title": ["Tea", "Tee"],
        "short": ["a", "long one", None],
        "number": [1, "many"],
        "place": {"lat": 1, "lon": 2},
        "day": "2026-01-01",
        "parts": [{"n": 1}],
        "odd": {"any": 1},
        "v": [1.0, 0.5],
        "new": "field",
    }
    es_each.index(index=index_name, id="4", document=body, refresh=True)
    check_rewritable(es_each, index_name)
    check_rewritable(es_each, f"{index_name}-of-nobody*")
    kept = {"type": "keyword", "synthetic_source_keep": "all"}
    es_each.indices.create(
        index=f"{index_name}-kept",
        settings={"index.mapping.source.mode": "synthetic"},
        mappings={"properties": {"a": kept, "b": {**kept, "fields": {"raw": TEXT}}}},
    )
    check_rewritable(es_each, f"{index_name}-kept")


def test_what_was_learned_must_be_given_back(es_each: Elasticsearch, index_name: str) -> None:
    """A run writes a document whole, and takes over from the index what others have learned."""
    mappings: dict[str, Any] = {"_source": {"excludes": ["xlrec.indicators"]}}
    es_each.indices.create(index=index_name, mappings=mappings)
    check_given_back(es_each, index_name, ("indicators_from", "evidence"))
    with pytest.raises(IndexUnusable, match=r"leaves out xlrec\.indicators\."):
        check_given_back(es_each, index_name, ("evidence", "indicators"))
