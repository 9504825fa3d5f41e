"""Types of the fields of logs: of what users were shown, and of what they did. Pure.

The service makes its indices with them, and an index template gives them to the indices of teams
that write the logs themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from xlrec_es.errors import UsageError
from xlrec_es.interactions import ubi
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.recommend.options import EXPLORE, RETRIEVERS

TIMESTAMP = "@timestamp"
"""The time, by the name that data streams want."""

PRIORITY = 300
"""Of an index template: Elasticsearch's own have 200 at most."""

_OF_LISTS = ("variant", "placement", "language", "impression")
_NUMBERS = (
    *("place", "placement_version"),
    *(f"retrievers.{name}" for name in (*RETRIEVERS, EXPLORE)),
)
"""Columns of impressions, and of events that say where in which list an item was shown."""


def events_mapping(source: EventSource) -> dict[str, Any]:
    """The mapping of an index of events.

    Args:
        source: By which names they are written.
    """
    named = (source.user, source.item, source.event, source.market, source.query_id)
    return _mapping(
        {
            **dict.fromkeys(("event", *_OF_LISTS), "keyword"),
            **dict.fromkeys((*_NUMBERS, source.place), "integer"),
            "time": "date",
            **dict.fromkeys(filter(None, named), "keyword"),
            **dict.fromkeys(filter(None, (source.rating, source.dwell_s)), "float"),
            **({source.time: "date"} if source.time else {}),
        }
    )


def impressions_mapping() -> dict[str, Any]:
    """The mapping of an index of impressions."""
    texts = ("user", "index", "fingerprint", "item", "work", "languages_asked")
    return _mapping(
        {
            **ubi.TYPES,
            **dict.fromkeys((*texts, *_OF_LISTS), "keyword"),
            **dict.fromkeys(("score", "propensity"), "float"),
            **dict.fromkeys(_NUMBERS, "integer"),
            **dict.fromkeys(("clicked", "degraded"), "boolean"),
            **dict.fromkeys((TIMESTAMP, "time"), "date"),
        }
    )


@dataclass(frozen=True, slots=True)
class LogTemplate:
    """An index template for a log, as a request.

    Attributes:
        index: Name or pattern of the indices that it is for.
        body: Of the request.
    """

    index: str
    body: Mapping[str, Any]

    @property
    def path(self) -> str:
        """Of the request."""
        return f"/_index_template/xlrec-{self.index.replace('*', '').strip('-_.') or 'logs'}"


def templates(
    events: EventSource | None, impressions: str | None, *, keep_days: int | None = None
) -> Iterator[LogTemplate]:
    """The index templates of logs.

    Args:
        events: Where events are written, and by which names; None: nowhere.
        impressions: Where impressions are written; None: nowhere.
        keep_days: Days that a row is kept at least. What matches is a data stream then, which
            Elasticsearch rolls over, and whose oldest index it deletes once its rows are older.
            None: plain indices, which keep everything.

    Raises:
        UsageError: Days below 1, or events to be kept for some whose time is called otherwise than
            data streams want.

    Source: Elasticsearch reference, "Data stream lifecycle".
    """
    if keep_days is not None and keep_days < 1:
        raise UsageError(f"keep_days is {keep_days}; it counts from 1")
    if keep_days is not None and events is not None and events.time != TIMESTAMP:
        raise UsageError(
            f"rows that are kept for some days have their time as {TIMESTAMP}, and the events' is "
            f'{events.time}; write time = "{TIMESTAMP}" into the table [history] of the TOML file'
        )
    both = {} if events is None else {events.index: events_mapping(events)}
    if impressions is not None:
        of_events = both.get(impressions, {"properties": {}})["properties"]
        both[impressions] = {"properties": of_events | impressions_mapping()["properties"]}
    for index, mapping in both.items():
        retention = {} if keep_days is None else {"lifecycle": {"data_retention": f"{keep_days}d"}}
        yield LogTemplate(
            index,
            {
                "index_patterns": [index],
                "priority": PRIORITY,
                **({} if keep_days is None else {"data_stream": {}}),
                "template": {"mappings": mapping, **retention},
                "_meta": {"description": "Logs of recommendations, for xlrec-es."},
            },
        )


def _mapping(types: Mapping[str, str]) -> dict[str, Any]:
    return {"properties": {name: {"type": kind} for name, kind in types.items()}}
