"""A user's history out of an Elasticsearch index of events."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import chain, islice
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ClusterError, ConfigError, IndexNotFound, UnknownItems
from xlrec_es.interactions.history import History, Interaction
from xlrec_es.interactions.row_reader import (
    Row,
    asked_of,
    date_fields,
    expanded,
    of_millis,
    text_of,
    values_at,
)
from xlrec_es.interactions.times import TimeReader

_KEYWORD = "{}.keyword"

MADE_S = 0.5
"""Seconds in which an index that was made a moment ago comes to answer."""


@dataclass(frozen=True, slots=True)
class EventSource:
    """Where events are, and what their fields are called; dotted paths for objects in objects.

    Attributes:
        index: Index, alias or pattern.
        user: Field with the user's id: keyword or number; of a text field, its `.keyword`.
        item: Field with the id of a work or document, or of several.
        event: Field with the event's name; None if all are views.
        time: Field with the time: a date; or numbers or keywords, as `times.TimeReader` reads them.
            None if there is none, and then an arbitrary `limit` of them is read.
        rating: Field with a rating, or None.
        dwell_s: Field with seconds of stay, or None.
        limit: Only the latest so many events are read.
        market: Field with the market of the event, such as a country: keyword; None if there is
            none. Histories do without.
        query_id: Field with the id of the list that the user was shown. It and the next are only
            written, by the service.
        place: Field with the place in that list.
    """

    index: str
    user: str = "user"
    item: str = "item"
    event: str | None = "event"
    time: str | None = "time"
    rating: str | None = None
    dwell_s: str | None = None
    limit: int = 1000
    market: str | None = None
    query_id: str = "query_id"
    place: str = "place"

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= 10_000:
            raise ConfigError(f"the limit of events is {self.limit}; use 1 to 10,000")


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source whose fields were looked up.

    Attributes:
        source: By fields that can be searched and sorted by.
        time_is_date: Whether its time is a date.
    """

    source: EventSource
    time_is_date: bool


def look_up(client: Elasticsearch, source: EventSource) -> KnownSource:
    """Look the fields of a source up; who reads many histories does so once in a while.

    Raises:
        IndexNotFound: No such index.
        ConfigError: A user cannot be told from others, or the latest events from earlier ones.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    try:
        return _known(client, source)
    except IndexNotFound:
        raise IndexNotFound(
            f"there is no index {source.index!r} of events; name the one that your application "
            "writes a document into for each event (--events-index, or [history] in the TOML file)"
        ) from None


def read_history(client: Elasticsearch, user: str, source: EventSource | KnownSource) -> History:
    """The latest events of a user; those without an item are left out.

    Raises:
        UnknownItems: The user has no event.
        IndexNotFound: No such index.
        ConfigError: A field of an event holds something else than it should.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    known = source if isinstance(source, KnownSource) else look_up(client, source)
    source, is_date = known.source, known.time_is_date
    hits = _latest(client, events_body(user, source, time_is_date=is_date), source)
    times = TimeReader()

    def moment(value: object) -> datetime | None:
        if is_date:
            found = of_millis(value)
            return found if isinstance(found, datetime) else None
        seconds = times.text(text_of(value))
        return None if math.isnan(seconds) else datetime.fromtimestamp(seconds, UTC)

    interactions = tuple(one for hit in hits for one in _interactions(hit, source, moment))
    if not interactions:
        raise UnknownItems(f"{source.index} has no event of {source.user} {user!r}", items=[user])
    return History(interactions)


DRAWN = 500
"""Events that users are drawn from, so that most users are found though some did a lot."""


def draw_users(client: Elasticsearch, source: EventSource, count: int) -> list[str]:
    """Users of some events that are drawn at random, each once.

    Args:
        client: Of the cluster.
        source: Of the events.
        count: Of users, at most.

    Raises:
        IndexNotFound: No such index.
        ConfigError: Users cannot be told from each other.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    source = look_up(client, source).source
    there = {"bool": {"filter": [{"exists": {"field": source.user}}]}}
    drawn = {"query": there, "functions": [{"random_score": {}}], "boost_mode": "replace"}
    with friendly_errors(client):
        answer = client.search(
            index=source.index,
            query={"function_score": drawn},
            size=DRAWN,
            source=False,
            fields=[{"field": source.user}],
        )
    users = (
        text_of(value)
        for hit in answer["hits"]["hits"]
        for value in values_at(hit.get("fields", {}), source.user)
    )
    return list(dict.fromkeys(users))[:count]


def _latest(
    client: Elasticsearch, body: dict[str, Any], source: EventSource
) -> Iterable[Mapping[str, Any]]:
    """The events, all of them: of those that are left out, the items would be recommended again."""
    try:
        answer = _searched(client, body, source)
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


def _searched(
    client: Elasticsearch, body: dict[str, Any], source: EventSource
) -> Mapping[str, Any]:
    """The answer to a search; asked twice where no shard answers, as while the index is made."""

    def once() -> Mapping[str, Any]:
        with friendly_errors(client):
            # In place of a part of them, where a shard fails or time runs out, an error.
            answer = client.search(
                index=source.index, body=body, allow_partial_search_results=False
            )
        found: Mapping[str, Any] = answer.body
        return found

    try:
        return once()
    except ClusterError as error:
        if error.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        time.sleep(MADE_S)
        return once()


def _known(client: Elasticsearch, source: EventSource) -> KnownSource:
    named = [name for name in (source.user, source.time) if name]
    asked = [*named, *map(_KEYWORD.format, named)]
    with friendly_errors(client):
        known = client.field_caps(index=source.index, fields=asked).body["fields"]
    # Words of a text field are those of others, too.
    user = _exact(known, source.user)
    if user is None:
        raise ConfigError(
            f"the field {source.user!r} of {source.index} is text, by whose words a user cannot be "
            "told from others; index the id as a keyword, and name that field as the user"
        )
    if source.time is None:
        return KnownSource(replace(source, user=user), False)
    time = _exact(known, source.time)
    if time is None:
        raise ConfigError(
            f"the field {source.time!r} of {source.index} is text, by which the latest events "
            "cannot be told; index it as a date, and name that field as the time"
        )
    dated = bool(date_fields(known, [time]))
    return KnownSource(replace(source, user=user, time=time), dated)


def _exact(known: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    """A field, or what stands beside one of text and has its values whole; None if nothing has."""
    if "text" not in known.get(name, {}):
        return name
    keyword = _KEYWORD.format(name)
    return keyword if keyword in known else None


def events_body(user: str, source: EventSource, *, time_is_date: bool = True) -> dict[str, Any]:
    """The search for a user's latest events. Pure."""
    names = (source.item, source.event, source.rating, source.dwell_s, source.time)
    dates = [source.time] if source.time and time_is_date else []
    fields = asked_of([name for name in names if name], dates)
    body: dict[str, Any] = {
        "query": {"bool": {"filter": [{"term": {source.user: user}}]}},
        "size": source.limit,
        "_source": False,
        "fields": fields,
        "track_total_hits": False,
    }
    if source.time:
        body["sort"] = [{source.time: {"order": "desc", "unmapped_type": "date"}}]
    return body


def _interactions(
    hit: Mapping[str, Any], source: EventSource, moment: Callable[[object], datetime | None]
) -> Iterator[Interaction]:
    """One for each item; none if there is no item, or other values do not go with the items."""
    names = {
        name: path
        for name in ("item", "event", "time", "rating", "dwell_s")
        if (path := getattr(source, name)) is not None
    }
    values = {name: values_at(hit.get("fields", {}), path) for name, path in names.items()}
    for row in expanded(values, Counter()):
        if row["item"] is not None:
            time = row.get("time")
            yield _interaction(row, hit, None if time is None else moment(time))


def _interaction(row: Row, hit: Mapping[str, Any], time: datetime | None) -> Interaction:
    event, rating, dwell_s = row.get("event"), row.get("rating"), row.get("dwell_s")
    try:
        return Interaction(
            text_of(row["item"]),
            event="view" if event is None else str(event),
            rating=None if rating is None else float(rating),
            time=time,
            dwell_s=None if dwell_s is None else float(dwell_s),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"event {hit['_id']!r} of {hit['_index']}: {error}") from error
