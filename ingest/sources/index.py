"""Records of an index that exists: a team's own, or one that this program made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es import exact_json
from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.retry import Patience, passes
from xlrec_es.errors import (
    ClusterError,
    ConfigError,
    IndexNotFound,
    IndexUnusable,
    InvalidJson,
    PointInTimeLost,
    SourceError,
)
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.live_index import adds_something
from xlrec_es.records.record import Record, Rejection, Stored

POLL_S = 1.0
"""Pause before an index that is followed is asked again whether something was written."""


class IndexSource:
    """All documents of an index, or those that a query matches, as of one point in time.

    The user's fields come as they are. Where this program made the index, its own object is no
    field of the user's: what it says of language and work goes into `Record.own`.

    A point in time dies with its node and cannot be sorted the same way again, so a position means
    nothing to a later run.

    Followed, it goes on with what is written later, in the order of `_seq_no`: Elasticsearch itself
    numbers the operations of each shard, so there is no clock to trust and no field to declare. A
    change is seen `POLL_S` after it at the latest. What is deleted has no document to be seen.

    Args:
        client: Of its cluster.
        index: Index, or alias of one index.
        query: An Elasticsearch query.
        follow: Wait for what is written later.
        slices: Parts of it that are read at the same time.
        in_place: The records are to be completed where they are: they come as the user's fields
            alone tell them, with `Record.stored` in place of `Record.own`.

    Attributes:
        part: Which of how many parts is read, from 0, the same at any time; None: all of it.

    Raises:
        IndexUnusable: There is no such index, or the alias stands for several.
        SourceError: The index does not keep what was written into it.
        ClusterError: The cluster does not answer, or refuses.
    """

    path = None
    rereadable = True
    resumable = False

    def __init__(
        self,
        client: Elasticsearch,
        index: str,
        query: Mapping[str, Any] | None = None,
        *,
        follow: bool = False,
        slices: int = 1,
        in_place: bool = False,
    ) -> None:
        self.part: tuple[int, int] | None = None
        self.name = f"index {index}"
        self._client = client
        self._query = query or {"match_all": {}}
        self._follow = follow
        self._slices = slices
        self._in_place = in_place
        with friendly_errors(client):
            found = client.indices.get(index=index, flat_settings=True).body
        if not found:
            raise IndexNotFound(f"there is no index {index}")
        if len(found) > 1:
            raise IndexUnusable(
                f"{index} stands for {len(found)} indices ({', '.join(sorted(found))}), whose "
                "mappings may contradict each other; name one"
            )
        [(self._index, body)] = found.items()
        mappings = body["mappings"]
        if mappings.get("_source", {}).get("enabled") is False:
            raise SourceError(f"{self._index} does not store its documents (_source is disabled)")
        self.like: Mapping[str, Any] | None = body
        # As in `LiveIndex.searched`: what an alias adds is Elasticsearch's to respect.
        self._searched = (
            index if adds_something(index, self._index, body["aliases"]) else self._index
        )
        self._is_ours = OWN_FIELD in mappings.get("_meta", {})
        self._source = scan.whole_source(client)
        self._total = 0
        self._read = 0
        self._done: dict[str, int] = {}  # and refreshed since

    @property
    def fraction(self) -> float | None:
        """See `Source.fraction`."""
        return min(1.0, self._read / self._total) if self._total else None

    def records(self, after: int = 0) -> Iterator[Record | Rejection | None]:
        """See `Source.records`; positions count the documents, and hold for this call alone."""
        with friendly_errors(self._client):
            # What has been written is read, even if no search has seen it yet: where that may be
            # asked for, which somebody who may but read it may not.
            with contextlib.suppress(elasticsearch.AuthorizationException):
                self._client.indices.refresh(index=self._searched)
            self._total = self._client.count(index=self._searched, query=self._query)["count"]
        self._read = 0
        yield from self._changes() if self._follow else self._matches(self._query)

    def _changes(self) -> Iterator[Record | Rejection | None]:
        """What there is, and what is written later; None at the end for now.

        A round that is broken off is read again from its beginning: what the worker has of it
        already, it passes over.
        """
        done: dict[str, int] = {}
        well_at = time.monotonic()
        while True:
            try:
                now = self._operations_done()
                for shard, number in now.items():
                    before = done.get(shard, -1)
                    if number > before:
                        newer, place = scan.written_after(shard, before)
                        query = {"bool": {"filter": [self._query, newer]}}
                        yield from self._matches(query, preference=place)
                        done[shard] = number
                well_at = time.monotonic()
            except ClusterError as error:
                lost = isinstance(error, PointInTimeLost) or passes(error)
                if not lost or time.monotonic() - well_at > Patience().retry_s:
                    raise
            yield None
            time.sleep(POLL_S)

    def _operations_done(self) -> dict[str, int]:
        """See `scan.operations_done`; all of it can be searched."""
        done = scan.operations_done(self._client, self._index)
        if done != self._done:
            scan.make_visible(self._client, self._searched)
            self._done = done
        return done

    def _matches(
        self, query: Mapping[str, Any], *, preference: str | None = None
    ) -> Iterator[Record | Rejection]:
        body = {
            "query": query,
            "_source": self._source,
            "seq_no_primary_term": self._in_place,
        }
        client, index = self._client, self._searched
        if self.part is None:
            pages = scan.pages(client, index, body, preference=preference, slices=self._slices)
        else:
            number, most = self.part
            pages = scan.pages_of_slice(client, index, body, number=number, of=most)
        for hits in pages:
            for hit in hits:
                self._read += 1
                yield self._record(hit)

    def _record(self, hit: scan.Hit) -> Record | Rejection:
        (id_, routing), fields = scan.key_of(hit), dict(hit["_source"])
        own = fields.pop(OWN_FIELD, None) if self._is_ours or self._in_place else None
        try:  # Elasticsearch holds more than can be written again
            size = len(exact_json.dumps_readable(fields))
            if not isinstance(own, Mapping | None):
                raise InvalidJson(f"not of this program: its field {OWN_FIELD} is no object")
        except InvalidJson as error:
            return Rejection(self._read, "read", f"document {id_!r} is {error}", fields, id_)
        if not self._in_place:
            return Record(fields, self._read, id=id_, own=own, size=size, routing=routing)
        stored = Stored(own or {}, hit["_seq_no"], hit["_primary_term"], routing)
        return Record(fields, self._read, id=id_, size=size, stored=stored, routing=routing)


def parse_query(text: str) -> dict[str, Any] | None:
    """Read `--query`.

    Args:
        text: A query in JSON; `@FILE` for one in a file; empty for none.

    Raises:
        ConfigError: Not a JSON object, or no such file.
    """
    if not text:
        return None
    try:
        content = Path(text[1:]).read_bytes() if text.startswith("@") else text.encode()
        query = exact_json.loads(content, exact=False)
    except OSError as error:
        raise ConfigError(f"--query {text}: {error.strerror}") from error
    except ValueError as error:  # half a character, or NUL in a file's name
        raise ConfigError(f"--query cannot be read: {error}") from error
    except InvalidJson as error:
        raise ConfigError(f"--query is {error}") from error
    if not isinstance(query, dict):
        raise ConfigError('--query is not a query; write an object such as {"term": {"shop": "x"}}')
    return query
