"""The placements of presets are placements, with the rules of all lists and their own."""

from __future__ import annotations

from typing import Any

import pytest

from preset_catalogs import catalog
from xlrec_es.configuration.columns import columns_of
from xlrec_es.configuration.preset_placements import placements_of
from xlrec_es.configuration.presets import bound, load, preset_names
from xlrec_es.placements.given_options import valid
from xlrec_es.placements.placement import check_name, read_placement
from xlrec_es.recommend.options import Options

NAMES = {
    "shop": ["home-row", "item-page", "cart"],
    "news": ["breaking", "for-you", "article-page"],
    "media": ["home-row", "up-next"],
    "social": ["feed", "trending"],
    "education": ["home-row", "next-course"],
    "travel": ["home-row", "offer-page"],
    "workplace": ["home-row", "beside-document"],
}


def placements(kind: str) -> dict[str, dict[str, Any]]:
    """By name, with the fields of a catalog of the kind."""
    found = placements_of(bound(load(kind), columns_of(catalog(kind))))
    assert [one.left_out for one in found] == [()] * len(found)
    return {one.name: one.definition for one in found}


@pytest.mark.parametrize("kind", preset_names())
def test_each_preset_has_two_or_three(kind: str) -> None:
    found = placements(kind)
    assert list(found) == NAMES[kind]
    for name, definition in found.items():
        check_name(name)
        read = read_placement(definition)
        options = valid(read.options, Options(), name)
        assert isinstance(options, Options), options
        assert read.size == definition["size"]
        assert "<" not in str(definition["options"])
        assert definition["note"].endswith(".")


def test_rules_of_all_lists_hold_and_own_caps_take_their_place() -> None:
    found = placements("shop")
    home, cart = found["home-row"]["options"], found["cart"]["options"]
    assert home["filters"] == cart["filters"]
    assert home["filters"] == [{"bool": {"must_not": {"term": {"in_stock": False}}}}]
    assert home["boosts"] == [{"query": {"range": {"rating": {"gte": 4}}}, "factor": 1.2}]
    assert home["recent"] == {"field": "released", "half_life": "90d"}
    assert (home["caps"], cart["caps"]) == ({"brand.keyword": 2}, {"brand.keyword": 1})
    assert (home["diversity"], "diversity" in cart) == (0.2, False)
    # Filters add up.
    assert len(placements("news")["breaking"]["options"]["filters"]) == 3


def test_what_a_catalog_lacks_is_left_out_and_told() -> None:
    [home, _, cart] = placements_of(bound(load("shop"), {}))
    assert home.definition["options"] == {"diversity": 0.2, "explore": 0.1}
    assert "caps" not in cart.definition["options"]
    assert any("no field was found for brand" in told for told in cart.left_out)
    assert all(told.startswith("without ") for told in cart.left_out)


@pytest.mark.parametrize("kind", preset_names())
def test_each_setting_has_a_reason(kind: str) -> None:
    for shelf in load(kind).shelves:
        assert shelf.lines
        assert all(line.why.endswith(".") and len(line.why.split()) > 3 for line in shelf.lines)
