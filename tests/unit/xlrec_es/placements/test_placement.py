"""Definitions of placements: what they become, and what is told of those that are none."""

from __future__ import annotations

import json
import pickle
import tomllib
from typing import Any

import pytest

from xlrec_es.errors import PlacementRefused, UsageError
from xlrec_es.placements.placement import Placement, Variant, check_name, read_placement
from xlrec_es.recommend.curation import Bury, Curation, Pin

TERM = {"term": {"brand": "acme"}}
FUZZY = {"fuzzy": {"title": {"value": "word"}}}
WHOLE: dict[str, Any] = {
    "options": {"diversity": 0.3, "filters": [TERM]},
    "languages": {"JA": 0.5, "de": 0.5},
    "size": 12,
    "exclude_items": ["8", "9", "8"],
    "pins": [{"item": "7", "place": 1}],
    "buries": ["5", {"query": TERM, "factor": 0.5}, {"item": "6", "factor": 0.1}],
    "variants": {"a": {"share": 0.5}, "b": {"share": 0.5, "options": {"explore": 0.2}}},
    "salt": "spring",
    "note": "of the spring campaign",
}


def test_a_definition_becomes_a_placement() -> None:
    assert read_placement(WHOLE) == Placement(
        options={"diversity": 0.3, "filters": [TERM]},
        languages={"ja": 0.5, "de": 0.5},
        size=12,
        curation=Curation(
            (Pin("7", 1),),
            (Bury("5"), Bury(query=TERM, factor=0.5), Bury("6", factor=0.1)),
            ("8", "9"),
        ),
        variants={"a": Variant(0.5), "b": Variant(0.5, {"explore": 0.2})},
        salt="spring",
        note="of the spring campaign",
    )
    assert read_placement({}) == Placement()
    assert read_placement(dict.fromkeys(WHOLE)) == Placement()
    assert read_placement({"languages": ["JA", "ja", "de"]}).languages == ("ja", "de")


def test_json_and_toml_say_the_same() -> None:
    toml = """
        size = 5
        languages = ["ja"]
        pins = [{item = "7", place = 2}]
        [options]
        filters = [{term = {brand = "acme"}}]
        [variants.a]
        share = 0.25
        [variants.b]
        share = 0.75
        options.diversity = 0.5
    """
    read = tomllib.loads(toml)
    assert read_placement(read) == read_placement(json.loads(json.dumps(read)))


def test_an_experiment_has_the_shares_and_a_salt() -> None:
    found = read_placement(WHOLE).experiment("shop/home-row")
    assert found is not None
    assert (found.salt, dict(found.shares)) == ("spring", {"a": 0.5, "b": 0.5})
    other = read_placement({**WHOLE, "salt": None}).experiment("shop/home-row")
    assert other is not None
    assert other.salt == "shop/home-row"
    assert Placement().experiment("x") is None


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("optoins", {}, "a placement has no 'optoins'; there are options, languages"),
        ("options", [], "options must be an object"),
        ("options", {"diversity": "much"}, "diversity of options must be a number"),
        ("languages", "ja", "languages must be a list"),
        ("languages", [], "languages must be tags such as ja, at least one"),
        ("languages", ["ja", 7], "languages must be tags"),
        ("languages", ["klingonisch"], "'klingonisch' is not a language tag"),
        ("languages", {"ja": 0}, "the part of the slots of 'ja' must be a number above 0"),
        ("size", 0, "size must be a whole number from 1 to 1000"),
        ("size", True, "size must be a whole number"),
        ("exclude_items", "7", "exclude_items must be a list of ids"),
        ("exclude_items", [""], "exclude_items must be a list of ids"),
        ("pins", [{"item": "7"}], "pins must be a list of objects such as"),
        ("pins", [{"item": "7", "place": 0}], "the place of the pin '7' is 0"),
        ("buries", [{"items": "7"}], "buries must be a list of ids, or of objects"),
        ("buries", [{"item": "7", "query": TERM}], "one of the two"),
        ("buries", [{"query": {"script": {}}}], "'script' are not taken"),
        ("buries", [{"query": FUZZY}] * 101, "have 101 fuzzy terms"),
        ("variants", ["a"], "variants must be an object such as"),
        ("variants", {"a": {"share": 1.0}}, "an experiment has 2 to 10 variants; there are 1"),
        ("variants", {"a": {}, "b": {"share": 1}}, "the variant 'a' must have a share"),
        ("variants", {"a": {"share": "x"}, "b": {"share": 1}}, "the share of 'a' must be a number"),
        ("variants", {"a": {"share": 0.5}, "b": {"share": 0.4}}, "add up to 0.9; they must to 1"),
        ("salt", 7, "salt must be a text"),
        ("note", ["x"], "note must be a text"),
        ("note", "x" * 200_000, "more than 128 KiB"),
    ],
)
def test_what_is_wrong_is_told(key: str, value: object, told: str) -> None:
    with pytest.raises(PlacementRefused) as caught:
        read_placement({key: value})
    assert any(told in fault for fault in caught.value.faults), caught.value.faults


def test_fuzzy_terms_of_buries_count_beside_those_of_the_options() -> None:
    half = {
        "options": {"filters": [FUZZY] * 30, "boosts": [{"query": FUZZY, "factor": 2}] * 20},
        "buries": ["7", *[{"query": FUZZY}] * 50],
    }
    assert len(read_placement(half).curation.buries) == 51
    with pytest.raises(PlacementRefused, match="have 101 fuzzy terms"):
        read_placement({**half, "buries": [{"query": FUZZY}] * 51})


def test_all_that_is_wrong_is_told_at_once() -> None:
    wrong = {"size": 0, "languages": ["klingonisch"], "pins": 1, "options": {"caps": 3}, "x": 1}
    with pytest.raises(PlacementRefused) as caught:
        read_placement(wrong)
    assert len(caught.value.faults) == len(wrong)
    assert pickle.loads(pickle.dumps(caught.value)).faults == caught.value.faults
    with pytest.raises(PlacementRefused, match="a placement is an object"):
        read_placement([])


@pytest.mark.parametrize("name", ["", "Home", "-a", "a b", "a/b", "a--b", "ä", "x" * 65, "a\n"])
def test_names_are_small_and_plain(name: str) -> None:
    assert check_name("home-row_2") == "home-row_2"
    with pytest.raises(UsageError, match="is no name of a placement"):
        check_name(name)
