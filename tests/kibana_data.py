"""Something to show in every panel of every dashboard of Kibana, on one node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from kibana_catalog import catalog_documents
from xlrec_es.kibana.indices import Indices

SINCE, UNTIL = "2026-01-01", "2026-01-04"
"""The time of all of it."""

_REJECTS = (("read", "not JSON", 9), ("build", "no text", 5), ("write", "no text", 1))


def write_everything(client: Elasticsearch, name: str, folder: Path) -> Indices:
    """Write a catalog and all that dashboards show of it.

    Args:
        client: Of the cluster.
        name: The catalog's, with which the names of the other indices begin.
        folder: For files on the way.
    """
    write_catalogue(client, name, instead=catalog_documents(), languages=("de", "en", "ja"))
    names = Indices(name, runs=f"{name}-runs", rejects=f"{name}-runs-rejects")
    _write_runs(client, names)
    return names


def _write_runs(client: Elasticsearch, names: Indices) -> None:
    """Three runs, and what they rejected, as `xlrec-ingest run --write-to` adds it."""
    runs = [
        {
            "@timestamp": f"2026-01-{day:02}T12:00:00Z",
            "index": names.catalog,
            "documents": 100 * day,
            "indexed": 90 * day,
            "unchanged": 5 * day,
            "superseded": 0,
            "deleted": day,
            "rejected": 5,
            "retries": day,
            "documents_per_second": 50.5 + day,
        }
        for day in (1, 2, 3)
    ]
    rejected = [
        {"@timestamp": "2026-01-02T12:00:00Z", "stage": stage, "reason": reason}
        for stage, reason, count in _REJECTS
        for _ in range(count)
    ]
    assert names.runs is not None
    assert names.rejects is not None
    _add(client, names.runs, runs)
    _add(client, names.rejects, rejected)


def _add(client: Elasticsearch, index: str, rows: list[dict[str, Any]]) -> None:
    keywords = {name: {"type": "keyword"} for name in ("index", "stage", "reason")}
    mappings = {"properties": {"@timestamp": {"type": "date"}, **keywords}}
    client.indices.create(index=index, mappings=mappings)
    operations: list[dict[str, Any]] = []
    for row in rows:
        operations += [{"index": {}}, row]
    answer = client.bulk(index=index, operations=operations, refresh=True)
    assert not answer["errors"], answer
