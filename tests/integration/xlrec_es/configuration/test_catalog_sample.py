"""The first documents of an index."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from xlrec_es.configuration.catalog_sample import sample_index
from xlrec_es.configuration.columns import KEYWORD, NUMBER
from xlrec_es.configuration.field_proposal import propose, read
from xlrec_es.errors import IndexNotFound, SourceError


def test_an_index_is_read_with_its_own_ids_and_types(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    sample = sample_index(es_each, index_name, size=5)
    assert len(sample.records) == 5
    assert sample.is_index
    assert (sample.columns["brand"].kind, sample.columns["price"].kind) == (KEYWORD, NUMBER)
    assert not any(path.startswith("xlrec") for path in sample.columns)
    found = propose(sample)
    assert found.paths["title"] == "title"
    assert "id" not in found.paths
    drafts = read(sample, found.fields).drafts
    assert [made[0].id for _, made in drafts] == [record.id for record in sample.records]


def test_an_index_of_nothing_ends_in_a_sentence(es: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound):
        sample_index(es, index_name)
    es.indices.create(index=index_name)
    with pytest.raises(SourceError, match="no documents"):
        sample_index(es, index_name)
