"""Saved searches, in Kibana's form."""

from __future__ import annotations

import orjson

from xlrec_es.index.mapping import load_mapping
from xlrec_es.kibana.data_views import catalog_view
from xlrec_es.kibana.labels.field_labels import labels_of
from xlrec_es.kibana.labels.other_labels import REJECTS
from xlrec_es.kibana.saved_searches import CatalogSearches, rejects_search

VIEW = catalog_view("shop", labels_of(load_mapping()["mappings"]))
MADE = CatalogSearches("0123456789ab", "title", ("picture",)).all()


def test_each_has_a_name_a_reason_and_columns_that_begin_with_the_title() -> None:
    assert [one.name for one in MADE] == [
        "without-vector",
        "other-fingerprint",
        "detected-language",
        "popular-cold-start",
        "most-inherited",
    ]
    assert len({one.id("shop") for one in (*MADE, rejects_search())}) == 6
    for one in MADE:
        assert one.columns[:2] == ("title", "picture")
        assert len(set(one.columns)) == len(one.columns)
        assert "." in one.description
    assert CatalogSearches("0").all()[0].columns[0] == "xlrec.id"


def test_a_search_refers_to_its_data_view_also_within_its_filters() -> None:
    one = MADE[0].saved_object("shop", VIEW)
    assert (one.type, one.type_version) == ("search", "7.9.3")
    assert {reference.id for reference in one.references} == {VIEW.id("shop")}
    source = orjson.loads(one.attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])
    names = {source["indexRefName"], *(f["meta"]["indexRefName"] for f in source["filter"])}
    assert names == {reference.name for reference in one.references}
    [only] = source["filter"]
    assert only["meta"]["alias"] == "no vector"
    assert orjson.loads(only["meta"]["value"]) == only["query"]
    assert one.attributes["title"] == "shop: documents without a vector"
    assert one.attributes["timeRestore"] is False


def test_rejected_records_are_shown_over_a_long_time() -> None:
    one = rejects_search().saved_object("shop", VIEW)
    assert one.attributes["timeRestore"] is True
    assert one.attributes["timeRange"] == {"from": "now-90d", "to": "now"}
    assert one.attributes["sort"][0] == ["stage", "asc"]
    assert {"stage", "reason", "document", "file", "line"} < set(one.attributes["columns"])
    assert "read, document, encode or write" in REJECTS["stage"].description
