from __future__ import annotations

from datetime import UTC, datetime

import pytest
from elasticsearch import Elasticsearch

from xlrec_es import Interaction
from xlrec_es.errors import ConfigError, IndexNotFound, UnknownItems
from xlrec_es.interactions.event_source import EventSource, draw_users, read_history


def test_a_history_is_the_latest_events_of_a_user(es_each: Elasticsearch, index_name: str) -> None:
    es_each.indices.create(
        index=index_name,
        mappings={
            "properties": {
                "who": {"properties": {"id": {"type": "keyword"}}},
                "item": {"type": "keyword"},
                "what": {"type": "keyword"},
                "at": {"type": "date"},
                "stars": {"type": "float"},
            }
        },
    )
    events = [
        {"who": {"id": "ann"}, "item": "a", "what": "view", "at": "2026-01-01T00:00:00Z"},
        {"who": {"id": "ann"}, "item": "b", "what": "rate", "at": "2026-03-01", "stars": 4.5},
        {"who": {"id": "ann"}, "what": "login", "at": "2026-04-01"},
        {"who": {"id": "ann"}, "item": "c", "what": "view", "at": "2025-01-01"},
        {"who": {"id": 'ann" OR "bob'}, "item": "d", "what": "view", "at": "2026-01-01"},
    ]
    for event in events:
        es_each.index(index=index_name, document=event, refresh=True)
    source = EventSource(
        index_name, user="who.id", event="what", time="at", rating="stars", limit=3
    )
    history = read_history(es_each, "ann", source)
    assert history.interactions == (
        Interaction("b", "rate", rating=4.5, time=datetime(2026, 3, 1, tzinfo=UTC)),
        Interaction("a", "view", time=datetime(2026, 1, 1, tzinfo=UTC)),
    )
    odd = read_history(es_each, 'ann" OR "bob', source)
    assert odd.items == ("d",)
    with pytest.raises(UnknownItems, match=r"no event of who\.id 'eve'"):
        read_history(es_each, "eve", source)
    wrong = EventSource(index_name, user="who.id", event="what", time="at", rating="item")
    with pytest.raises(ConfigError, match="could not convert"):
        read_history(es_each, "ann", wrong)


@pytest.mark.parametrize("how", ["long", "keyword", "text and keyword"])
def test_times_that_are_no_date_field_are_read_too(
    es_each: Elasticsearch, index_name: str, how: str
) -> None:
    """Elasticsearch makes a long of a number of seconds that nobody has mapped."""
    written: dict[str, object] = {"a": 1_700_000_000, "b": 1_767_225_600, "c": 1_735_689_600}
    if how != "long":
        written = {"a": "2023-11-14T22:13:20Z", "b": "2026-01-01", "c": "2025-01-01 00:00:00"}
    kinds: dict[str, dict[str, object]] = {
        "long": {},
        "keyword": {"time": {"type": "keyword"}},
        "text and keyword": {
            "time": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        },
    }
    es_each.indices.create(index=index_name, mappings={"properties": kinds[how]})
    for item, time in written.items():
        event = {"user": "ann", "item": item, "time": time}
        es_each.index(index=index_name, document=event, refresh=True)
    es_each.index(index=index_name, document={"user": "ann", "item": "d"}, refresh=True)
    history = read_history(es_each, "ann", EventSource(index_name, event=None))
    assert history.interactions == (
        Interaction("b", "view", time=datetime(2026, 1, 1, tzinfo=UTC)),
        Interaction("c", "view", time=datetime(2025, 1, 1, tzinfo=UTC)),
        Interaction("a", "view", time=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        Interaction("d", "view"),
    )


def test_a_time_of_words_is_named(es_each: Elasticsearch, index_name: str) -> None:
    fields = {"user": {"type": "keyword"}, "time": {"type": "text"}}
    es_each.indices.create(index=index_name, mappings={"properties": fields})
    with pytest.raises(ConfigError, match=r"'time' of .* is text, .* index it as a date"):
        read_history(es_each, "ann", EventSource(index_name))


def test_what_is_missing_is_named(es_each: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound, match=index_name):
        read_history(es_each, "ann", EventSource(index_name))
    with pytest.raises(ConfigError, match="1 to 10,000"):
        EventSource("events", limit=0)


def test_each_item_of_an_order_is_in_the_history(es_each: Elasticsearch, index_name: str) -> None:
    es_each.indices.create(
        index=index_name,
        mappings={
            "properties": {
                "user": {"type": "keyword"},
                "products": {
                    "type": "nested",
                    "properties": {"id": {"type": "long"}, "stars": {"type": "float"}},
                },
                "time": {"type": "date", "format": "basic_date"},
            }
        },
    )
    orders: list[dict[str, object]] = [
        {"products": [{"id": 1, "stars": 5}, {"id": 2, "stars": 3}], "time": "20260102"},
        {"products": [{"id": 3}], "time": "20260101"},
    ]
    for order in orders:
        es_each.index(index=index_name, document={"user": "ann", **order}, refresh=True)
    source = EventSource(index_name, item="products.id", event=None, rating="products.stars")
    second = datetime(2026, 1, 2, tzinfo=UTC)
    assert read_history(es_each, "ann", source).interactions == (
        Interaction("1", "view", rating=5.0, time=second),
        Interaction("2", "view", rating=3.0, time=second),
        Interaction("3", "view", time=datetime(2026, 1, 1, tzinfo=UTC)),
    )


def test_a_user_is_not_found_by_a_word_of_the_id(es_each: Elasticsearch, index_name: str) -> None:
    """Elasticsearch makes text fields of ids that nobody has mapped, with a keyword beside them."""
    for user, item in (("ann-1", "a"), ("ann-2", "b"), ("Ann", "c")):
        es_each.index(index=index_name, document={"user": user, "item": item}, refresh=True)
    source = EventSource(index_name, time=None)
    assert read_history(es_each, "ann-1", source).items == ("a",)
    assert read_history(es_each, "Ann", source).items == ("c",)
    with pytest.raises(UnknownItems, match=r"no event of user\.keyword 'ann'"):
        read_history(es_each, "ann", source)
    bare = f"{index_name}-bare"
    es_each.indices.create(index=bare, mappings={"properties": {"user": {"type": "text"}}})
    with pytest.raises(ConfigError, match=r"'user' of .* is text, .* index the id as a keyword"):
        read_history(es_each, "ann", EventSource(bare, time=None))


def test_users_are_drawn_from_all_events(es_each: Elasticsearch, index_name: str) -> None:
    """By the keyword beside a text, each once; whoever did a lot does not hide the others."""
    operations: list[dict[str, object]] = []
    for number in range(60):
        user = "a bot" if number % 2 else f"user {number}"
        operations += [{"index": {}}, {"user": user, "item": "a"}]
    es_each.bulk(index=index_name, operations=[*operations, {"index": {}}, {"item": "a"}])
    es_each.indices.refresh(index=index_name)
    source = EventSource(index_name, event=None, time=None)
    drawn = draw_users(es_each, source, 100)
    assert sorted(drawn) == sorted({"a bot", *(f"user {n}" for n in range(0, 60, 2))})
    few = [tuple(draw_users(es_each, source, 3)) for _ in range(5)]
    assert {len(set(one)) for one in few} == {3}
    assert len(set(few)) > 1
    with pytest.raises(IndexNotFound):
        draw_users(es_each, EventSource(f"{index_name}-none"), 3)
