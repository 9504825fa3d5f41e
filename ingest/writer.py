"""Write documents in bulk requests, and account for every one of them.

The client's own helpers lose or repeat documents when a cluster is in trouble, so this is a loop of
our own. A bulk request has two layers of answers: the request's own status, and one for each item.
Every item ends as done or as refused with its reason; whatever is neither is sent again, with
exponential back-off and jitter, until it is or time is up. Sending again is safe: a document is
written under its own id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.client import friendly_errors, reason_of
from xlrec_es.errors import MissingExtra, WriteError

try:
    import tenacity
except ImportError as error:
    raise MissingExtra.named("ingest", "Writing documents") from error

# All that is needed to account for an item; the rest of the answer is not sent.
_ANSWER = ",".join(
    f"items.*.{part}"
    for part in ("_id", "status", "error.type", "error.reason", "error.caused_by.reason")
)
_RETRY_STATUSES = frozenset((429, 502, 503, 504))
_OF_THIS_REQUEST = frozenset((400, 413))
_FATAL = frozenset((401, 403, 404))


@dataclass(frozen=True, slots=True)
class BulkLimits:
    """How much is sent at once, and for how long it is sent again.

    Attributes:
        max_bytes: Size of a request's body; a larger document goes alone.
        max_items: Documents in a request.
        retry_s: Seconds after which a request that does not get through ends the run.
        max_wait_s: Longest pause between two attempts.
    """

    max_bytes: int = 8 * 1024 * 1024
    max_items: int = 1000
    retry_s: float = 600.0
    max_wait_s: float = 30.0


class Identified(Protocol):
    """Whatever is written under an id of its own."""

    @property
    def id(self) -> str:
        """Document id."""
        ...


D = TypeVar("D", bound=Identified)


@dataclass(frozen=True, slots=True)
class Operation(Generic[D]):
    """One document, ready to be sent.

    Attributes:
        document: What it is.
        body: The action's line and the document's, in JSON.
    """

    document: D
    body: bytes


@dataclass(frozen=True, slots=True)
class Refusal(Generic[D]):
    """A document that Elasticsearch will not take, whenever it is sent."""

    document: D
    reason: str


@dataclass(slots=True)
class _Outcome(Generic[D]):
    """What became of a request's operations; what is in neither list is done."""

    refused: list[Refusal[D]] = field(default_factory=list)
    again: list[Operation[D]] = field(default_factory=list)
    reason: str = ""

    def add(self, other: _Outcome[D]) -> None:
        """Take in the outcome of another part of the request."""
        self.refused += other.refused
        self.again += other.again
        self.reason = other.reason or self.reason


class _NotSettled(Exception):
    """Some operations must be sent again."""


class BulkWriter:
    """Writes documents into one index.

    Args:
        client: Its own repeats are switched off here: they know nothing of items.
        index: The physical index; it must exist.
        limits: How much at once, and how long.
    """

    def __init__(
        self, client: Elasticsearch, index: str, *, limits: BulkLimits | None = None
    ) -> None:
        self._client = client.options(max_retries=0)
        self._index = index
        self._limits = limits or BulkLimits()

    def write(self, operations: Iterable[Operation[D]]) -> list[Refusal[D]]:
        """Write; every operation that is not returned has been acknowledged.

        Raises:
            WriteError: A request does not get through in the time allowed.
            ClusterError: The index is gone, or the credentials do not allow writing.
        """
        refused: list[Refusal[D]] = []
        for request in self._requests(operations):
            refused += self._settle(request)
        return refused

    def _requests(self, operations: Iterable[Operation[D]]) -> Iterator[list[Operation[D]]]:
        request: list[Operation[D]] = []
        size = 0
        for operation in operations:
            if request and (
                size + len(operation.body) > self._limits.max_bytes
                or len(request) == self._limits.max_items
            ):
                yield request
                request, size = [], 0
            request.append(operation)
            size += len(operation.body)
        if request:
            yield request

    def _settle(self, operations: list[Operation[D]]) -> list[Refusal[D]]:
        """Send, and send again, until every operation is done or refused."""
        refused: list[Refusal[D]] = []
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_NotSettled),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=self._limits.max_wait_s),
            stop=tenacity.stop_after_delay(self._limits.retry_s),
            reraise=True,
        )
        try:
            for attempt in attempts:
                with attempt:
                    outcome = self._send(operations)
                    refused += outcome.refused
                    operations = outcome.again
                    if operations:
                        raise _NotSettled(outcome.reason)
        except _NotSettled as error:
            raise WriteError(
                f"Elasticsearch has not taken {len(operations)} documents for "
                f"{self._limits.retry_s:.0f} s, the last time because of: {error}. "
                "Run this again when it does; documents that are there are passed over"
            ) from error
        return refused

    def _send(self, operations: Sequence[Operation[D]]) -> _Outcome[D]:
        try:
            answer = self._client.bulk(
                index=self._index,
                operations=b"".join(operation.body for operation in operations),  # type: ignore[arg-type]
                filter_path=_ANSWER,
            )
        except elasticsearch.ApiError as error:
            if error.status_code in _OF_THIS_REQUEST:
                return self._halve(operations, f"{error.status_code}: {reason_of(error)}")
            if error.status_code in _FATAL:
                with friendly_errors(self._client):
                    raise
            return _Outcome(again=list(operations), reason=f"{error.status_code} {error.message}")
        except elasticsearch.TransportError as error:
            return _Outcome(again=list(operations), reason=error.message.partition("\n")[0])
        return _account(operations, answer.body)

    def _halve(self, operations: Sequence[Operation[D]], reason: str) -> _Outcome[D]:
        """Find what made the whole request fail."""
        if len(operations) == 1:
            return _Outcome(refused=[Refusal(operations[0].document, reason)])
        middle = len(operations) // 2
        outcome = self._send(operations[:middle])
        outcome.add(self._send(operations[middle:]))
        return outcome


def _account(operations: Sequence[Operation[D]], answer: object) -> _Outcome[D]:
    """Compare what came back with what was sent, item by item."""
    entries = answer.get("items", ()) if isinstance(answer, Mapping) else ()  # or a page of HTML
    items = [item for entry in entries for item in entry.values()]
    sent = [operation.document.id for operation in operations]
    if [item.get("_id") for item in items] != sent:
        return _Outcome(again=list(operations), reason="an answer that does not fit the request")
    outcome: _Outcome[D] = _Outcome()
    for operation, item in zip(operations, items, strict=True):
        error = item.get("error") or {}
        if item["status"] < 300:
            continue
        # A block (disk full, index read-only) is lifted one day; the document is not to blame.
        if item["status"] in _RETRY_STATUSES or error.get("type") == "cluster_block_exception":
            outcome.again.append(operation)
            outcome.reason = f"{item['status']} {error.get('reason', '')}"
        else:
            reason = f"{item['status']}: {_explain(error)}"
            outcome.refused.append(Refusal(operation.document, reason))
    return outcome


def _explain(error: Mapping[str, Any]) -> str:
    reason = str(error.get("reason", "refused"))
    cause = str((error.get("caused_by") or {}).get("reason", ""))
    return reason if cause in reason else f"{reason}: {cause}"
