"""Counts that Lens draws."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest

from xlrec_es.kibana.data_views import DataView
from xlrec_es.kibana.lens import MISSING, LensPanel, read_lens, view_of
from xlrec_es.kibana.panels import Dashboard, Row
from xlrec_es.kibana.searches import dashboards_of, searches_of, with_catalog
from xlrec_es.kibana.vega_source import sources

PANEL = LensPanel("How many?", "shop", "xlrec.language", "documents", "Of each.", 7, True)
TIMED = LensPanel("Why?", "rejects", "reason", "records", "", 5, False, "@timestamp")
VIEW, OTHER = DataView("shop", "Shop"), DataView("rejects", "Rejects", "@timestamp")
BOARD = Dashboard("catalog", "Shop: Catalog", "", (Row((PANEL, TIMED), 10),))
ATTRIBUTES: dict[str, Any] = PANEL.embedded("shop").config["attributes"]


def test_a_panel_is_one_layer_of_terms_and_a_count() -> None:
    state = ATTRIBUTES["state"]
    [(name, layer)] = state["datasourceStates"]["formBased"]["layers"].items()
    [drawn] = state["visualization"]["layers"]
    assert drawn["layerId"] == name
    assert [drawn["xAccessor"], *drawn["accessors"]] == layer["columnOrder"]
    by, count = (layer["columns"][one] for one in layer["columnOrder"])
    assert (by["operationType"], by["sourceField"]) == ("terms", "xlrec.language")
    assert by["params"]["orderBy"]["columnId"] == layer["columnOrder"][1]
    assert (by["params"]["size"], by["params"]["missingBucket"]) == (7, True)
    assert (count["operationType"], count["label"]) == ("count", "documents")
    assert ATTRIBUTES["references"][0]["name"] == f"indexpattern-datasource-layer-{name}"


def test_a_dashboard_refers_to_the_data_views_of_its_panels() -> None:
    one = BOARD.saved_object("shop")
    panels = orjson.loads(one.attributes["panelsJSON"])
    assert [panel["type"] for panel in panels] == ["lens", "lens"]
    assert {(reference.name, reference.id) for reference in one.references} == {
        (f"{panel['panelIndex']}:{inner['name']}", inner["id"])
        for panel in panels
        for inner in panel["embeddableConfig"]["attributes"]["references"]
    }
    assert [reference.id for reference in one.references] == [VIEW.id("shop"), OTHER.id("shop")]


def test_it_is_read_as_it_was_made_and_searched_as_lens_does() -> None:
    view = VIEW.id("shop")
    assert view_of(ATTRIBUTES) == view
    assert read_lens(ATTRIBUTES, title="How many?", view=("shop", None)) == PANEL
    objects = [
        *(one.saved_object("shop") for one in (VIEW, OTHER)),
        BOARD.saved_object("shop"),
    ]
    first, second = searches_of(objects)
    assert first.index == "shop"
    assert first.body["aggs"]["by"] == {
        "terms": {"field": "xlrec.language", "size": 7, "missing": MISSING}
    }
    assert second.body["aggs"]["by"] == {"terms": {"field": "reason", "size": 5}}
    assert "@timestamp" in second.fields
    assert [one.index for one in searches_of(with_catalog(objects, "staging"))] == [
        "staging",
        "rejects",
    ]
    [url] = [source.data["url"] for source in sources(TIMED.picture().spec)]
    assert url["%timefield%"] == "@timestamp"


def changed(how: str) -> dict[str, Any]:
    found = copy.deepcopy(ATTRIBUTES)
    layers = found["state"]["datasourceStates"]["formBased"]["layers"]
    if how == "a sum":
        layers["bars"]["columns"]["count"]["operationType"] = "sum"
    elif how == "a filter of its own":
        layers["bars"]["columns"]["count"]["filter"] = {"query": "a:b", "language": "kuery"}
    elif how == "filters":
        found["state"]["filters"] = [{"query": {"match_all": {}}}]
    elif how == "two layers":
        layers["more"] = layers["bars"]
    else:
        found["state"]["datasourceStates"] = {"textBased": {}}
    return found


@pytest.mark.parametrize(
    "how", ["a sum", "a filter of its own", "filters", "two layers", "another language"]
)
def test_what_is_no_plain_count_is_passed_over(how: str) -> None:
    assert read_lens(changed(how), title="x", view=("shop", None)) is None


def test_without_its_data_view_a_panel_is_passed_over() -> None:
    [read] = dashboards_of([BOARD.saved_object("shop")])
    assert [(placed.panel, placed.kind) for placed in read.panels] == [(None, "lens")] * 2
