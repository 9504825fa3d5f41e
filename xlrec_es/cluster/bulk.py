"""Write documents in bulk requests, and account for every one of them.

The client's own helpers lose or repeat documents when a cluster is in trouble, so this is a loop of
our own. A bulk request has two layers of answers: the request's own status, and one for each item.
Every item ends as done, as superseded by a newer one, or as refused with its reason; whatever is
none of these is sent again, with exponential back-off and jitter, until it is or time is up.
Sending again is safe: a document is written under its own id and version.

A bulk request to an index that is not there makes it, with a mapping of Elasticsearch's own, unless
the key may not (`xlrec-es role` prints such roles). So before each request the index is asked for
the id that it alone has: one that is deleted stays deleted but for these milliseconds, and one that
was made again in its place is told from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import elasticsearch
import orjson
from elasticsearch import Elasticsearch

from xlrec_es import exact_json
from xlrec_es.cluster.client_errors import friendly_errors, reason_of
from xlrec_es.cluster.request_limit import RequestLimit
from xlrec_es.cluster.retry import PASSING_STATUSES, Patience
from xlrec_es.errors import IndexNotFound, IndexUnusable, WriteError

# All that is needed to account for an item; the rest of the answer is not sent.
_ANSWER = ",".join(
    f"items.*.{part}"
    for part in ("_id", "status", "error.type", "error.reason", "error.caused_by.reason")
)
_OF_THIS_REQUEST = frozenset((400, 413))
_FATAL = frozenset((401, 403, 404))
_AS_LINES = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE
# What Elasticsearch's IndexingPressure says when it refuses: the size of the operation, and of all
# that may be under way on the node, a tenth of its heap.
_PRESSURE = re.compile(r"_operation_bytes=(\d+), max_\w+=(\d+)")


@dataclass(frozen=True, slots=True)
class BulkLimits:
    """How much is sent at once.

    Attributes:
        max_bytes: Size of a request's body; a larger document goes alone.
        max_items: Documents in a request.
        max_requests: Requests under way at once; fewer while the cluster refuses some.
    """

    max_bytes: int = 8 * 1024 * 1024
    max_items: int = 1000
    max_requests: int = 4


class Identified(Protocol):
    """Whatever is written under an id of its own."""

    @property
    def id(self) -> str:
        """Document id."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """A document of which no more is needed than its id."""

    id: str


D = TypeVar("D", bound=Identified)


@dataclass(frozen=True, slots=True)
class Operation(Generic[D]):
    """One document, ready to be sent.

    Attributes:
        document: What it is.
        body: The action's line and the document's, in JSON.
        conditional: Whether it is for one state of the document alone; if that is no more, somebody
            else has written a newer one.
    """

    document: D
    body: bytes
    conditional: bool = False

    @classmethod
    def index(cls, document: D, source: Mapping[str, Any], **conditions: object) -> Operation[D]:
        """Write a document whole.

        Args:
            document: What it is.
            source: Its fields; vectors may be arrays.
            conditions: `version`, `version_type`, `routing` ...
        """
        return cls(document, _lines("index", document.id, conditions, source))

    @classmethod
    def update(cls, document: D, fields: Mapping[str, Any], **conditions: object) -> Operation[D]:
        """Change some fields of a document that is there; objects are merged.

        Args:
            document: What it is.
            fields: As the `source` of `index`.
            conditions: `if_seq_no`, `retry_on_conflict`, `routing` ...
        """
        body = _lines("update", document.id, conditions, {"doc": fields})
        return cls(document, body, conditional="if_seq_no" in conditions)

    @classmethod
    def delete(cls, document: D, **conditions: object) -> Operation[D]:
        """Remove a document.

        Args:
            document: What it is.
            conditions: As those of `index`.
        """
        return cls(document, _lines("delete", document.id, conditions))


def _lines(
    action: str, id_: str, conditions: Mapping[str, object], *bodies: Mapping[str, Any]
) -> bytes:
    """What a bulk request says of one document: the action and, but for a deletion, its body.

    Raises:
        InvalidJson: See `exact_json.dumps_readable`.
    """
    lines = ({action: {"_id": id_, **conditions}}, *bodies)
    return b"".join(exact_json.dumps_readable(line, _AS_LINES) for line in lines)


@dataclass(frozen=True, slots=True)
class Refusal(Generic[D]):
    """A document that Elasticsearch will not take, whenever it is sent."""

    document: D
    reason: str


@dataclass(slots=True)
class Written(Generic[D]):
    """What became of operations; all others are done.

    Attributes:
        refused: What Elasticsearch will not take.
        superseded: What was older than what the index has, or of a document that is gone.
    """

    refused: list[Refusal[D]] = field(default_factory=list)
    superseded: list[Operation[D]] = field(default_factory=list)

    def add(self, other: Written[D]) -> None:
        """Take in what became of others."""
        self.refused += other.refused
        self.superseded += other.superseded


@dataclass(slots=True)
class _Outcome(Generic[D]):
    """What became of a request's operations; what is in neither is done."""

    settled: Written[D] = field(default_factory=Written)
    again: list[Operation[D]] = field(default_factory=list)
    reason: str = ""
    too_much: bool = False  # for the server's memory at once

    def add(self, other: _Outcome[D]) -> None:
        """Take in the outcome of another part of the request."""
        self.settled.add(other.settled)
        self.again += other.again
        self.reason = other.reason or self.reason
        self.too_much = other.too_much or self.too_much


class _NotSettled(Exception):
    """Some operations must be sent again."""


class BulkWriter:
    """Writes documents into one index; several threads may use it at once.

    Args:
        client: Its own repeats are switched off here: they know nothing of items.
        index: The physical index; it must exist.
        uuid: The one that it has; None for that of the first request.
        limits: How much at once.
        patience: How long something is sent again.

    Attributes:
        requests: How many are under way, and how large they are.
        retries: Requests that had to be sent again, wholly or in part.
    """

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        *,
        uuid: str | None = None,
        limits: BulkLimits | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._client = client.options(max_retries=0)
        self._index = index
        self._uuid = uuid
        self._limits = limits or BulkLimits()
        self._patience = patience or Patience()
        self.requests = RequestLimit(self._limits.max_requests)
        self.retries = 0

    def write(
        self, operations: Iterable[Operation[D]], *, patience: Patience | None = None
    ) -> Written[D]:
        """Write; what is not named in the answer has been acknowledged.

        Args:
            operations: What is to be written.
            patience: How long something is sent again; None for the writer's own.

        Raises:
            WriteError: A request does not get through in the time allowed.
            IndexNotFound: The index is gone.
            IndexUnusable: It was made again by somebody else.
            ClusterError: The credentials do not allow writing.
        """
        written: Written[D] = Written()
        for request in self._requests(operations):
            written.add(self._settle(request, patience or self._patience))
        return written

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

    def _settle(self, operations: list[Operation[D]], patience: Patience) -> Written[D]:
        """Send, and send again, until every operation is done or refused."""
        settled: Written[D] = Written()
        size = len(operations)
        try:
            for attempt in patience.retrying(lambda error: isinstance(error, _NotSettled)):
                with attempt:
                    outcome: _Outcome[D] = _Outcome()
                    for start in range(0, len(operations), size):
                        outcome.add(self._send(operations[start : start + size]))
                    settled.add(outcome.settled)
                    operations = outcome.again
                    if operations:
                        if outcome.too_much:
                            size = max(1, size // 2)
                        self.retries += 1
                        self.requests.refused()
                        raise _NotSettled(outcome.reason)
        except _NotSettled as error:
            raise WriteError(
                f"Elasticsearch has not taken {len(operations)} documents for "
                f"{patience.retry_s:.0f} s, the last time because of: {error}. "
                "Run this again when it does; documents that are there are passed over"
            ) from error
        self.requests.succeeded()
        return settled

    def _send(self, operations: Sequence[Operation[D]]) -> _Outcome[D]:
        body = b"".join(operation.body for operation in operations)
        try:
            self._check_same_index()
            with self.requests.slot(len(body)):
                answer = self._client.bulk(
                    index=self._index,
                    operations=body,  # type: ignore[arg-type] # bytes are sent as they are
                    filter_path=_ANSWER,
                )
        except elasticsearch.ApiError as error:
            if error.status_code in _OF_THIS_REQUEST:
                return self._halve(operations, f"{error.status_code}: {reason_of(error)}")
            if error.status_code in _FATAL:
                with friendly_errors(self._client):
                    raise
            reason = f"{error.status_code}: {reason_of(error)}"
            too_much = error.status_code == 429
            if too_much and len(operations) == 1 and _never_fits(reason):
                return _Outcome(Written([Refusal(operations[0].document, reason)]))
            return _Outcome(again=list(operations), reason=reason, too_much=too_much)
        except elasticsearch.TransportError as error:
            return _Outcome(again=list(operations), reason=error.message.partition("\n")[0])
        return _account(operations, answer.body)

    def _check_same_index(self) -> None:
        """See that the index is still there, and the same; it costs milliseconds a request."""
        try:
            answer = self._client.indices.get_settings(
                index=self._index, name="index.uuid", flat_settings=True
            ).body
        except elasticsearch.NotFoundError as error:
            raise IndexNotFound(
                f"{self._index} was deleted while it was written to; it is not made again, and "
                "what was under way is not in it"
            ) from error
        [uuid] = {body["settings"]["index.uuid"] for body in answer.values()}
        self._uuid = self._uuid or uuid
        if uuid != self._uuid:
            raise IndexUnusable(
                f"{self._index} was deleted and made again elsewhere while it was written "
                "to; nothing more is written into it. See whether it is as it should be, and run "
                "this again"
            )

    def _halve(self, operations: Sequence[Operation[D]], reason: str) -> _Outcome[D]:
        """Find what made the whole request fail."""
        if len(operations) == 1:
            return _Outcome(Written([Refusal(operations[0].document, reason)]))
        middle = len(operations) // 2
        outcome = self._send(operations[:middle])
        outcome.add(self._send(operations[middle:]))
        return outcome


def _account(operations: Sequence[Operation[D]], answer: object) -> _Outcome[D]:
    """Compare what came back with what was sent, item by item."""
    entries = answer.get("items", ()) if isinstance(answer, Mapping) else ()  # or a page of HTML
    items = [(action, item) for entry in entries for action, item in entry.items()]
    sent = [operation.document.id for operation in operations]
    if [item.get("_id") for _, item in items] != sent:
        return _Outcome(again=list(operations), reason="an answer that does not fit the request")
    outcome: _Outcome[D] = _Outcome()
    for operation, (action, item) in zip(operations, items, strict=True):
        error = item.get("error")
        if error is None:  # done; the status is 404 where what was to be deleted was not there
            continue
        never_fits = item["status"] == 429 and _never_fits(str(error.get("reason")))
        if never_fits and len(operations) > 1:
            outcome.too_much = True  # all items of a shard are one operation there
        # A block (disk full, index read-only) is lifted one day, and a partial update meets another
        # write only in passing; neither document is to blame.
        conflict = item["status"] == 409
        gone = error.get("type") == "document_missing_exception"
        if gone or (operation.conditional and conflict):
            outcome.settled.superseded.append(operation)
        elif (
            (item["status"] in PASSING_STATUSES and not (never_fits and len(operations) == 1))
            or error.get("type") == "cluster_block_exception"
            or (conflict and action == "update")
        ):
            outcome.again.append(operation)
            outcome.reason = f"{item['status']} {error.get('reason', '')}"
        elif conflict:
            outcome.settled.superseded.append(operation)
        else:
            reason = f"{item['status']}: {_explain(error)}{_advice(action, error)}"
            outcome.settled.refused.append(Refusal(operation.document, reason))
    return outcome


def _advice(action: str, error: Mapping[str, Any]) -> str:
    if error.get("type") != "security_exception":
        return ""
    kind = "writer --deletes" if action == "delete" else "writer"
    return f"; what a key needs is printed by: xlrec-es role {kind}"


def _never_fits(reason: str) -> bool:
    """Whether a node has no memory for an operation even if it has nothing else to do."""
    found = _PRESSURE.search(reason)
    return found is not None and int(found[1]) > int(found[2])


def _explain(error: Mapping[str, Any]) -> str:
    reason = str(error.get("reason", "refused"))
    cause = str((error.get("caused_by") or {}).get("reason", ""))
    return reason if cause in reason else f"{reason}: {cause}"
