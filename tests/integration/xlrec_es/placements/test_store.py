"""Placements in an index: versions, two writers, and what somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from elasticsearch import Elasticsearch

from xlrec_es.errors import IndexUnusable, PlacementChanged, PlacementNotFound
from xlrec_es.placements.placement import Placement
from xlrec_es.placements.store import MOST_VERSIONS, Store


@pytest.fixture
def store(es_each: Elasticsearch, index_name: str) -> Iterator[Store]:
    return Store(es_each, f"{index_name}-placements")


def test_nothing_is_there_before_the_first(store: Store) -> None:
    assert store.read("shop", "row") is None
    assert store.all_of("shop") == []
    for attempt in (
        lambda: store.found("shop", "row"),
        lambda: store.put("shop", "row", None, author="ann"),
        lambda: store.rollback("shop", "row", author="ann"),
    ):
        with pytest.raises(PlacementNotFound, match="shop has no placement 'row'"):
            attempt()
    with pytest.raises(PlacementChanged, match="has version 0, and not 1"):
        store.put("shop", "row", {}, author="ann", expected=1)


def test_each_index_and_name_has_versions_of_its_own(store: Store) -> None:
    store.put("shop", "row", {"size": 1}, author="ann", expected=0)
    store.put("shop", "cart", {"size": 2}, author="bea")
    store.put("books", "row", {"size": 3}, author="ann")
    store.put("shop", "row", {"size": 4}, author="bea", expected=1)
    assert [one.name for one in store.all_of("shop")] == ["cart", "row"]
    assert [one.current.definition for one in store.all_of("books")] == [{"size": 3}]
    found = store.found("shop", "row")
    assert [(one.number, one.author) for one in found.versions] == [(1, "ann"), (2, "bea")]
    assert found.current == found.versions[-1]
    assert found.current.placement() == Placement(size=4)
    assert store.found("shop", "row", versions=False).versions == ()


def test_the_last_versions_are_kept(store: Store) -> None:
    for number in range(1, MOST_VERSIONS + 4):
        store.put("shop", "row", {"size": number}, author="ann")
    kept = store.found("shop", "row").versions
    assert [one.number for one in kept] == list(range(4, MOST_VERSIONS + 4))
    with pytest.raises(PlacementNotFound, match="no earlier version 3 to go back to"):
        store.rollback("shop", "row", author="ann", to=3)
    back = store.rollback("shop", "row", author="bea", to=4)
    assert (back.current.definition, back.current.restores) == ({"size": 4}, 4)
    assert back.current.number == MOST_VERSIONS + 4


def test_a_deletion_is_a_version(store: Store) -> None:
    store.put("shop", "row", {"size": 1}, author="ann")
    with pytest.raises(
        PlacementNotFound, match="no earlier version to go back to; there are: none"
    ):
        store.rollback("shop", "row", author="ann")
    store.put("shop", "row", None, author="ann")
    assert store.all_of("shop") == []
    back = store.rollback("shop", "row", author="ann")
    assert (back.current.number, back.current.definition) == (3, {"size": 1})
    store.put("shop", "row", None, author="ann")
    # Numbers go on: an old version is never taken for a new one.
    assert store.put("shop", "row", {}, author="ann").current.number == 5


def test_of_two_writers_at_once_one_is_told(store: Store) -> None:
    store.put("shop", "row", {"size": 1}, author="ann")

    def write(number: int) -> int | None:
        try:
            return store.put("shop", "row", {"size": number}, author="bea").current.number
        except PlacementChanged:
            return None

    with ThreadPoolExecutor(8) as pool:
        written = [number for number in pool.map(write, range(2, 34)) if number is not None]
    assert len(set(written)) == len(written)
    assert store.found("shop", "row").current.number == 1 + len(written)


def test_the_first_is_written_once(store: Store) -> None:
    def write(number: int) -> bool:
        try:
            store.put("shop", "row", {"size": number}, author="bea", expected=0)
        except PlacementChanged:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(write, range(1, 7))) == 1


def test_what_somebody_else_wrote_is_told(
    store: Store, es_each: Elasticsearch, index_name: str
) -> None:
    index = f"{index_name}-placements"
    es_each.index(index=index, id="shop|row", document={"title": "tea"})
    with pytest.raises(IndexUnusable, match="is no placement"):
        store.read("shop", "row")
    store.put("shop", "old", {"size": 1}, author="ann")
    es_each.update(
        index=index, id="shop|old", doc={"current": {"definition": {"of_the_future": 1}}}
    )
    with pytest.raises(IndexUnusable, match="version 1 of the placement cannot be read"):
        store.found("shop", "old").current.placement()


def test_definitions_are_no_fields(store: Store, es_each: Elasticsearch, index_name: str) -> None:
    filters = [{"term": {"price": 1}}, {"term": {"price": {"value": "x"}}}]
    store.put("shop", "row", {"options": {"filters": filters}}, author="ann")
    mapping = es_each.indices.get_mapping(index=f"{index_name}-placements").body
    [body] = mapping.values()
    assert body["mappings"]["properties"].keys() == {
        *("index", "name", "deleted", "current", "versions"),
    }
    assert store.found("shop", "row").current.definition == {"options": {"filters": filters}}
