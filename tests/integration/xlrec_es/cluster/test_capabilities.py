"""What a cluster says it can do."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from xlrec_es.cluster.capabilities import probe


def test_a_probe_tells_version_licence_and_analyzers(es_each: Elasticsearch) -> None:
    found = probe(es_each)
    assert found.version >= (8, 19, 0)
    assert found.license == "basic"
    assert "x-pack-core" in found.modules
