"""Names of User Behavior Insights (UBI), by which search tools read what users saw and did. Pure.

Source: version 1.3.0, https://github.com/o19s/ubi/blob/main/schema/1.3.0/event.schema.json
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IMPRESSION = "impression"
"""The `action_name` of what was shown; other actions are what users did."""

FIELDS: Mapping[str, str] = {
    "user": "user_id",
    "client": "client_id",
    "item": "event_attributes.object.object_id",
    "event": "action_name",
    "time": "timestamp",
    "query_id": "query_id",
    "place": "event_attributes.position.ordinal",
}
"""UBI's names of our columns."""

TYPES: Mapping[str, str] = {
    **dict.fromkeys(("action_name", "query_id", "client_id", "user_id"), "keyword"),
    "timestamp": "date",
    **dict.fromkeys((FIELDS["item"], "event_attributes.object.internal_id"), "keyword"),
    FIELDS["place"]: "integer",
}
"""Elasticsearch's types for them, as in the mapping of OpenSearch's plugin for UBI."""


def impression(
    *, user: str, time: str, place: int, document: str, query_id: str | None
) -> dict[str, Any]:
    """What UBI says of one recommendation that was shown.

    Args:
        user: Whom it was shown to; UBI's `client_id` takes a user's id where all have one.
        time: As ISO 8601 has it, with a zone.
        place: In the list, from 1.
        document: Its id in the index: UBI's `object_id`, of which nothing says another field.
        query_id: Of the list; None if it has none.
    """
    return {
        "action_name": IMPRESSION,
        **({} if query_id is None else {"query_id": query_id}),
        "client_id": user,
        "user_id": user,
        "timestamp": time,
        "event_attributes": {
            "object": {"object_id": document, "internal_id": document},
            "position": {"ordinal": place},
        },
    }
