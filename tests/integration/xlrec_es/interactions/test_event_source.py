from __future__ import annotations

from datetime import UTC, datetime

import pytest
from elasticsearch import Elasticsearch

from xlrec_es import Interaction
from xlrec_es.errors import ConfigError, IndexNotFound, UnknownItems
from xlrec_es.interactions.event_source import EventSource, read_history


def test_a_history_is_the_latest_events_of_a_person(
    es_each: Elasticsearch, index_name: str
) -> None:
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


def test_what_is_missing_is_named(es_each: Elasticsearch, index_name: str) -> None:
    with pytest.raises(IndexNotFound, match=index_name):
        read_history(es_each, "ann", EventSource(index_name))
    with pytest.raises(ConfigError, match="1 to 10,000"):
        EventSource("events", limit=0)
