"""The index behind a name, or something else that is there."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import FINGERPRINT, LANGUAGES, write_catalogue
from xlrec_es import History, Recommender
from xlrec_es.errors import FingerprintMismatch, IndexNotFound, NotAnXlrecIndex
from xlrec_es.index.live_index import check_fingerprint, find_live, update_meta
from xlrec_es.vectors.fingerprint import Fingerprint


def test_what_is_not_an_index_of_ours_is_named(es_each: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound, match="xlrec-ingest run"):
        Recommender(es_each, index_name).recommend(History.of(["a"]))
    es_each.indices.create(index=index_name)
    with pytest.raises(NotAnXlrecIndex, match="not made by xlrec-es"):
        Recommender(es_each, index_name).recommend(History.of(["a"]))
    es_each.indices.put_mapping(index=index_name, meta={"xlrec": {"schema": "other"}})
    with pytest.raises(NotAnXlrecIndex, match="another version"):
        find_live(es_each, index_name)


def test_meta_is_read_back_and_another_encoder_refused(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    live = find_live(es_each, index_name)
    assert live.name == f"{index_name}-xlrec-v1"
    assert live.meta.fingerprint == FINGERPRINT
    assert live.meta.languages == LANGUAGES
    other = Fingerprint.from_meta({**FINGERPRINT.to_meta(), "model": "another"})
    with pytest.raises(FingerprintMismatch, match="'another' here and 'test catalogue' there"):
        check_fingerprint(live, other)
    assert update_meta(es_each, live, live.meta) == live
