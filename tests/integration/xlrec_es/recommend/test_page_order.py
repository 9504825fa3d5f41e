"""Pins, buries and exclusions over all pages of a list, on a real node."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from elasticsearch import Elasticsearch

from catalogue import TOPICS, WORKS_PER_TOPIC
from xlrec_es import History, Options, Recommender, SearchOptions
from xlrec_es.recommend.curation import Bury, Curation, Pin
from xlrec_es.recommend.recommendations import Recommendation, Recommendations

HISTORY = History.of(["chess-3"])
HOW = (Options(), Options(mix="equal"), Options(diversity=0.5), Options(fusion="rrf"))
ALL_WORKS = len(TOPICS) * WORKS_PER_TOPIC


def pages(recommender: Recommender, size: int, **asked: Sequence[str]) -> list[Recommendations]:
    found = [recommender.recommend(HISTORY, size=size, **asked)]  # type: ignore[arg-type]
    while found[-1].cursor is not None:
        after = found[-1].cursor
        found.append(recommender.recommend(HISTORY, size=size, after=after, **asked))  # type: ignore[arg-type]
    return found


def items(found: Sequence[Recommendations]) -> list[Recommendation]:
    return [item for page in found for item in page.items]


@pytest.mark.parametrize("options", HOW)
def test_pins_have_their_places_in_all_pages_and_nothing_comes_twice(
    catalogue: Elasticsearch, index_name: str, options: Options
) -> None:
    recommender = Recommender(catalogue, index_name, options=options)
    plain = [item.work for item in items(pages(recommender, 6))]
    pins = (Pin("cooking-7", 1), Pin("painting-1@ja", 3), Pin("astronomy-5", 8), Pin("chess-3", 2))
    curated = recommender.by(options, Curation(pins=pins))
    found = items(pages(curated, 6))
    works = [item.work for item in found]
    assert len(works) == len(set(works)) == len(plain)
    shown = {item.work: place for place, item in enumerate(found, 1) if item.pinned}
    assert shown == {"cooking-7": 1, "painting-1": 3, "astronomy-5": 8}  # chess-3 is known
    assert [item.retrievers for item in found if item.pinned] == [{}] * 3
    # The rest of a page is what is recommended where these items are not, without its end.
    without = recommender.by(options, Curation(excluded=tuple(shown)))
    rest = [item.work for item in found[:6] if not item.pinned]
    assert rest == [item.work for item in without.recommend(HISTORY, size=6).items][:4]
    second = curated.recommend(HISTORY, size=6, page=2)
    assert [item.work for item in second.items] == works[6:12]


def test_a_pin_passes_the_filters_and_is_in_a_target_language(
    catalogue: Elasticsearch, index_name: str
) -> None:
    cheap = Options(search=SearchOptions(filters=({"range": {"price": {"lte": 5}}},)))
    pins = (Pin("cooking-7", 1), Pin("cooking-4", 2), Pin("painting-2@ja", 3), Pin("chess-5", 4))
    curated = Recommender(catalogue, index_name).by(cheap, Curation(pins=pins))
    found = curated.recommend(HISTORY, languages=["en"], size=8)
    pinned = [(item.id, place) for place, item in enumerate(found.items, 1) if item.pinned]
    # 7 is too dear, chess-5 is Japanese, and painting-2 has an English version.
    assert pinned == [("cooking-4", 2), ("painting-2@en", 3)]
    assert {item.language for item in found.items} == {"en"}
    assert [share.filled for share in found.languages] == [8]


def test_what_is_buried_comes_last_and_is_not_lost(
    catalogue: Elasticsearch, index_name: str
) -> None:
    recommender = Recommender(catalogue, index_name)
    plain = [item.work for item in items(pages(recommender, 7))]
    buries = (Bury("chess-1@ja"), Bury(query={"range": {"price": {"gte": 8}}}))
    curated = recommender.by(Options(), Curation(buries=buries))
    found = pages(curated, 7)
    works = [item.work for item in items(found)]
    assert sorted(works) == sorted(plain)
    last = {"chess-1", *(f"{topic}-{n}" for topic in TOPICS for n in (8, 9))} & set(plain)
    assert len(last) == 5
    assert set(works[-len(last) :]) == last
    assert any("are buried: nothing else is left" in note for page in found for note in page.notes)
    # What was shown before comes before it, and after all else.
    shown = ["cooking-5", "chess-1"]
    again = [item.work for item in items(pages(curated, 7, shown=shown))]
    assert again[-len(last) - 1] == "cooking-5"
    assert set(again[-len(last) :]) == last


def test_a_factor_lowers_scores(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    before = {item.work: item.score for item in recommender.recommend(HISTORY, size=40).items}
    buries = (Bury("chess-4", factor=0.5), Bury(query={"term": {"price": 7}}, factor=0.25))
    curated = recommender.by(Options(), Curation(buries=buries))
    for item in curated.recommend(HISTORY, size=40).items:
        part = {"chess-4": 0.5}.get(item.work, 0.25 if item.work.endswith("-7") else 1.0)
        assert item.score == pytest.approx(before[item.work] * part)


def test_what_is_excluded_does_not_come(catalogue: Elasticsearch, index_name: str) -> None:
    recommender = Recommender(catalogue, index_name)
    excluded = Curation(excluded=("chess-1@ja", "cooking-4", "nobody has this id"))
    curated = recommender.by(Options(), excluded)
    works = {item.work for item in items(pages(curated, 9))}
    assert works == {item.work for item in items(pages(recommender, 9))} - {"chess-1", "cooking-4"}


def test_many_users_are_served_as_one_by_one(catalogue: Elasticsearch, index_name: str) -> None:
    curation = Curation((Pin("cooking-7", 2),), (Bury("chess-4"),), ("chess-5",))
    curated = Recommender(catalogue, index_name).by(Options(), curation)
    histories = [HISTORY, History(), History.of(["cooking-7"])]
    together = list(curated.recommend_many(histories, size=5))
    assert together == [curated.recommend(history, size=5) for history in histories]
    assert [one.items[1].pinned for one in together] == [True, True, False]  # type: ignore[union-attr]
