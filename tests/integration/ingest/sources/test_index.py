"""An index that exists as the source of another, on real nodes of every supported version."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from fakes import HashEncoder
from ingest.documents.builder import DocumentBuilder
from ingest.documents.language_detection import LanguageDetector
from ingest.run.counts import Tally
from ingest.run.job import RunJob
from ingest.run.reject_file import RejectFile
from ingest.run.worker import Worker
from ingest.sources.source import Source, open_source
from ingest.write import target_index as targets
from xlrec_es.cluster.capabilities import probe
from xlrec_es.cluster.retry import Cluster
from xlrec_es.errors import ConfigError, IndexNotFound, IndexUnusable, PointInTimeLost, SourceError
from xlrec_es.interactions.history import History
from xlrec_es.recommend.recommender import Recommender
from xlrec_es.records.field_map import FieldMap
from xlrec_es.records.record import Record

DETECTOR = LanguageDetector()
VECTOR = [0.1, -2.5, 1e-7]
ITEMS: dict[str, dict[str, Any]] = {
    f"item {n}": {
        "id": f"not the id {n}",
        "title": f"A puzzle with {n} tiles",
        "language": "en",
        "shop": "ab"[n % 2],
        "price": n / 10,
        "big": 2**60 + n,
        "vector": VECTOR,
        "nested": {"empty": [], "null": None, "text": "ü 茶\u2028"},
    }
    for n in range(25)
}
ANALYSIS = {"analyzer": {"mine": {"type": "custom", "tokenizer": "standard"}}}
MAPPINGS = {
    "_meta": {"owner": "the shop"},
    "properties": {
        "title": {"type": "text", "analyzer": "mine"},
        "shop": {"type": "keyword"},
        "vector": {"type": "dense_vector", "dims": 3, "index": False},
    },
}


@pytest.fixture
def own_index(es_each: Elasticsearch, index_name: str) -> str:
    name = f"{index_name}-own"
    settings = {"number_of_shards": 3, "number_of_replicas": 0, "analysis": ANALYSIS}
    es_each.indices.create(index=name, settings=settings, mappings=MAPPINGS)
    lines = [part for id_, body in ITEMS.items() for part in ({"index": {"_id": id_}}, body)]
    assert not es_each.bulk(index=name, operations=lines)["errors"]  # not refreshed
    return name


def records(es: Elasticsearch, name: str, query: str = "") -> dict[str | None, Record]:
    found = list(open_source(f"index:{name}", client=es, query=query).records())
    assert [record.position for record in found] == list(range(1, len(found) + 1))
    assert all(isinstance(record, Record) for record in found)
    return {record.id: record for record in found}  # type: ignore[union-attr,misc]


def test_fields_and_ids_come_as_they_are(
    es_each: Elasticsearch, own_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xlrec_es.cluster.scan.PAGE", 4)
    found = records(es_each, own_index)
    assert {id_: json.dumps(record.fields) for id_, record in found.items()} == {
        id_: json.dumps(fields) for id_, fields in ITEMS.items()
    }
    assert all(record.own is None for record in found.values())


@pytest.mark.parametrize("slices", [2, 7])
def test_slices_together_are_the_whole(
    es_each: Elasticsearch, own_index: str, monkeypatch: pytest.MonkeyPatch, slices: int
) -> None:
    monkeypatch.setattr("xlrec_es.cluster.scan.PAGE", 2)
    whole = records(es_each, own_index)
    source = open_source(f"index:{own_index}", client=es_each, slices=slices)
    found = [record for record in source.records() if isinstance(record, Record)]
    assert len(found) == len(ITEMS)
    assert {record.id: record.fields for record in found} == {
        id_: record.fields for id_, record in whole.items()
    }
    assert [record.position for record in found] == list(range(1, len(ITEMS) + 1))
    with closing(source.records()) as reading:  # type: ignore[type-var]
        next(reading)


def test_a_query_chooses_a_part(es_each: Elasticsearch, own_index: str, tmp_path: Path) -> None:
    query = '{"term": {"shop": "b"}}'
    (tmp_path / "query.json").write_text(query)
    expected = {id_ for id_, fields in ITEMS.items() if fields["shop"] == "b"}
    assert records(es_each, own_index, query).keys() == expected
    assert records(es_each, own_index, f"@{tmp_path}/query.json").keys() == expected


@pytest.mark.parametrize(
    ("query", "message"),
    [("{", "not JSON"), ("[]", "is not a query"), ("@/no/such", "No such file")],
)
def test_mistakes_in_a_query(es: Elasticsearch, query: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_source("index:any", client=es, query=query)


def test_what_cannot_be_read_is_told(es: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound):
        open_source(f"index:{index_name}", client=es)
    for number in (1, 2):
        es.indices.create(index=f"{index_name}-{number}", aliases={index_name: {}})
    with pytest.raises(IndexUnusable, match="stands for 2 indices"):
        open_source(f"index:{index_name}", client=es)
    es.indices.create(index=f"{index_name}-3", mappings={"_source": {"enabled": False}})
    with pytest.raises(SourceError, match="does not store its documents"):
        open_source(f"index:{index_name}-3", client=es)


def run(
    es: Elasticsearch, source: Source, index: str, folder: Path, fields: FieldMap | None = None
) -> Tally:
    job = RunJob(source.name.replace("index ", "index:"), index, fields or FieldMap())
    with RejectFile(folder / "rejects") as rejects:
        worker = Worker(
            job=job,
            source=source,
            builder=DocumentBuilder(job.fields, job.recipe, DETECTOR),
            encoder=HashEncoder(),
            cluster=Cluster(es, probe(es)),
            live=targets.find(es, index),
            rejects=rejects,
        )
        worker.run()
    return worker.tally


def stored(es: Elasticsearch, index: str) -> dict[str, dict[str, Any]]:
    """Documents with their vectors, but for the moment when they were written."""
    hits = es.search(index=index, size=100, fields=["*vector", "xlrec.embedding"])["hits"]["hits"]
    found = {}
    for hit in hits:
        own = hit["_source"].get("xlrec", {})
        own.pop("ingested_at", None)
        own.pop("embedding", None)
        found[hit["_id"]] = hit["_source"] | {"fields": hit["fields"]}
    return found


def test_an_index_becomes_another(
    es_each: Elasticsearch, own_index: str, index_name: str, tmp_path: Path
) -> None:
    source = open_source(f"index:{own_index}", client=es_each)
    assert run(es_each, source, index_name, tmp_path).indexed == len(ITEMS)
    [made] = es_each.indices.get(index=index_name).body.values()
    for field, mapping in MAPPINGS["properties"].items():  # type: ignore[attr-defined]
        assert made["mappings"]["properties"][field].items() >= mapping.items()
    assert made["mappings"]["_meta"].keys() == {"owner", "xlrec"}
    assert made["settings"]["index"]["analysis"] == ANALYSIS
    assert made["settings"]["index"]["number_of_shards"] == "3"
    found = stored(es_each, index_name)
    assert found.keys() == ITEMS.keys()
    for id_, document in found.items():
        assert np.allclose(document["fields"]["vector"], VECTOR)
        own = {k: v for k, v in document.items() if k not in ("xlrec", "fields", "vector")}
        assert own == {k: v for k, v in ITEMS[id_].items() if k != "vector"}
    # A second run passes over all of it.
    again = run(es_each, open_source(f"index:{own_index}", client=es_each), index_name, tmp_path)
    assert (again.unchanged, again.indexed) == (len(ITEMS), 0)


def test_an_index_of_ours_comes_without_our_object(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    path = tmp_path / "items.jsonl"
    translations = {"en": {"title": "Chess set"}, "ja": {"title": "将棋 盤"}}
    items = [
        {"id": 1, "work": "w", "title": "A puzzle with tiles", "language": "en"},
        {"id": 2, "price": 3, "translations": translations},
        {"id": 3, "text": "Un jeu de réflexion où l'on fait glisser des tuiles numérotées"},
    ]
    path.write_text("\n".join(map(json.dumps, items)))
    run(es_each, open_source(str(path)), index_name, tmp_path)
    found = records(es_each, index_name)
    assert found.keys() == {"1", "2@en", "2@ja", "3"}
    assert found["2@ja"].fields == {"id": 2, "price": 3, "title": "将棋 盤"}
    # Languages, works and hashes are those of the first, although the fields do not tell them.
    run(es_each, open_source(f"index:{index_name}", client=es_each), f"{index_name}-2", tmp_path)
    assert stored(es_each, f"{index_name}-2") == stored(es_each, index_name)


def test_fields_of_a_language_are_titles_in_recommendations(
    es_each: Elasticsearch, index_name: str, tmp_path: Path
) -> None:
    items = [
        {"id": n, "title_en": f"chess {n}", "title_de": f"Schach chess {n}", "title_sort": "x"}
        for n in range(4)
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("\n".join(map(json.dumps, items)))
    fields = FieldMap(title="title_{language}")
    run(es_each, open_source(str(path)), index_name, tmp_path, fields)
    found = Recommender(es_each, index_name).recommend(History.of(["0"]), languages=["de"])
    assert {item.title for item in found.items} == {f"Schach chess {n}" for n in (1, 2, 3)}


def test_a_point_in_time_that_is_gone_is_told(
    es_each: Elasticsearch, own_index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xlrec_es.cluster.scan.PAGE", 4)
    found = open_source(f"index:{own_index}", client=es_each).records()
    next(found)
    es_each.indices.close(index=own_index)  # as when its node goes
    es_each.indices.open(index=own_index)
    with pytest.raises(PointInTimeLost, match="does not remember the point in time"):
        list(found)
