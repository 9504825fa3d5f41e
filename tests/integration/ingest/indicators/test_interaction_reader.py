"""Interactions out of an index."""

from __future__ import annotations

from pathlib import Path

from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from indicator_learning import job
from ingest.indicators.run import run


def test_interactions_out_of_an_index(es_each: Elasticsearch, index_name: str, likes: Path) -> None:
    write_catalogue(es_each, index_name)
    events = f"{index_name}-events"
    mapping = {"properties": {"who": {"type": "keyword"}, "what": {"type": "keyword"}}}
    es_each.indices.create(index=events, mappings=mapping)
    lines = [line.split("\t") for line in likes.read_text().splitlines()[1:]]
    operations = [
        part for who, what in lines for part in ({"index": {}}, {"who": who, "what": what})
    ]
    es_each.bulk(index=events, operations=operations, refresh=True)
    fields = {"user": "who", "item": "what"}
    from_index = run(es_each, job(Path(f"index:{events}"), index_name, fields=fields))
    from_file = run(es_each, job(likes, index_name))
    assert from_index["interactions"] == from_file["interactions"]
    assert from_index["persons"] == from_file["persons"]
