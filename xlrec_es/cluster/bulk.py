"""Send documents in bulk requests, for as long as the cluster is busy, and account for each."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es import exact_json
from xlrec_es.cluster.client_errors import friendly_errors, reason_of
from xlrec_es.errors import ClusterError

_MAX_BYTES = 8 * 1024 * 1024
_RETRY_STATUSES = frozenset((429, 502, 503, 504))
_OF_THIS_REQUEST = frozenset((400, 413))
_RETRY_S = 600.0
_MAX_WAIT_S = 30.0
_ANSWER = "items.*._id,items.*.status,items.*.error.type,items.*.error.reason"


@dataclass(frozen=True, slots=True)
class Action:
    """What is to be done with one document.

    Attributes:
        id: Of the document.
        body: The line that says what, and the document's own if there is one.
    """

    id: str
    body: bytes

    @classmethod
    def index(cls, id_: str, source: Mapping[str, Any], **conditions: Any) -> Action:  # noqa: ANN401
        """Write a document; `conditions` are `version`, `version_type`, `routing` ..."""
        line = exact_json.dumps({"index": {"_id": id_, **conditions}})
        return cls(id_, b"%s\n%s\n" % (line, exact_json.dumps(source)))

    @classmethod
    def delete(cls, id_: str, **conditions: Any) -> Action:  # noqa: ANN401
        """Remove a document."""
        return cls(id_, exact_json.dumps({"delete": {"_id": id_, **conditions}}) + b"\n")


@dataclass(frozen=True, slots=True)
class Failure:
    """An action that was refused.

    Attributes:
        action: Which.
        status: As HTTP has it; 409 for a version that is not newer, 404 for nothing to delete.
        reason: In words.
    """

    action: Action
    status: int
    reason: str


def send(
    client: Elasticsearch,
    index: str,
    actions: Iterable[Action],
    *,
    give_up: threading.Event | None = None,
) -> list[Failure]:
    """Do all of it; every action that is not returned has been acknowledged.

    Args:
        client: Of the cluster.
        index: The physical index.
        actions: No id twice: their order is not kept when some are sent again.
        give_up: Nothing is sent again once this is set.

    Raises:
        ClusterError: A request was refused as a whole, or not taken for ten minutes.
    """
    once = client.options(max_retries=0)
    give_up = give_up or threading.Event()
    return [
        failure
        for request in _requests(actions)
        for failure in _settle(once, index, request, give_up)
    ]


def _requests(actions: Iterable[Action]) -> Iterator[list[Action]]:
    request: list[Action] = []
    size = 0
    for action in actions:
        if request and size + len(action.body) > _MAX_BYTES:
            yield request
            request, size = [], 0
        request.append(action)
        size += len(action.body)
    if request:
        yield request


def _settle(
    client: Elasticsearch, index: str, actions: Sequence[Action], give_up: threading.Event
) -> list[Failure]:
    failures: list[Failure] = []
    deadline = time.monotonic() + _RETRY_S
    wait_s = 0.5
    while True:
        again, reason = _send(client, index, actions, failures)
        if not again:
            return failures
        if time.monotonic() > deadline or give_up.is_set():
            raise ClusterError(
                f"Elasticsearch has not taken {len(again)} documents for {_RETRY_S:.0f} s, the "
                f"last time because of: {reason}; run this again when it does"
            )
        actions = again
        give_up.wait(random.uniform(0.5, 1) * wait_s)
        wait_s = min(_MAX_WAIT_S, 2 * wait_s)


def _send(
    client: Elasticsearch, index: str, actions: Sequence[Action], failures: list[Failure]
) -> tuple[list[Action], str]:
    """Send once; what must be sent again, and why. Refusals are added to `failures`."""
    body = b"".join(action.body for action in actions)
    try:
        answer = client.bulk(index=index, operations=body, filter_path=_ANSWER)  # type: ignore[arg-type]
    except elasticsearch.ApiError as error:
        if error.status_code in _RETRY_STATUSES:
            return list(actions), f"{error.status_code} {error.message}"
        if error.status_code in _OF_THIS_REQUEST:
            return _halve(client, index, actions, failures, error)
        with friendly_errors(client):
            raise
    except elasticsearch.TransportError as error:
        return list(actions), error.message.partition("\n")[0]
    items = [item for entry in answer.get("items", ()) for item in entry.values()]
    if [item.get("_id") for item in items] != [action.id for action in actions]:
        return list(actions), "an answer that does not fit the request"
    again: list[Action] = []
    reason = ""
    for action, item in zip(actions, items, strict=True):
        refusal = item.get("error") or {}
        why = str(refusal.get("reason", "refused"))
        if item["status"] in _RETRY_STATUSES or refusal.get("type") == "cluster_block_exception":
            again.append(action)
            reason = why
        elif item["status"] >= 300:
            failures.append(Failure(action, item["status"], why))
    return again, reason


def _halve(
    client: Elasticsearch,
    index: str,
    actions: Sequence[Action],
    failures: list[Failure],
    error: elasticsearch.ApiError,
) -> tuple[list[Action], str]:
    """Find what made the whole request fail: it is too large, or one document spoils it."""
    if len(actions) == 1:
        failures.append(Failure(actions[0], error.status_code, reason_of(error)))
        return [], ""
    middle = len(actions) // 2
    first, why = _send(client, index, actions[:middle], failures)
    second, why_too = _send(client, index, actions[middle:], failures)
    return [*first, *second], why_too or why
