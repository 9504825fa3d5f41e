"""The searches of saved objects that were read."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from xlrec_es.errors import UsageError
from xlrec_es.index.mapping import load_mapping
from xlrec_es.kibana import bundle
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.labels.field_labels import labels_of
from xlrec_es.kibana.lens import LensPanel
from xlrec_es.kibana.saved_objects import SavedObject, ndjson, read_ndjson
from xlrec_es.kibana.saved_searches import CatalogSearches
from xlrec_es.kibana.searches import dashboards_of, fields_of, searches_of, with_catalog

FOUND = bundle.Catalog(
    CatalogSearches("0123456789ab", "title"), labels_of(load_mapping()["mappings"])
)
NAMES = Indices("shop", runs="runs", rejects="runs-rejects")
OBJECTS = bundle.objects(NAMES, FOUND)


def test_dashboards_are_read_as_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "shop.ndjson"
    path.write_bytes(ndjson(OBJECTS))
    made = bundle.dashboards(NAMES, FOUND)
    read = dashboards_of(read_ndjson(path))
    assert [one.title for one in read] == [one.title for one in made]
    for one, other in zip(read, made, strict=True):
        pictures = [p.picture() if isinstance(p, LensPanel) else p for p in other.panels]
        assert [placed.panel for placed in one.panels] == pictures
        places = [(p.x, p.y, p.w, p.h) for _, p in other.placed()]
        assert [(p.x, p.y, p.width, p.height) for p in one.panels] == places
        assert (one.since, one.until) == (other.since, "now")


def test_every_panel_and_every_saved_search_has_its_search() -> None:
    found = list(searches_of(OBJECTS))
    panels = [one for one in found if one.title]
    saved = [one for one in found if not one.title]
    assert len(panels) == 7 + 5
    assert len(saved) == 6
    assert {one.index for one in found} == {"shop", "runs", "runs-rejects"}
    assert all(one.fields for one in found)
    [bare] = [one for one in saved if one.of == "shop: documents without a vector"]
    assert bare.body["query"] == {
        "bool": {
            "filter": [{"bool": {"must_not": [{"exists": {"field": "xlrec.embedding"}}]}}],
            "must_not": [],
        }
    }
    assert bare.body["sort"] == [
        {"xlrec.popularity": {"order": "desc", "unmapped_type": "boolean"}}
    ]
    assert {"title", "xlrec.embedding", "xlrec.popularity"} <= set(bare.fields)
    assert bare.name == bare.of


def test_fields_are_found_wherever_a_body_names_them() -> None:
    body: dict[str, Any] = {
        "query": {
            "bool": {
                "filter": [{"term": {"a": "x"}}, {"range": {"b": {"gt": 1}, "boost": 1}}],
                "must_not": [{"exists": {"field": "c"}}, {"terms": {"d": [1, 2]}}],
            }
        },
        "aggs": {"x": {"terms": {"field": "e"}, "aggs": {"y": {"avg": {"field": "f"}}}}},
    }
    assert list(fields_of(body)) == ["a", "b", "c", "d", "e", "f"]


def test_another_index_takes_the_place_of_the_catalog() -> None:
    found = list(searches_of(with_catalog(OBJECTS, "staging")))
    assert {one.index for one in found} == {"staging", "runs", "runs-rejects"}
    assert with_catalog(OBJECTS, None) == OBJECTS
    with pytest.raises(UsageError, match="the file has 0 catalogs"):
        with_catalog([one for one in OBJECTS if one.type != "index-pattern"], "staging")


def test_filters_that_are_off_or_turned_round_are_read_as_kibana_does() -> None:
    [one] = [o for o in OBJECTS if o.title == "shop: documents without a vector"]
    meta = dict(one.attributes["kibanaSavedObjectMeta"])
    source = orjson.loads(meta["searchSourceJSON"])
    [shown] = source["filter"]
    off, negated = {"disabled": True}, {"negate": True}
    source["filter"] = [{**shown, "meta": {**shown["meta"], **how}} for how in (off, negated)]
    meta["searchSourceJSON"] = orjson.dumps(source).decode()
    changed = replace(one, attributes={**one.attributes, "kibanaSavedObjectMeta": meta})
    [found] = searches_of([OBJECTS[0], changed])
    assert found.body["query"]["bool"] == {"filter": [], "must_not": [shown["query"]]}


def test_panels_of_other_kinds_are_passed_over() -> None:
    panel = {"type": "lens", "title": "Sales", "gridData": {"x": 0, "y": 0, "w": 9, "h": 9}}
    attributes = {"title": "Theirs", "panelsJSON": orjson.dumps([panel]).decode()}
    one = SavedObject("dashboard", "d", attributes)
    [read] = dashboards_of([one])
    assert (read.panels[0].panel, read.panels[0].kind) == (None, "lens")
    assert list(searches_of([one])) == []


WIDE = '[{"gridData":{"x":0,"y":0,"h":9,"w":"9; }</style><script>"}}]'


@pytest.mark.parametrize("panels", ["no json", '{"a": 1}', '[{"gridData":{}}]', "[1]", WIDE])
def test_a_dashboard_of_another_form_is_named(panels: str) -> None:
    one = SavedObject("dashboard", "d", {"title": "Theirs", "panelsJSON": panels})
    with pytest.raises(UsageError, match="the dashboard Theirs is not in Kibana's form"):
        dashboards_of([one])


def test_a_search_without_its_data_view_is_named() -> None:
    alone = [one for one in OBJECTS if one.type == "search"]
    with pytest.raises(UsageError, match=r"needs the data view .* which is not there"):
        list(searches_of(alone))


def test_a_search_against_kibanas_rules_is_named_with_its_panel() -> None:
    panels = orjson.loads(OBJECTS[-1].attributes["panelsJSON"])
    spec = orjson.loads(panels[0]["embeddableConfig"]["savedVis"]["params"]["spec"])
    spec["data"]["url"]["body"]["query"] = {"match_all": {}}
    panels[0]["embeddableConfig"]["savedVis"]["params"]["spec"] = orjson.dumps(spec).decode()
    attributes = {**OBJECTS[-1].attributes, "panelsJSON": orjson.dumps(panels).decode()}
    title = panels[0]["title"]
    with pytest.raises(UsageError) as caught:
        list(searches_of([replace(OBJECTS[-1], attributes=attributes)]))
    assert str(caught.value).startswith(f"shop: Worker, {title}: ")
