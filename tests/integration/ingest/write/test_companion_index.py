"""Companions of indices whose mappings are not of the simple kind, on every supported server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.run.assemble import run
from ingest.run.job import RunJob
from ingest.write.modes import COMPANION, IN_PLACE, VERSION, Mode
from xlrec_es.cluster.connection import Connection
from xlrec_es.errors import IndexUnusable
from xlrec_es.interactions.history import History
from xlrec_es.recommend.options import Options, SearchOptions
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.records.field_map import FieldMap

TEXT, KEYWORD = {"type": "text"}, {"type": "keyword"}
STRICT: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "language": KEYWORD,
        "title": {**TEXT, "copy_to": "all"},
        "brand": {**KEYWORD, "copy_to": "all"},
        "all": TEXT,
        "maker": {"type": "alias", "path": "brand"},
        "cat": {"properties": {"name": {**KEYWORD, "copy_to": "all"}}},
    },
}
DOCUMENTS = {
    "1": {"language": "en", "title": "Tea house", "brand": "acme", "cat": {"name": "games"}},
    "2": {"language": "de", "title": "Tea Mondlandung", "brand": "zeta", "cat": {"name": "books"}},
    "3": {"language": "de", "title": "Tea time", "brand": "acme", "cat": {"name": "games"}},
}
# Fields that only an index without objects can have together.
FLAT: dict[str, Any] = {
    "subobjects": False,
    "properties": {"title": TEXT, "language": KEYWORD, "size": KEYWORD, "size.unit": KEYWORD},
}
FLAT_DOCUMENTS = {
    id_: {"title": body["title"], "language": body["language"], "size": "s", "size.unit": unit}
    for (id_, body), unit in zip(DOCUMENTS.items(), ("g", "kg", "g"), strict=True)
}


class Shop:
    """A team's own index, and what becomes of it."""

    def __init__(self, es: Elasticsearch, name: str, folder: Path) -> None:
        self.es, self.name, self.folder = es, name, folder
        self.companion = f"{name}-xlrec"

    def fill(self, mappings: dict[str, Any], documents: dict[str, dict[str, Any]]) -> None:
        self.es.indices.create(index=self.name, mappings=mappings)
        for id_, document in documents.items():
            self.es.index(index=self.name, id=id_, document=document, refresh=True)

    def run(self, mode: Mode, keep: tuple[str, ...] = ()) -> dict[str, Any]:
        [node] = self.es.transport.node_pool.all()
        index = self.name if mode is IN_PLACE else self.companion
        job = RunJob(
            f"index:{self.name}",
            index,
            FieldMap(),
            mode=mode,
            keep=keep or None,
            centering="none",
            rejects=self.folder / "rejects",
        )
        return run(job, Connection(node.base_url), encoder=HashEncoder())

    def recommended(self, **term: str) -> set[str]:
        options = Options(search=SearchOptions(filters=({"term": term},)))
        recommender = Recommender(self.es, self.companion, options=options)
        found = recommender.recommend(History.of(["1"]), languages=["de"])
        return {item.id for item in found.items}

    def found(self, **term: str) -> set[str]:
        hits = self.es.search(index=self.companion, query={"term": term})["hits"]["hits"]
        return {hit["_id"] for hit in hits}


@pytest.fixture
def shop(es_each: Elasticsearch, index_name: str, tmp_path: Path) -> Shop:
    return Shop(es_each, index_name, tmp_path)


def test_fields_that_are_copied_into_others(shop: Shop) -> None:
    shop.fill(STRICT, DOCUMENTS)
    summary = shop.run(COMPANION, ("brand",))
    assert (summary["indexed"], summary["rejected"], summary["warnings"]) == (3, 0, [])
    assert shop.recommended(brand="acme") == {"3"}
    assert shop.run(COMPANION)["unchanged"] == 3


def test_an_alias_and_a_field_of_copies_are_kept_with_what_they_stand_for(shop: Shop) -> None:
    shop.fill(STRICT, DOCUMENTS)
    keep = ("maker", "all")
    assert shop.run(COMPANION, keep)["indexed"] == 3
    assert shop.recommended(maker="zeta") == {"2"}
    assert shop.found(all="games") == {"1", "3"}
    assert shop.run(COMPANION, keep)["unchanged"] == 3


def test_an_index_without_objects_has_a_companion(shop: Shop) -> None:
    shop.fill(FLAT, FLAT_DOCUMENTS)
    before = shop.es.indices.get_mapping(index=shop.name).body
    with pytest.raises(IndexUnusable, match=r"has no objects \(subobjects: .*: --companion"):
        shop.run(IN_PLACE)
    assert shop.es.indices.get_mapping(index=shop.name).body == before
    with pytest.raises(IndexUnusable, match=r"both size and size\.unit are fields.*--companion"):
        shop.run(VERSION)
    with pytest.raises(IndexUnusable, match="one of the two"):
        shop.run(COMPANION, ("size", "size.unit"))
    assert not shop.es.indices.exists(index=shop.companion)
    assert shop.run(COMPANION, ("size.unit",))["indexed"] == 3
    assert shop.recommended(**{"size.unit": "kg"}) == {"2"}
    stored = shop.es.get(index=shop.companion, id="2")["_source"]
    assert json.loads(json.dumps(stored))["size.unit"] == "kg"


def test_names_with_dots_alone_are_no_obstacle(shop: Shop) -> None:
    properties = {n: mapping for n, mapping in FLAT["properties"].items() if n != "size"}
    documents = {
        id_: {name: value for name, value in body.items() if name != "size"}
        for id_, body in FLAT_DOCUMENTS.items()
    }
    shop.fill({**FLAT, "properties": properties}, documents)
    assert shop.run(VERSION)["indexed"] == 3
    assert shop.recommended(**{"size.unit": "kg"}) == {"2"}


def test_what_the_index_leaves_out_of_its_documents_is_told(shop: Shop) -> None:
    """The new index keeps its own documents whole, for they are completed later on."""
    leaving_out = {"_source": {"excludes": ["brand"]}, **STRICT}
    shop.fill(leaving_out, DOCUMENTS)
    summary = shop.run(VERSION)
    assert summary["indexed"] == 3
    [warning] = summary["warnings"]
    assert warning.startswith(f"index {shop.name} leaves brand out of the documents")
    [made] = shop.es.indices.get_mapping(index=shop.companion).body.values()
    assert "_source" not in made["mappings"]


def test_a_document_goes_with_its_own_record_and_with_no_other(shop: Shop) -> None:
    """`7@en` is a record of its own; `8@en` is a language version of 8, and `9@en` of 9."""
    several = {"translations": {"en": {"title": "Tea leaves"}, "de": {"title": "Tee Blatt"}}}
    documents = {
        "7": {"language": "de", "title": "Tee Haus"},
        "7@en": {"language": "en", "title": "Tea house"},
        "8": several,
        "9": several | {"work": "tea"},
    }
    shop.fill({}, documents)
    assert shop.run(COMPANION)["indexed"] == 6
    assert shop.run(COMPANION)["unchanged"] == 6
    for id_ in ("7@en", "8", "9"):
        shop.es.delete(index=shop.name, id=id_, refresh=True)
    assert shop.run(COMPANION)["deleted"] == 5
    shop.es.indices.refresh(index=shop.companion)
    hits = shop.es.search(index=shop.companion)["hits"]["hits"]
    assert {hit["_id"] for hit in hits} == {"7"}
