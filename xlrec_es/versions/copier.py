"""Bring what an index has, and what is written into it meanwhile, into another.

Elasticsearch numbers the operations of each shard (`_seq_no`). A round copies the documents whose
number is above the shard's checkpoint of the round before. What was deleted has no document, and is
found by comparing ids, when the counts say that something is left over.

Elasticsearch's `_reindex` does less: it takes vectors along from 9.2 (elasticsearch#130834), and a
query for `_seq_no` would make rounds of it, but it does not encode, does not delete, and is gone
with the node that runs it (elasticsearch#42612). Which of the two is faster has not been measured:
the servers of the tests do not have it.

Versions are taken over (`external_gte`), so that whoever writes with versions of his own goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.bulk import BulkWriter, Operation
from xlrec_es.cluster.retry import Patience
from xlrec_es.cluster.scan import Hit, key_of
from xlrec_es.errors import InvalidJson
from xlrec_es.index.hits import routed
from xlrec_es.vectors.vector import pack

T = TypeVar("T")

WRITERS = 3
"""Pages that are under way to Elasticsearch while the next is read and transformed."""
_IDS_PAGE = 10_000
_MGET = 1000

Transform = Callable[[Sequence[Hit]], Sequence[Mapping[str, Any] | str]]
"""Makes of each hit the new document's source, or says why there can be none."""


@dataclass(slots=True)
class CopyCounts:
    """What has been done.

    Attributes:
        copied: Documents written.
        unchanged: Documents that were there already.
        deleted: Documents removed, because the source has them no longer.
        refused: Why a document could not be written or removed, by its id, and its routing if it
            has one.
    """

    copied: int = 0
    unchanged: int = 0
    deleted: int = 0
    refused: dict[str, str] = field(default_factory=dict)


class Copier:
    """Copies from one index into another, into which nobody else writes.

    Args:
        client: Of the cluster.
        source: A physical index.
        target: Another.
        transform: Makes the documents of the target.
        observe: Is told after each page.
    """

    def __init__(
        self,
        client: Elasticsearch,
        source: str,
        target: str,
        *,
        transform: Transform,
        observe: Callable[[CopyCounts], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._source = source
        self._target = target
        self._transform = transform
        self._observe = observe
        self._patience = Patience()
        self._writer = BulkWriter(client, target, patience=self._patience)
        self._body = {"_source": scan.whole_source(client), "version": True}
        self.tally = CopyCounts()

    @property
    def source(self) -> str:
        """The index that is copied."""
        return self._source

    @property
    def target(self) -> str:
        """The one that is written."""
        return self._target

    def checkpoint(self) -> dict[str, int]:
        """By shard, the number up to which every operation is done, and found by `copy_after`."""
        done = scan.operations_done(self._client, self._source)
        scan.make_visible(self._client, self._source)
        return done

    def wait_for_copies(self) -> None:
        """See that the checkpoint is of all that was written, while nobody writes."""
        scan.wait_for_copies(self._client, self._source)

    def copy_after(self, done: Mapping[str, int], shards: Sequence[str]) -> int:
        """Copy what was written after these checkpoints; -1 where there is none.

        Returns:
            How many documents.
        """
        before = self.tally.copied
        for shard in shards:
            query, place = scan.written_after(shard, done.get(shard, -1))
            body = {**self._body, "query": query}
            self._copy(scan.pages(self._client, self._source, body, preference=place))
        return self.tally.copied - before

    def copy_missing(self) -> int:
        """Copy what the target does not have in the source's version: for going on after a crash.

        Returns:
            How many documents.
        """
        before = self.tally.copied
        body = {"_source": False, "version": True}
        scan.make_visible(self._client, self._target)
        for hits in scan.pages(self._client, self._source, body, page=_MGET):
            there = self._versions(self._target, [hit["_id"] for hit in hits])
            missing = [hit for hit in hits if there.get(key_of(hit)) != hit["_version"]]
            self.tally.unchanged += len(hits) - len(missing)
            if missing:
                ids = {"ids": {"values": [hit["_id"] for hit in missing]}}
                self._copy(scan.pages(self._client, self._source, {**self._body, "query": ids}))
        return self.tally.copied - before

    def remove_deleted(self) -> int:
        """Remove from the target what the source does not have.

        Returns:
            How many documents.
        """
        if not self.tally.refused and self.count(self._source) == self.count(self._target):
            return 0  # all of the source is in the target, so there is nothing else in it
        scan.make_visible(self._client, self._source)
        scan.make_visible(self._client, self._target)
        removed = 0
        for hits in scan.pages(self._client, self._target, {"_source": False}, page=_MGET):
            there = self._versions(self._source, [hit["_id"] for hit in hits])
            gone = {_name(hit): hit for hit in hits if key_of(hit) not in there}
            refused = self._delete(gone)
            for name in gone:
                self.tally.refused.pop(name, None)
            self.tally.refused |= refused
            removed += len(gone) - len(refused)
        self.tally.deleted += removed
        return removed

    def _delete(self, gone: Mapping[str, Hit]) -> dict[str, str]:
        """Remove documents, by name; why some stay."""
        written = self._writer.write(
            Operation.delete(_Gone(name, hit["_id"]), **routed(hit.get("_routing")))
            for name, hit in gone.items()
        )
        stay = {one.document.name: one.reason for one in written.refused}
        stay |= {one.document.name: "another program wrote it" for one in written.superseded}
        return {name: f"it was deleted, and stays: {reason}" for name, reason in stay.items()}

    def count(self, index: str) -> int:
        """How many documents an index has, unrefreshed ones too."""
        scan.make_visible(self._client, index)
        return scan.count(self._client, index)

    def _versions(self, index: str, ids: Sequence[str]) -> dict[tuple[str, str | None], int]:
        # Not by mget, which does not find what was written with a routing.
        body = {"_source": False, "version": True, "query": {"ids": {"values": ids}}}
        pages = scan.pages(self._client, index, body, page=_IDS_PAGE)
        return {key_of(hit): hit["_version"] for hits in pages for hit in hits}

    def _copy(self, pages: Iterator[list[Hit]]) -> None:
        """Read, transform and write at the same time. No document is in two pages."""
        under_way: deque[tuple[list[Hit], Future[dict[str, str]]]] = deque()
        with ThreadPoolExecutor(WRITERS, "write") as writers:
            try:
                for hits in _one_ahead(pages):
                    made = self._transform(hits)
                    if len(under_way) == WRITERS:
                        self._account(*under_way.popleft())
                    under_way.append((hits, writers.submit(self._write, hits, made)))
                while under_way:
                    self._account(*under_way.popleft())
            except BaseException:
                # Or the threads would try for minutes, and we would wait for them.
                self._patience.give_up.set()
                raise

    def _write(
        self, hits: Sequence[Hit], sources: Sequence[Mapping[str, Any] | str]
    ) -> dict[str, str]:
        """Write a page; why documents were refused, by name."""
        made = list(zip(hits, sources, strict=True))
        refused = {_name(hit): source for hit, source in made if isinstance(source, str)}
        written = self._writer.write(_operations(made, refused))
        # A document that was deleted and made again counts its versions from 1 again.
        again = self._writer.write(one.document.operation() for one in written.superseded)
        written.refused += again.refused
        return refused | {_name(one.document.hit): one.reason for one in written.refused}

    def _account(self, hits: Sequence[Hit], written: Future[dict[str, str]]) -> None:
        refused = written.result()
        for hit in hits:
            self.tally.refused.pop(_name(hit), None)  # what was refused may have been mended
        self.tally.refused |= refused
        self.tally.copied += len(hits) - len(refused)
        self._observe(self.tally)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A document of the source, as it is to be written into the target."""

    hit: Hit
    source: Mapping[str, Any]

    @property
    def id(self) -> str:
        id_: str = self.hit["_id"]
        return id_

    def operation(self, **conditions: object) -> Operation[_Copy]:
        # A default pipeline has done its work already.
        return Operation.index(
            self, self.source, pipeline="_none", **routed(self.hit.get("_routing")), **conditions
        )


@dataclass(frozen=True, slots=True)
class _Gone:
    """A document that the source has no longer."""

    name: str
    id: str


def _one_ahead(pages: Iterator[T]) -> Iterator[T]:
    """Get the next while the one before is dealt with."""
    with ThreadPoolExecutor(1, "read") as reader:
        coming = reader.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = reader.submit(next, pages, None)
            yield page


def _operations(
    made: Iterable[tuple[Hit, Mapping[str, Any] | str]], refused: dict[str, str]
) -> Iterator[Operation[_Copy]]:
    """What writes each document that was made; to `refused` is added why one cannot be written."""
    for hit, source in made:
        if isinstance(source, str):
            continue
        newer = {"version": hit["_version"], "version_type": "external_gte"}
        try:
            yield _Copy(hit, source).operation(**newer)
        except InvalidJson as error:  # Elasticsearch holds more than can be written again
            refused[_name(hit)] = str(error)


def _name(hit: Hit) -> str:
    """What a document is called where people read of it."""
    id_, routing = key_of(hit)
    return id_ if routing is None else f"{id_} (routing {routing})"


def copied_as_is(*, packed: bool) -> Transform:
    """The transform that changes nothing.

    Args:
        packed: Whether the server takes vectors as Base64, which is a quarter of the size.
    """

    def transform(hits: Sequence[Hit]) -> list[Mapping[str, Any] | str]:
        return [packed_source(hit["_source"]) if packed else hit["_source"] for hit in hits]

    return transform


def packed_source(source: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same document with its vector as Base64."""
    own = source.get("xlrec")
    if not isinstance(own, Mapping) or not isinstance(own.get("embedding"), list):
        return source
    return {**source, "xlrec": {**own, "embedding": pack(np.asarray(own["embedding"]))}}
