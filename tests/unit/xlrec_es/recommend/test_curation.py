"""Pins between what is recommended, and what cannot be pinned, buried or excluded."""

from __future__ import annotations

from typing import Any

import pytest

from xlrec_es.errors import UsageError
from xlrec_es.recommend.curation import Bury, Curation, Pin, Pinned, pinned_of, pins_body, with_pins
from xlrec_es.recommend.options import SearchOptions
from xlrec_es.recommend.recommendations import LanguageShare, Recommendation, Recommendations


def hit(work: str, language: str) -> dict[str, Any]:
    fields = {"xlrec.work": [work], "xlrec.language": [language]}
    return {"_id": f"{work}@{language}", "fields": fields, "_source": {"title": work.title()}}


def organic(count: int, size: int = 6) -> Recommendations:
    items = tuple(
        Recommendation(f"o{n}", f"o{n}", ("de", "en")[n % 2], 1 - n / 10, None, {}, ())
        for n in range(count)
    )
    shares = (LanguageShare("de", size // 2, 0), LanguageShare("en", size // 2, 0))
    return Recommendations(items, "index", "f", languages=shares)


def placed(pins: list[tuple[str, int]], found: Recommendations, *, start: int = 0) -> list[str]:
    """The works of a page of six, of which each pin has a document in German."""
    waiting = [Pinned(Pin(work, place), work, (hit(work, "de"),)) for work, place in pins]
    page = with_pins(
        found, waiting, start=start, size=6, index_languages=("de", "en", "ja"), title="title"
    )
    assert sum(share.filled for share in page.languages) == len(page.items)
    for item in page.items:
        assert (item.pinned, item.propensity) == (item.work.startswith("p"), 1.0)
    return [item.work for item in page.items]


def test_pins_stand_at_their_places_and_the_rest_keeps_its_order() -> None:
    assert placed([("p1", 1), ("p2", 4)], organic(6)) == ["p1", "o0", "o1", "p2", "o2", "o3"]
    assert placed([("p1", 6)], organic(6)) == ["o0", "o1", "o2", "o3", "o4", "p1"]
    assert placed([("p1", 7)], organic(6)) == [f"o{n}" for n in range(6)]
    assert placed([("p1", 8)], organic(6), start=6) == ["o0", "p1", "o1", "o2", "o3", "o4"]


def test_a_short_list_has_its_pins_at_the_end() -> None:
    assert placed([("p1", 3), ("p2", 5)], organic(1)) == ["o0", "p1", "p2"]
    assert placed([("p1", 3)], organic(0)) == ["p1"]


def test_a_pin_has_the_score_of_what_it_stands_before_and_its_own_title() -> None:
    waiting = [Pinned(Pin("p", 2), "p", (hit("p", "en"),))]
    page = with_pins(
        organic(3), waiting, start=0, size=6, index_languages=("de", "en"), title="title"
    )
    pin = page.items[1]
    assert (pin.id, pin.title, pin.score, dict(pin.retrievers)) == ("p@en", "P", 0.9, {})
    assert [share.filled for share in page.languages] == [2, 2]


def test_the_named_document_comes_first_and_then_another_language_version() -> None:
    hits = (hit("p", "de"), hit("p", "en"))
    for item, tags, expected in (
        ("p@en", ["de", "en"], "p@en"),
        ("p@ja", ["en", "de"], "p@en"),
        ("p", ["de"], "p@de"),
        ("p", ["ja"], None),
    ):
        found = Pinned(Pin(item, 1), "p", hits).hit_in(tags)
        assert (found and found["_id"]) == expected


def test_what_a_user_knows_or_a_filter_hides_is_not_pinned() -> None:
    curation = Curation(pins=(Pin("a", 3), Pin("b", 1), Pin("c", 2), Pin("a@de", 4)))
    works = {"a": "a", "a@de": "a", "b": "b", "c": "c", "b@ja": "b"}
    hits = [hit("a", "de"), hit("b", "de")]  # nothing of c passes
    assert [one.pin.place for one in pinned_of(curation, works, (), hits)] == [1, 3]
    assert [one.work for one in pinned_of(curation, works, ("b@ja", "gone"), hits)] == ["a"]


def test_the_search_for_pins_has_the_filters() -> None:
    options = SearchOptions(filters=({"term": {"stock": True}},), source=("brand",))
    body = pins_body(["a"], options, title="title", size=3)
    assert body["query"]["bool"]["filter"] == [
        {"terms": {"xlrec.work": ["a"]}},
        {"term": {"stock": True}},
    ]
    assert (body["_source"], body["size"]) == (["brand", "title"], 3)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Pin("", 1), "needs the id"),
        (lambda: Pin("a", 0), "use 1 to 1000"),
        (lambda: Bury(), "one of the two"),
        (lambda: Bury("a", {"match_all": {}}), "one of the two"),
        (lambda: Bury("a", factor=1.0), "below 1"),
        (lambda: Bury("a", factor=float("nan")), "below 1"),
        (lambda: Curation((Pin("a", 1), Pin("b", 1))), "2 pins have the place 1"),
        (lambda: Curation((Pin("a", 1), Pin("a", 2))), "'a' is pinned 2 times"),
        (lambda: Curation((Pin("a", 1),), excluded=("a",)), "both pinned and excluded"),
        (lambda: Curation((Pin("a", 1),), (Bury("a"),)), "both pinned and buried"),
        (lambda: Curation(tuple(Pin(str(n), n) for n in range(1, 102))), "at most 100"),
    ],
)
def test_what_cannot_be_is_refused(make: Any, told: str) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match=told):
        make()


def test_all_ids_of_a_curation_are_told_once() -> None:
    buries = (Bury("b"), Bury(query={"match_all": {}}), Bury("c", factor=0.5))
    assert Curation((Pin("a", 1),), buries, ("c", "d")).items == ["a", "b", "c", "d"]
