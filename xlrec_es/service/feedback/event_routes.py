"""`/v1/events` and `/v1/impressions`: what users did and were shown."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import APIRouter
from starlette.responses import Response

from xlrec_es.errors import UsageError
from xlrec_es.interactions import ubi
from xlrec_es.interactions.event_source import EventSource
from xlrec_es.interactions.weighting import event_weight
from xlrec_es.recommend.recommendations import impression_id, shown_at
from xlrec_es.service.api import routing
from xlrec_es.service.api.answers import AcceptedGiven
from xlrec_es.service.api.questions import (
    EventsTold,
    EventTold,
    ImpressionsTold,
    PlacementTold,
)
from xlrec_es.service.api.routing import written
from xlrec_es.service.feedback.log_mappings import (
    TIMESTAMP,
    events_mapping,
    impressions_mapping,
)
from xlrec_es.service.feedback.spool import Document, Spool
from xlrec_es.service.settings import Settings

DEFAULT_VARIANT = "default"
"""Of a list that no experiment made."""


def mappings_of(settings: Settings) -> dict[str, dict[str, Any]]:
    """The mappings of the indices that are made if they are missing, by name."""
    found: dict[str, dict[str, Any]] = {}
    if settings.events is not None:
        found[settings.events.index] = events_mapping(settings.events)
    if settings.impressions is not None:
        found[settings.impressions] = impressions_mapping()
    return found


def routes(settings: Settings, spool: Spool | None) -> APIRouter:
    """The endpoints.

    Args:
        settings: Of the service.
        spool: Where documents wait; None: nothing is kept.
    """
    router = routing.router("feedback")

    @router.post("/events", response_model=AcceptedGiven, status_code=HTTPStatus.ACCEPTED)
    async def send_events(told: EventsTold) -> Response:
        """Keep what users did. What is accepted outlives a crash, and reaches Elasticsearch."""
        if settings.events is None or spool is None:
            raise UsageError("this service keeps no events: start it with --events-index")
        for number, one in enumerate(told.events):
            _check_name(f"events.{number}", one.event, settings)
        documents = [_event_document(one, settings.events) for one in told.events]
        await spool.put(documents)
        return _accepted([one.id for one in documents])

    @router.post("/impressions", response_model=AcceptedGiven, status_code=HTTPStatus.ACCEPTED)
    async def send_impressions(told: ImpressionsTold) -> Response:
        """Keep what a user was shown: `items` of an answer, as they came."""
        if settings.impressions is None or spool is None:
            raise UsageError("this service keeps no impressions: start it with --impressions-index")
        documents = _impression_documents(told, settings.impressions)
        await spool.put(documents)
        return _accepted([one.id for one in documents])

    return router


def _accepted(ids: list[str]) -> Response:
    return written({"accepted": len(ids), "ids": ids}, HTTPStatus.ACCEPTED)


def _check_name(place: str, event: str, settings: Settings) -> None:
    """Refuse an event that no history could be made of."""
    events = settings.options.rules.events
    if event_weight(event, events) is None:
        raise UsageError(
            f"{place}: nothing says what the event {event!r} weighs; known are: "
            + ", ".join(sorted(events))
        )


def _event_document(told: EventTold, source: EventSource) -> Document:
    moment = _moment(told.time)
    values = {
        source.user: told.user,
        source.item: told.item,
        source.event: told.event,
        source.time: moment,
        source.rating: told.rating,
        source.dwell_s: told.dwell_s,
        source.market: told.market,
    }
    for name in ("rating", "dwell_s", "market"):
        if getattr(told, name) is not None and getattr(source, name) is None:
            raise UsageError(
                f"this service has no field for {name}: name it in the table [history] of its TOML "
                "file"
            )
    # Its own fields come last: where two are called alike, they are what the source says.
    body = _body({**_place_columns(told, source, moment), **values})
    return Document(source.index, told.id or _event_id(told), body)


def _event_id(told: EventTold) -> str:
    """Where it is known which recommendation led to an event, the event counts once for it."""
    if told.shown is None:
        return uuid.uuid4().hex
    parts = (told.shown.query_id, str(told.shown.place), told.user, told.item, told.event)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _place_columns(told: EventTold, source: EventSource, moment: str) -> dict[str | None, object]:
    """Where in which list it was shown, by the names that impressions have.

    So what was shown and what was clicked can be counted side by side, also where the fields of
    events have other names.
    """
    if (shown := told.shown) is None:
        return {}
    return {
        "event": told.event,
        "time": moment,
        "place": shown.place,
        source.place: shown.place,
        source.query_id: shown.query_id,
        "impression": impression_id(shown.query_id, shown.place),
        "variant": _variant(shown.variant, shown.placement),
        "language": shown.language,
        "retrievers": {name: said.rank for name, said in shown.retrievers.items()},
        **_placement_columns(shown.placement),
    }


def _body(values: Mapping[str | None, object]) -> bytes:
    """The document, with objects for dotted paths."""
    body: dict[str, Any] = {}
    for path, value in values.items():
        if path is None or value is None:
            continue
        *objects, last = path.split(".")
        within = body
        for name in objects:
            within = within.setdefault(name, {})
        within[last] = value
    return orjson.dumps(body)


def _impression_documents(told: ImpressionsTold, index: str) -> list[Document]:
    whole = told.id or uuid.uuid4().hex
    moment = _moment(told.time)
    shared = {
        "user": told.user,
        "variant": _variant(told.variant, told.placement),
        **_placement_columns(told.placement),
        "time": moment,
        TIMESTAMP: moment,
        "index": told.index,
        "fingerprint": told.fingerprint,
        "languages_asked": None if told.languages is None else list(told.languages),
        "degraded": bool(told.degraded),
    }
    return [
        Document(
            index,
            impression_id(whole, place),
            orjson.dumps(
                {
                    **shared,
                    "impression": impression_id(whole, place),
                    **shown_at(place, item),
                    **ubi.impression(
                        user=told.user,
                        time=moment,
                        place=place,
                        document=item.id,
                        query_id=whole,
                    ),
                }
            ),
        )
        for place, item in enumerate(told.items, 1)
    ]


def _variant(variant: str | None, placement: PlacementTold | None) -> str:
    return variant or (placement and placement.variant) or DEFAULT_VARIANT


def _placement_columns(told: PlacementTold | None) -> dict[str | None, object]:
    """Which placement a list was made by; nothing without one."""
    return {} if told is None else {"placement": told.name, "placement_version": told.version}


def _moment(time: datetime | None) -> str:
    """A time with a zone; one that has none is of UTC, as Elasticsearch takes it."""
    moment = datetime.now(UTC) if time is None else time
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
