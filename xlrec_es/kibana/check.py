"""Whether dashboards and saved searches would work: each of their searches is sent."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.answers import lacks_of
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import AuthenticationFailed, ClusterUnreachable, XlrecError
from xlrec_es.kibana.searches import Search


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a search.

    Attributes:
        search: That was sent.
        hits: Documents that it found; None where it failed.
        seconds: It took, with the way there and back.
        missing: Fields that it names and no index has.
        problem: Why it failed, or None.
    """

    search: Search
    hits: int | None
    seconds: float
    missing: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def failed(self) -> bool:
        """Whether Kibana would show an error, or what is not there."""
        return self.problem is not None or bool(self.missing)

    @property
    def why(self) -> str:
        """What is wrong, in a sentence; empty if nothing is."""
        if self.problem is not None:
            return self.problem
        if self.missing:
            return f"{self.search.index} has no field {', '.join(self.missing)}"
        return ""


def check(client: Elasticsearch, searches: Iterable[Search]) -> Iterator[Checked]:
    """Send each search as Kibana does.

    Args:
        client: Of the cluster.
        searches: See `searches.searches_of`.

    Raises:
        ClusterUnreachable: Nothing answers.
        AuthenticationFailed: The cluster does not accept the credentials.
    """
    known: dict[str, frozenset[str]] = {}
    absent: dict[str, tuple[str, ...]] = {}
    for search in searches:
        began = time.perf_counter()
        try:
            if search.index not in known:
                absent[search.index] = absent_of(client, search.index)
                known[search.index] = fields_there(client, search.index)
                began = time.perf_counter()
            answer = send(client, search.index, search.body)
        except (ClusterUnreachable, AuthenticationFailed):
            raise
        except XlrecError as error:
            yield Checked(search, None, time.perf_counter() - began, (), str(error))
            continue
        seconds, hits = time.perf_counter() - began, answer["hits"]["total"]["value"]
        missing = tuple(name for name in search.fields if name not in known[search.index])
        yield Checked(search, hits, seconds, missing, _lack(absent[search.index], answer))


def send(client: Elasticsearch, index: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer to a search, as Kibana asks: indices that are missing are passed over.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        answer: Mapping[str, Any] = client.search(
            index=index, body={**body, "track_total_hits": True}, ignore_unavailable=True
        ).body
    return answer


def fields_there(client: Elasticsearch, index: str) -> frozenset[str]:
    """The fields that documents of an index may have, and those in objects of them.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        found = client.field_caps(index=index, fields="*", ignore_unavailable=True)["fields"]
    return frozenset(found)


def absent_of(client: Elasticsearch, index: str) -> tuple[str, ...]:
    """The names and patterns of a list that no index has; a key needs no more than `read`.

    Args:
        client: Of the cluster.
        index: Names and patterns, with commas between.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    named = [part for part in index.split(",") if part and not part.startswith("-")]
    found = {part: send(client, part, {"size": 0}) for part in dict.fromkeys(named)}
    return tuple(part for part, answer in found.items() if not answer["_shards"]["total"])


def _lack(absent: Sequence[str], answer: Mapping[str, Any]) -> str | None:
    if absent:
        return f"there is no index {' and none '.join(absent)}"
    lacks = lacks_of(answer)
    return f"the search {' and '.join(lacks)}" if lacks else None
