"""Documents that cannot be written again, in a version that is copied."""

from __future__ import annotations

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from hostile_json import HELD, UNREAD, bulk_body
from traffic import everything
from xlrec_es import exact_json
from xlrec_es.cluster.capabilities import probe
from xlrec_es.errors import GateFailed
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.versions.copier import copied_as_is
from xlrec_es.versions.gate_limits import Limits
from xlrec_es.versions.inventory import read_versions
from xlrec_es.versions.reindex import Reindexer, plan

REFUSED = {id_: reason for id_, (_, reason) in HELD.items() if reason}


@pytest.fixture
def live(es_each: Elasticsearch, index_name: str) -> LiveIndex:
    """A catalogue, and what somebody else has written into its index."""
    live = write_catalogue(es_each, index_name)
    es_each.indices.put_mapping(index=live.name, properties=UNREAD)
    body = bulk_body('"title": "x"')
    answer = es_each.bulk(index=live.name, operations=body, refresh=True)  # type: ignore[arg-type]
    assert not answer["errors"]
    return live


def prepare(client: Elasticsearch, name: str, limits: Limits) -> Reindexer:
    transform = copied_as_is(packed=probe(client).packed_vectors)
    return Reindexer(client, plan(read_versions(client, name)), transform, limits=limits)


def test_they_are_refused_by_their_names(
    es_each: Elasticsearch, index_name: str, live: LiveIndex
) -> None:
    limits = Limits(recall=0.8)
    with pytest.raises(GateFailed) as failed:
        prepare(es_each, index_name, limits).run()
    sentence = str(failed.value)
    assert f"{len(REFUSED)} documents could not be written, such as " in sentence
    assert any(f"{id_!r}: {reason}" in sentence for id_, reason in REFUSED.items())
    assert find_live(es_each, index_name).name == live.name
    # Once they are gone, or mended, the same command goes on.
    for id_ in REFUSED:
        es_each.delete(index=index_name, id=id_)
    before = everything(es_each, index_name)
    report = prepare(es_each, index_name, limits).run()
    assert report.swapped
    assert report.refused == {}
    after = everything(es_each, index_name)
    assert after.keys() == before.keys()
    for id_ in HELD.keys() - REFUSED.keys():
        assert exact_json.as_text(after[id_][1]) == exact_json.as_text(before[id_][1])


def test_whoever_can_do_without_them_says_how_many_may_be_missing(
    es_each: Elasticsearch, index_name: str, live: LiveIndex
) -> None:
    report = prepare(es_each, index_name, Limits(missing=1.0, recall=0.8)).run()
    assert report.swapped
    assert report.refused.keys() == REFUSED.keys()
    assert all(report.refused[id_].startswith(reason) for id_, reason in REFUSED.items())
    assert everything(es_each, index_name).keys() >= HELD.keys() - REFUSED.keys()
    assert find_live(es_each, index_name).name != live.name
