"""A person's history out of an Elasticsearch index of events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ConfigError, UnknownItems
from xlrec_es.interactions.history import History, Interaction


@dataclass(frozen=True, slots=True)
class EventSource:
    """Where events are, and what their fields are called; dotted paths for objects in objects.

    Attributes:
        index: Index, alias or pattern.
        user: Field with the person's id: keyword or number.
        item: Field with the id of a work or document.
        event: Field with the event's name; None if all are views.
        time: Date field; None if there is none, and then an arbitrary `limit` of them is read.
        rating: Field with a rating, or None.
        dwell_s: Field with seconds of stay, or None.
        limit: Only the latest so many events are read.
    """

    index: str
    user: str = "user"
    item: str = "item"
    event: str | None = "event"
    time: str | None = "time"
    rating: str | None = None
    dwell_s: str | None = None
    limit: int = 1000

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 10_000:
            raise ConfigError(f"the limit of events is {self.limit}; use 1 to 10,000")


def read_history(client: Elasticsearch, user: str, source: EventSource) -> History:
    """The latest events of a person; those without an item are left out.

    Raises:
        UnknownItems: The person has no event.
        IndexNotFound: No such index.
        ConfigError: A field of an event holds something else than it should.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    body = events_body(user, source)
    with friendly_errors(client):
        hits = client.search(index=source.index, body=body).body["hits"]["hits"]
    interactions = tuple(_interaction(hit, source) for hit in hits if source.item in hit["fields"])
    if not interactions:
        raise UnknownItems(f"{source.index} has no event of {source.user} {user!r}", items=[user])
    return History(interactions)


def events_body(user: str, source: EventSource) -> dict[str, Any]:
    """The search for a person's latest events. Pure."""
    fields: list[Any] = [
        name for name in (source.item, source.event, source.rating, source.dwell_s) if name
    ]
    body: dict[str, Any] = {
        "query": {"bool": {"filter": [{"term": {source.user: user}}]}},
        "size": source.limit,
        "_source": False,
        "fields": fields,
        "track_total_hits": False,
    }
    if source.time:
        fields.append({"field": source.time, "format": "epoch_millis"})
        body["sort"] = [{source.time: {"order": "desc", "unmapped_type": "date"}}]
    return body


def _interaction(hit: Mapping[str, Any], source: EventSource) -> Interaction:
    def first(name: str | None) -> Any:  # noqa: ANN401 - whatever the field holds
        return hit["fields"].get(name, [None])[0] if name else None

    event, rating, dwell_s = first(source.event), first(source.rating), first(source.dwell_s)
    millis = first(source.time)
    try:
        return Interaction(
            str(first(source.item)),
            event="view" if event is None else str(event),
            rating=None if rating is None else float(rating),
            time=None if millis is None else datetime.fromtimestamp(int(millis) / 1000, UTC),
            dwell_s=None if dwell_s is None else float(dwell_s),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"event {hit['_id']!r} of {hit['_index']}: {error}") from error
