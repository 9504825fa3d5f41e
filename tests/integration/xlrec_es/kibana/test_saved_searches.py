"""What the saved searches find in a real index."""

from __future__ import annotations

from elasticsearch import Elasticsearch

from catalogue import FINGERPRINT, write_catalogue
from kibana_catalog import catalog_documents, own_part
from xlrec_es.kibana import bundle
from xlrec_es.kibana.check import send
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.searches import searches_of


def test_each_finds_the_documents_that_its_title_names(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name, instead=catalog_documents())
    found = bundle.read_catalog(es_each, index_name)
    assert found.searches.fingerprint == FINGERPRINT.digest
    objects = bundle.objects(Indices(index_name), found)
    hits = {}
    for search in searches_of(objects):
        if not search.title:
            answer = send(es_each, search.index, {**search.body, "size": 1000})
            name = search.of.removeprefix(f"{index_name}: ")
            hits[name] = [hit["_id"] for hit in answer["hits"]["hits"]]
    own = {id_: own_part(body) for id_, body in catalog_documents().items()}

    assert set(hits.pop("documents without a vector")) == {"bare", "theirs"}
    assert hits.pop("documents of another fingerprint") == ["stray"]
    detected = {id_ for id_, one in own.items() if one.get("language_source") == "detected"}
    assert set(hits.pop("languages that were detected, not declared")) == detected

    cold = [i for i, o in own.items() if o.get("popularity", 0) > 0 and not o.get("evidence")]
    popular = hits.pop("popular cold-start items")
    assert set(popular) == set(cold)
    popularity = [own[id_]["popularity"] for id_ in popular]
    assert popularity == sorted(popularity, reverse=True)

    inherited = hits.pop("items with the most inherited associations")
    kinds = [own[id_]["indicators_from"] for id_ in inherited]
    assert set(kinds) == {"inherited", "blended"}
    assert kinds == sorted(kinds, reverse=True)  # those with nothing of their own come first
    evidence = [own[id_]["evidence"] for id_ in inherited]
    assert evidence == sorted(evidence)
    assert hits == {}
