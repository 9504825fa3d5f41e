"""Events of many users over weeks, as an application writes them, with bursts that are planted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from catalogue import documents

WEEKS = 5
USUAL = 8
"""Users of a document in a week."""

NOW = datetime.now(UTC)
"""A service counts from its own clock, which is a moment later."""

MAPPING: Mapping[str, Any] = {
    "properties": {
        **{name: {"type": "keyword"} for name in ("user", "item", "event", "country")},
        "time": {"type": "date"},
    }
}

_numbers = itertools.count()


def event(item: str, ago_days: float, *, user: str | None = None, **fields: Any) -> dict[str, Any]:  # noqa: ANN401
    """What somebody did, who is new unless they are named."""
    moment = NOW - timedelta(days=ago_days)
    return {
        "user": user or f"user{next(_numbers)}",
        "item": item,
        "event": "view",
        "time": moment.isoformat(),
        **fields,
    }


def usual_weeks(seed: int = 0, items: Iterable[str] | None = None) -> list[dict[str, Any]]:
    """Weeks in which nothing trends: of every document of the catalogue, or of these."""
    random = np.random.default_rng(seed)
    found = []
    for item in documents() if items is None else items:
        for week in range(WEEKS):
            days = random.uniform(0.01, 6.99, random.poisson(USUAL)) + 7 * week
            found += [event(item, float(day)) for day in days]
    return found


def burst(item: str, users: int, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """So many users in the last days."""
    return [event(item, 0.1 + number % 5, **fields) for number in range(users)]


def bot(item: str, clicks: int, **fields: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """One user who clicks all day."""
    return [event(item, 0.5, user="bot", **fields) for _ in range(clicks)]


def write_events(
    client: Elasticsearch, index: str, events: Iterable[Mapping[str, Any]], shards: int = 1
) -> None:
    """Write them into a new index."""
    client.indices.create(
        index=index, mappings=dict(MAPPING), settings={"number_of_shards": shards}
    )
    pairs: list[Mapping[str, Any]] = []
    for one in events:
        pairs += ({"index": {}}, one)
    for start in range(0, len(pairs), 20_000):
        answer = client.bulk(index=index, operations=pairs[start : start + 20_000], refresh=True)
        assert not answer["errors"], answer
