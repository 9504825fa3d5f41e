"""Where an index keeps rows of users, and how these are counted and deleted."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import explained, friendly_errors
from xlrec_es.errors import ConfigError, IndexNotFound, UsageError, WriteError
from xlrec_es.index.hits import routed

AT_ONCE = 1000
"""Users in one search; Elasticsearch allows 65,536."""

_ROUNDS = 5  # while others write
_LONGEST_BYTES = 32_766  # of a term in Lucene
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,19}")
_WHOLE_NUMBERS = {
    "byte": (-(2**7), 2**7 - 1),
    "short": (-(2**15), 2**15 - 1),
    "integer": (-(2**31), 2**31 - 1),
    "long": (-(2**63), 2**63 - 1),
    "unsigned_long": (0, 2**64 - 1),
}
_EXACT = frozenset((*_WHOLE_NUMBERS, "keyword", "constant_keyword", "wildcard"))


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
    """A physical index of a trace, whose field was looked up.

    Attributes:
        trace: As it was named.
        index: The physical index: an alias may have a filter, and a pattern several mappings.
        field: By which users can be told apart.
        kind: Type of that field.
    """

    trace: Trace
    index: str
    field: str
    kind: str

    def searches(self, users: Sequence[str]) -> Iterator[dict[str, Any]]:
        """A query for each part of some users."""
        there = [user for user in users if self._can_have(user)]
        for begin in range(0, len(there), AT_ONCE):
            yield {"terms": {self.field: there[begin : begin + AT_ONCE]}}

    def _can_have(self, user: str) -> bool:
        """Whether the index can hold an id: `007` is no number, and is none of user 7."""
        if self.kind not in _WHOLE_NUMBERS:
            return len(user.encode()) <= _LONGEST_BYTES
        least, most = _WHOLE_NUMBERS[self.kind]
        return bool(_NUMBER.fullmatch(user)) and least <= int(user) <= most


def look_up(client: Elasticsearch, trace: Trace, users: Sequence[str]) -> list[KnownTrace]:
    """Find the field that users are told apart by in each physical index: or its `.keyword`.

    Raises:
        IndexNotFound: No such index.
        ConfigError: An index has documents and no such field, or one by which a user cannot be
            found, or not told from others.
        UsageError: An id is too long to be found by.
        ClusterError: The cluster does not answer, or refuses.
    """
    try:
        with friendly_errors(client):
            found = client.indices.get(
                index=trace.index, expand_wildcards="all", allow_no_indices=False
            ).body
    except IndexNotFound:
        raise IndexNotFound(
            f"there is no index {trace.index!r} of {trace.what}; nothing was deleted. Name the one "
            "that there is, or leave it out if there is none"
        ) from None
    known = []
    for index, body in sorted(found.items()):
        here = _look_up(trace, index, body.get("mappings", {}), users)
        if here is not None:
            known.append(here)
        elif scan.count(client, index):
            raise ConfigError(
                f"{index} has no field {trace.user!r} that is a keyword or a whole number, so its "
                f"{trace.what} of a user cannot be found; nothing was deleted. Name the field with "
                "the user's ID, and indices that have it"
            )
    return known


def _look_up(
    trace: Trace, index: str, mappings: Mapping[str, Any], users: Sequence[str]
) -> KnownTrace | None:
    """The field of one index; None if it has none of use. Pure.

    Raises:
        ConfigError: The field does not tell each user from the others.
        UsageError: An id is too long for it.
    """
    field, mapped = trace.user, _mapped(mappings, trace.user, index)
    if mapped.get("type") == "alias":
        field = mapped["path"]
        mapped = _mapped(mappings, field, index)
    if mapped.get("type") == "text":
        field, mapped = f"{field}.keyword", mapped.get("fields", {}).get("keyword", {})
    kind = mapped.get("type")
    if kind not in _EXACT or mapped.get("index") is False:
        return None
    if "normalizer" in mapped:
        raise ConfigError(
            f"the field {field} of {index} has a normalizer, so it may take one user for another; "
            "nothing was deleted. Index the ID as it is"
        )
    most = mapped.get("ignore_above")
    if most is not None and any(len(user.encode("utf-16-le")) // 2 > most for user in users):
        raise UsageError(
            f"the field {field} of {index} finds no ID of more than {most} characters, and one of "
            "these has more; nothing was deleted. Index the ID as a keyword without ignore_above"
        )
    return KnownTrace(trace, index, field, kind)


def _mapped(mappings: Mapping[str, Any], path: str, index: str) -> Mapping[str, Any]:
    """What a mapping says of a field; empty if it has none.

    Raises:
        ConfigError: It is in nested objects, which a search for it would miss.
    """
    if path in mappings.get("runtime", {}):
        return mappings["runtime"][path]  # type: ignore[no-any-return]
    here: Mapping[str, Any] = mappings
    for name in path.split("."):
        if here.get("type") == "nested":
            raise ConfigError(
                f"the field {path} of {index} is in nested objects, by which a user cannot be "
                "found; nothing was deleted. Index the user's ID beside them"
            )
        here = here.get("properties", {}).get(name, {})
    return here


def count(client: Elasticsearch, known: KnownTrace, users: Sequence[str]) -> int:
    """How many rows of some users searches find.

    Raises:
        SearchFailed: A part of the index does not answer.
        ClusterError: The cluster does not answer, or refuses.
    """
    return sum(scan.count(client, known.index, query) for query in known.searches(users))


def delete(client: Elasticsearch, known: KnownTrace, users: Sequence[str]) -> int:
    """Delete all rows of some users, by their ids, for which every cluster has a way.

    Whoever writes meanwhile may write of them again, so it is looked again until none is found.

    Returns:
        How many rows were deleted.

    Raises:
        WriteError: A row cannot be deleted, or others come as fast as they are deleted.
        SearchFailed: A part of the index does not answer.
        ClusterError: The cluster does not answer, or refuses.
    """
    deleted = 0
    scan.make_visible(client, known.index)
    for _ in range(_ROUNDS):
        for query in known.searches(users):
            for hits in scan.pages(client, known.index, {"query": query, "_source": False}):
                deleted += _delete(client, hits)
        scan.make_visible(client, known.index)
        if not count(client, known, users):
            return deleted
    raise WriteError(
        f"another program writes {known.trace.what} of these users into {known.index} as fast as "
        f"they are deleted ({deleted} so far); stop that, and do the same again"
    )


def _delete(client: Elasticsearch, hits: Sequence[scan.Hit]) -> int:
    """How many of them were there to be deleted."""
    lines = [
        {"delete": {"_index": hit["_index"], "_id": hit["_id"], **routed(hit.get("_routing"))}}
        for hit in hits
    ]
    with friendly_errors(client):
        answer = client.bulk(operations=lines)
    gone = 0
    for line, item in zip(lines, answer["items"], strict=True):
        told = item["delete"]
        if told["status"] == HTTPStatus.OK:
            gone += 1
        elif told["status"] != HTTPStatus.NOT_FOUND:  # somebody else has deleted it
            raise WriteError(
                f"a row of {line['delete']['_index']} cannot be deleted: {explained(told['error'])}"
            )
    return gone
