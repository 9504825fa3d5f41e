"""A user's history out of an Elasticsearch index of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterError, ConfigError, IndexNotFound, UnknownItems
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.row_reader import Row, expanded, text_of, values_at


@dataclass(frozen=True, slots=True)
class EventSource:
    """Where events are, and what their fields are called; dotted paths for objects in objects.

    Attributes:
        index: Index, alias or pattern.
        user: Field with the user's id: keyword or number; of a text field, its `.keyword`.
        item: Field with the id of a work or document, or of several.
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
    """The latest events of a user; those without an item are left out.

    Raises:
        UnknownItems: The user has no event.
        IndexNotFound: No such index.
        ConfigError: A field of an event holds something else than it should.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    try:
        source = replace(source, user=_exact(client, source))
    except IndexNotFound:
        raise IndexNotFound(
            f"there is no index {source.index!r} of events; name the one that your application "
            "writes a document into for each event (--events-index, or [history] in the TOML file)"
        ) from None
    hits = _latest(client, events_body(user, source), source)
    interactions = tuple(one for hit in hits for one in _interactions(hit, source))
    if not interactions:
        raise UnknownItems(f"{source.index} has no event of {source.user} {user!r}", items=[user])
    return History(interactions)


def _latest(
    client: Elasticsearch, body: dict[str, Any], source: EventSource
) -> Iterable[Mapping[str, Any]]:
    """The events, all of them: of those that are left out, the items would be recommended again."""
    try:
        with friendly_errors(client):
            # In place of a part of them, where a shard fails or time runs out, an error.
            answer = client.search(
                index=source.index, body=body, allow_partial_search_results=False
            )
    except ClusterError as error:
        if error.status != scan.BAD_REQUEST:
            raise
        most = scan.most_hits(client, source.index)
        if most >= source.limit:
            raise
        pages = scan.pages(client, source.index, body, page=most)
        return list(islice(chain.from_iterable(pages), source.limit))
    hits: list[Mapping[str, Any]] = answer["hits"]["hits"]
    return hits


def _exact(client: Elasticsearch, source: EventSource) -> str:
    """The field by which a user is found: words of a text field are those of others, too."""
    keyword = f"{source.user}.keyword"
    with friendly_errors(client):
        asked = client.field_caps(index=source.index, fields=[source.user, keyword])
    known = asked.body["fields"]
    if "text" not in known.get(source.user, {}):
        return source.user
    if keyword in known:
        return keyword
    raise ConfigError(
        f"the field {source.user!r} of {source.index} is text, by whose words a user cannot be "
        "told from others; index the id as a keyword, and name that field as the user"
    )


def events_body(user: str, source: EventSource) -> dict[str, Any]:
    """The search for a user's latest events. Pure."""
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


def _interactions(hit: Mapping[str, Any], source: EventSource) -> Iterator[Interaction]:
    """One for each item; none if there is no item, or other values do not go with the items."""
    names = {
        name: path
        for name in ("item", "event", "time", "rating", "dwell_s")
        if (path := getattr(source, name)) is not None
    }
    values = {name: values_at(hit.get("fields", {}), path) for name, path in names.items()}
    for row in expanded(values, Counter()):
        if row["item"] is not None:
            yield _interaction(row, hit)


def _interaction(row: Row, hit: Mapping[str, Any]) -> Interaction:
    event, rating, dwell_s = row.get("event"), row.get("rating"), row.get("dwell_s")
    millis = row.get("time")
    try:
        return Interaction(
            text_of(row["item"]),
            event="view" if event is None else str(event),
            rating=None if rating is None else float(rating),
            time=None if millis is None else datetime.fromtimestamp(float(millis) / 1000, UTC),
            dwell_s=None if dwell_s is None else float(dwell_s),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"event {hit['_id']!r} of {hit['_index']}: {error}") from error
