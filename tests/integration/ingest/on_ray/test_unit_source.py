"""Slices of an index, read by different readers: together all of it, each document once."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from ingest.on_ray.unit_source import UnitSource
from ingest.on_ray.units import slices_of
from ingest.run.job import RunJob
from xlrec_es.records.record import Record

DOCUMENTS = 500


def test_slices_are_the_index_and_the_same_at_another_time(
    es_each: Elasticsearch, index_name: str
) -> None:
    """By ids: between two readers documents move within the files of an index."""
    operations = [
        line
        for n in range(DOCUMENTS)
        for line in ({"index": {"_id": f"id {n}"}}, {"title": f"{n}"})
    ]
    settings = {"number_of_shards": 2}
    es_each.indices.create(index=index_name, settings=settings)
    es_each.bulk(index=index_name, operations=operations, refresh=True)
    job = RunJob(f"index:{index_name}", "shop")
    units = slices_of(index_name, DOCUMENTS, workers=2, records=100)
    assert len(units) == 8

    def read() -> list[list[str | None]]:
        found = []
        for unit in units:
            records = list(UnitSource(unit, job, es_each).records())
            assert all(isinstance(record, Record) for record in records)
            found.append(sorted(str(record.id) for record in records if isinstance(record, Record)))
        return found

    first = read()
    assert all(first)
    assert sorted(id_ for ids in first for id_ in ids if id_) == sorted(
        f"id {n}" for n in range(DOCUMENTS)
    )
    es_each.bulk(index=index_name, operations=operations[:200], refresh=True)
    es_each.indices.forcemerge(index=index_name, max_num_segments=1)
    assert read() == first
