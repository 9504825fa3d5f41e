"""Data views, in Kibana's form."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from xlrec_es.errors import UsageError
from xlrec_es.index.mapping import load_mapping
from xlrec_es.kibana.data_views import Address, DataView, catalog_view, other_views
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.labels.field_labels import labels_of
from xlrec_es.kibana.saved_objects import SavedObject

LABELS = labels_of(load_mapping()["mappings"])


def part(one: SavedObject, name: str) -> Any:  # noqa: ANN401
    return orjson.loads(one.attributes[name])


def test_the_catalogs_view_shows_our_fields_under_labels_and_hides_long_ones() -> None:
    one = catalog_view("shop", LABELS).saved_object("shop")
    assert (one.type, one.type_version) == ("index-pattern", "7.11.0")
    assert (one.attributes["title"], one.title) == ("shop", "shop: catalog")
    # With a time field, Discover would show what was written in the last fifteen minutes.
    assert "timeFieldName" not in one.attributes
    labels = part(one, "fieldAttrs")
    assert labels.keys() == LABELS.keys()
    assert labels["xlrec.evidence"] == {
        "customLabel": LABELS["xlrec.evidence"].label,
        "customDescription": LABELS["xlrec.evidence"].description,
    }
    assert {"value": "xlrec.embedding"} in part(one, "sourceFilters")
    assert part(one, "fieldFormatMap")["xlrec.popularity"]["id"] == "percent"
    assert one == catalog_view("shop", LABELS).saved_object("shop")


def test_only_fields_that_there_are_are_hidden() -> None:
    assert catalog_view("shop", {}).hidden == ()


def test_links_and_pictures_are_shown_as_such() -> None:
    addresses = [
        Address.parse("url"),
        Address.parse("sku=https://shop.example/{{value}}?a=b"),
        Address.parse("image", is_picture=True),
    ]
    formats = part(catalog_view("shop", LABELS, addresses).saved_object("shop"), "fieldFormatMap")
    assert formats["url"] == {"id": "url", "params": {"type": "a"}}
    assert formats["sku"]["params"] == {
        "type": "a",
        "urlTemplate": "https://shop.example/{{value}}?a=b",
    }
    picture = {"type": "img", "width": "96", "height": "96"}
    assert formats["image"] == {"id": "url", "params": picture}


@pytest.mark.parametrize("text", ["sku=https://shop.example/", "sku=javascript:{{value}}"])
def test_a_template_without_a_place_or_of_another_scheme_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no address with a place for sku"):
        Address.parse(text)


def test_each_index_that_there_is_has_a_view_with_its_time() -> None:
    names = Indices("shop", evaluations="quality", shown="s", clicks="c", runs="r", rejects="rr")
    views = list(other_views(names))
    assert [view.index for view in views] == ["quality", "s", "c", "r", "rr"]
    assert all(view.time_field for view in views)
    ids = {view.id("shop") for view in views}
    assert len(ids) == 5
    assert views[0].saved_object("shop").attributes["timeFieldName"] == "@timestamp"
    assert list(other_views(Indices("shop"))) == []
    assert DataView("quality", "x").id("other") not in ids
