"""Where an index keeps rows of users, and how these are counted and deleted."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import explained, friendly_errors
from xlrec_es.errors import ConfigError, IndexNotFound, UsageError, WriteError

AT_ONCE = 1000
"""Users in one search; Elasticsearch allows 65,536."""

_ROUNDS = 5  # while others write
_KEYWORD = "{}.keyword"
_LONGEST = 256  # id that the `.keyword` of a mapping that nobody made has
_WHOLE_NUMBERS = frozenset(("byte", "short", "integer", "long", "unsigned_long"))
_EXACT = _WHOLE_NUMBERS | {"keyword", "constant_keyword", "wildcard"}


@dataclass(frozen=True, slots=True)
class Trace:
    """An index with a row for each thing that a user did, or was shown.

    Attributes:
        what: For people: `events`, `impressions`, `clicks`.
        index: Index, alias or pattern.
        user: Field with the user's id.
    """

    what: str
    index: str
    user: str = "user"


@dataclass(frozen=True, slots=True)
class KnownTrace:
    """A trace whose field was looked up.

    Attributes:
        trace: As it was named.
        field: By which users can be told apart.
        numeric: Whether ids are whole numbers there.
    """

    trace: Trace
    field: str
    numeric: bool

    def searches(self, users: Sequence[str]) -> Iterator[dict[str, Any]]:
        """A query for each part of some users."""
        there = [user for user in users if not self.numeric or _is_number(user)]
        for begin in range(0, len(there), AT_ONCE):
            yield {"terms": {self.field: there[begin : begin + AT_ONCE]}}


def look_up(client: Elasticsearch, trace: Trace, users: Sequence[str]) -> KnownTrace:
    """Find the field that users are told apart by: of a text field, its `.keyword`.

    Raises:
        IndexNotFound: No such index.
        ConfigError: It has no such field, or one by which a user cannot be found.
        UsageError: An id is too long to be found by.
        ClusterError: The cluster does not answer, or refuses.
    """
    keyword = _KEYWORD.format(trace.user)
    try:
        with friendly_errors(client):
            found = client.field_caps(
                index=trace.index, fields=[trace.user, keyword], allow_no_indices=False
            )
    except IndexNotFound:
        raise IndexNotFound(
            f"there is no index {trace.index!r} of {trace.what}; nothing was deleted. Name the one "
            "that there is, or leave it out if there is none"
        ) from None
    known = found.body["fields"]
    for field in (trace.user, keyword):
        kinds = {kind for kind, caps in known.get(field, {}).items() if caps["searchable"]}
        if kinds and kinds <= _EXACT:
            break
    else:
        raise ConfigError(
            f"{trace.index} has no field {trace.user!r} that is a keyword or a whole number; name "
            f"the field with the user's id: --field {trace.what}=NAME"
        )
    if field == keyword and (long := [user for user in users if len(user) > _LONGEST]):
        raise UsageError(
            f"{trace.index} finds no id of more than {_LONGEST} characters by {keyword}, and "
            f"{len(long)} of these have more; index the id as a keyword"
        )
    return KnownTrace(trace, field, kinds <= _WHOLE_NUMBERS)


def count(client: Elasticsearch, known: KnownTrace, users: Sequence[str]) -> int:
    """How many rows of some users searches find.

    Raises:
        SearchFailed: A part of the index does not answer.
        ClusterError: The cluster does not answer, or refuses.
    """
    queries = known.searches(users)
    return sum(scan.count(client, known.trace.index, query) for query in queries)


def delete(client: Elasticsearch, known: KnownTrace, users: Sequence[str]) -> dict[str, int]:
    """Delete all rows of some users, by their ids, for which every cluster has a way.

    Whoever writes meanwhile may write of them again, so it is looked again until none is found.

    Returns:
        How many rows of each physical index were deleted.

    Raises:
        WriteError: A row cannot be deleted, or others come as fast as they are deleted.
        SearchFailed: A part of the index does not answer.
        ClusterError: The cluster does not answer, or refuses.
    """
    deleted: Counter[str] = Counter()
    with friendly_errors(client):
        client.indices.refresh(index=known.trace.index)
    for _ in range(_ROUNDS):
        for query in known.searches(users):
            body = {"query": query, "_source": False}
            for hits in scan.pages(client, known.trace.index, body):
                deleted.update(_delete(client, hits))
        with friendly_errors(client):
            client.indices.refresh(index=known.trace.index)
        if not count(client, known, users):
            return dict(deleted)
    raise WriteError(
        f"another program writes {known.trace.what} of these users into {known.trace.index} as "
        f"fast as they are deleted ({sum(deleted.values())} so far); stop that, and do the same "
        "again"
    )


def _delete(client: Elasticsearch, hits: Sequence[scan.Hit]) -> Counter[str]:
    """How many of them were there to be deleted, by physical index."""
    lines = []
    for hit in hits:
        one = {"_index": hit["_index"], "_id": hit["_id"]}
        routing = {"routing": hit["_routing"]} if "_routing" in hit else {}
        lines.append({"delete": {**one, **routing}})
    with friendly_errors(client):
        answer = client.bulk(operations=lines)
    gone: Counter[str] = Counter()
    for line, item in zip(lines, itertools.chain(answer["items"]), strict=True):
        told = item["delete"]
        if told["status"] == HTTPStatus.OK:
            gone[told["_index"]] += 1
        elif told["status"] != HTTPStatus.NOT_FOUND:  # somebody else has deleted it
            raise WriteError(
                f"a row of {line['delete']['_index']} cannot be deleted: {explained(told['error'])}"
            )
    return gone


def _is_number(user: str) -> bool:
    return user.isascii() and user.removeprefix("-").isdigit()
