"""An export of a live index."""

from __future__ import annotations

import json
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from catalogue import write_catalogue
from kibana_catalog import catalog_documents
from xlrec_es.errors import NotAnXlrecIndex, UsageError
from xlrec_es.kibana import bundle
from xlrec_es.kibana.check import check, fields_there
from xlrec_es.kibana.data_views import Address
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.panels import MarkdownPanel
from xlrec_es.kibana.searches import searches_of


def test_every_field_of_every_search_is_there_and_every_search_works(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    found = bundle.read_catalog(es_each, index_name, [Address.parse("brand")])
    searches = [*searches_of(bundle.objects(Indices(index_name), found))]
    assert len(searches) == 7 + 5
    results = [*check(es_each, searches)]
    assert [one.why for one in results if one.failed] == []
    assert {one.search.title for one in results if not one.hits} <= {
        "",  # saved searches of faults that are not there
        "When were the documents written?",  # no document here says it
    }
    there = fields_there(es_each, index_name)
    assert found.labels.keys() <= there
    assert {f"xlrec.text.{language}" for language in ("de", "en", "ja")} <= found.labels.keys()


def test_the_request_for_the_console_works_as_it_stands(
    es_each: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es_each, index_name)
    request = bundle.read_catalog(es_each, index_name).request
    _caption, line, body = request.splitlines()
    assert line == f"POST /{index_name}/_search"
    [note] = [
        panel.text
        for one in bundle.dashboards(Indices(index_name), bundle.read_catalog(es_each, index_name))
        for panel in one.panels
        if panel.title == "Where can I look closer?" and isinstance(panel, MarkdownPanel)
    ]
    assert f"```\n{request}\n```" in note
    assert es_each.search(index=index_name, body=json.loads(body))["hits"]["hits"]


def without(*names: str) -> dict[str, dict[str, Any]]:
    """The catalog, whose documents lack some fields of ours."""
    found = catalog_documents()
    for body in found.values():
        for name in names:
            body.get("xlrec", {}).pop(name, None)
    return found


@pytest.mark.parametrize(
    ("missing", "liked"),
    [
        ((), bundle.MOST_POPULAR),
        (("popularity",), bundle.FIRST),
        (("popularity", "indicators", "indicators_from", "evidence"), bundle.FIRST),
    ],
)
def test_the_request_finds_something_before_anything_is_learned_too(
    es: Elasticsearch, index_name: str, missing: tuple[str, ...], liked: str
) -> None:
    write_catalogue(es, index_name, instead=without(*missing))
    found = bundle.read_catalog(es, index_name)
    assert found.liked == liked
    _caption, _line, body = found.request.splitlines()
    assert es.search(index=index_name, body=json.loads(body))["hits"]["hits"]


def test_an_index_without_vectors_is_exported_without_a_request(
    es: Elasticsearch, index_name: str
) -> None:
    write_catalogue(es, index_name, instead={"bare": catalog_documents()["bare"]})
    found = bundle.read_catalog(es, index_name)
    assert (found.request, found.liked) == ("", "")
    assert bundle.objects(Indices(index_name), found)


def test_a_link_to_a_field_that_is_not_there_is_refused(es: Elasticsearch, index_name: str) -> None:
    write_catalogue(es, index_name)
    with pytest.raises(UsageError, match=r"has no field url; it has brand, price, title"):
        bundle.read_catalog(es, index_name, [Address.parse("url")])


def test_an_index_of_somebody_else_is_refused(es: Elasticsearch, index_name: str) -> None:
    es.indices.create(index=index_name)
    with pytest.raises(NotAnXlrecIndex):
        bundle.read_catalog(es, index_name)


def test_rejected_records_are_found_where_there_are_some(
    es: Elasticsearch, index_name: str
) -> None:
    assert bundle.rejects_of(es, None) is None
    assert bundle.rejects_of(es, index_name) is None
    es.indices.create(index=f"{index_name}-rejects")
    assert bundle.rejects_of(es, index_name) == f"{index_name}-rejects"
