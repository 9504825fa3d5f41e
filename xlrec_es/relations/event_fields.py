"""The fields of an index of events, as aggregations need them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.answers import Answer, whole
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import ConfigError, IndexNotFound
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.row_reader import date_fields
from xlrec_es.interactions.weighting import event_weight

_KEYWORD = "{}.keyword"
_MOST_NAMES = 1000
_NAMES = "names"


@dataclass(frozen=True, slots=True)
class EventFields:
    """What events are counted by.

    Attributes:
        index: Index, alias or pattern.
        user: Field with the user's id.
        item: Field with the id of a work or document.
        time: A date field.
        event: Field with the event's name; None if all are views.
        market: Field with the market; None if there is none.
    """

    index: str
    user: str
    item: str
    time: str
    event: str | None = None
    market: str | None = None


def look_up(client: Elasticsearch, source: EventSource) -> EventFields:
    """The fields of a source that can be counted by: of a text field, its `.keyword`.

    Raises:
        IndexNotFound: No such index.
        ConfigError: A field is of no use, or the time is no date.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    names = {
        name: path
        for name in ("user", "item", "event", "time", "market")
        if (path := getattr(source, name)) is not None
    }
    asked = [*names.values(), *map(_KEYWORD.format, names.values())]
    try:
        with friendly_errors(client):
            known = client.field_caps(index=source.index, fields=asked).body["fields"]
    except IndexNotFound:
        raise IndexNotFound(
            f"there is no index {source.index!r} of events; name the one that your application "
            "writes a document into for each event (--events-index, or [history] in the TOML file)"
        ) from None
    time = names.pop("time", None)
    if time is None or (time in known and not date_fields(known, [time])):
        raise ConfigError(
            f"events are counted by periods, and the time of {source.index} is no date field; "
            "index it as a date, and name that field as the time ([history] in the TOML file)"
        )
    exact = {name: _exact(known, path, source.index) for name, path in names.items()}
    return EventFields(source.index, time=time, **exact)


def _exact(known: Mapping[str, Mapping[str, Any]], path: str, index: str) -> str:
    if "text" not in known.get(path, {}):
        return path
    if (keyword := _KEYWORD.format(path)) in known:
        return keyword
    raise ConfigError(
        f"the field {path!r} of {index} is text, whose values cannot be counted; index it as a "
        "keyword, and name that field ([history] in the TOML file)"
    )


def names_of(client: Elasticsearch, fields: EventFields, query: Mapping[str, Any]) -> list[str]:
    """The names of the events that a query finds; of a field that all are views of, none.

    Raises:
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    if fields.event is None:
        return []
    aggs = {_NAMES: {"terms": {"field": fields.event, "size": _MOST_NAMES}}}
    answer = aggregated(client, fields.index, query, aggs)
    return [str(bucket["key"]) for bucket in answer[_NAMES]["buckets"]]


def liked_names(names: list[str], weights: Mapping[str, float]) -> list[str]:
    """Those events that say that somebody liked an item."""
    return [name for name in names if (event_weight(name, weights) or 0) > 0]


def aggregated(
    client: Elasticsearch, index: str, query: Mapping[str, Any], aggs: Mapping[str, Any]
) -> Answer:
    """The aggregations of the events that a query finds, all of them.

    Raises:
        SearchFailed: A part of the index does not answer.
        ClusterError: Elasticsearch is out of reach, or refuses.
    """
    with friendly_errors(client):
        answer = client.search(
            index=index,
            query=dict(query),
            aggs=dict(aggs),
            size=0,
            track_total_hits=False,
            allow_partial_search_results=False,
        ).body
    found: Answer = whole(answer, "the search for events").get("aggregations", {})
    return found
