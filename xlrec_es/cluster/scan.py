"""Read all documents of an index as they are at one point in time."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.capabilities import server_version
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import (
    ClusterError,
    IndexNotFound,
    PermissionDenied,
    PointInTimeLost,
    SearchFailed,
)

Hit = Mapping[str, Any]

PAGE = 1000
"""Documents in a page: with vectors and texts some megabytes."""

MOST = 10_000
"""Hits of a search, where an index says nothing else."""

BAD_REQUEST = 400

# How long whoever reads may take over one page. A worker stands still while Elasticsearch is down,
# and its source waits with it; a longer time holds deleted documents' space for longer, no more.
_KEEP_ALIVE = "30m"
_COPIES_S = 60.0  # the cluster itself gives up a copy that does not answer sooner
_PAUSE_S = 0.1


def key_of(hit: Hit) -> tuple[str, str | None]:
    """What a document is told by: an id may be several documents', by their routings."""
    return hit["_id"], hit.get("_routing")


def whole_source(client: Elasticsearch) -> dict[str, Any] | bool:
    """The `_source` to ask for, to get documents with their vectors.

    From 9.2 vectors are left out unless they are asked for, and before, asking is an error.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        return {"exclude_vectors": False} if server_version(client) >= (9, 2, 0) else True


def operations_done(client: Elasticsearch, index: str) -> dict[str, int]:
    """By shard, the number (`_seq_no`) up to which every copy has every operation; -1 for none.

    After `make_visible`, searches find what these operations wrote, whichever copy answers: the
    primary alone may be ahead of a replica (its `local_checkpoint`). A higher number may be found
    too, while one below it is still being written, so it is this that a reader goes on from.

    Args:
        client: Of the cluster.
        index: A physical index.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    return {number: one["global_checkpoint"] for number, one in _primaries(client, index).items()}


def last_operations(client: Elasticsearch, index: str) -> dict[str, int]:
    """By shard, the number (`_seq_no`) of its last operation; -1 for none. A clone has it too.

    Args:
        client: Of the cluster.
        index: A physical index.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    return {number: one["max_seq_no"] for number, one in _primaries(client, index).items()}


def wait_for_copies(client: Elasticsearch, index: str) -> None:
    """Wait until every copy of each shard has all that was written, while nobody writes.

    Args:
        client: Of the cluster.
        index: A physical index.

    Raises:
        ClusterError: Some have it not yet after a minute; or it does not answer, or refuses.
    """
    deadline = time.monotonic() + _COPIES_S
    while True:
        behind = [
            number
            for number, one in _primaries(client, index).items()
            if one["global_checkpoint"] < one["max_seq_no"]
        ]
        if not behind:
            return
        if time.monotonic() > deadline:
            raise ClusterError(
                f"not every copy of {index} has all that was written (shard {', '.join(behind)}); "
                f"see why: GET _cat/shards/{index}, and do the same again"
            )
        time.sleep(_PAUSE_S)


def make_visible(client: Elasticsearch, index: str) -> None:
    """Have searches find what was written before, whichever copy of a shard answers.

    Raises:
        ClusterError: A copy cannot do so now; or it does not answer, or refuses.
    """
    with friendly_errors(client):
        shards = client.indices.refresh(index=index)["_shards"]
    if shards["failed"]:
        raise ClusterError(
            f"{shards['failed']} of {shards['total']} copies of the shards of {index} could not "
            f"make visible what was written; see why: GET _cat/shards/{index}, and try again",
            status=503,
        )


def count(
    client: Elasticsearch,
    index: str,
    query: Mapping[str, Any] | None = None,
    *,
    preference: str | None = None,
) -> int:
    """How many documents searches find; of a part of the index alone, none.

    Raises:
        SearchFailed: Some shards did not answer.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        answer = client.count(index=index, query=query, preference=preference)
    shards = answer["_shards"]
    if shards["failed"]:
        raise SearchFailed(
            f"{shards['failed']} of {shards['total']} shards of {index} did not count; see why: "
            f"GET _cat/shards/{index}, and do the same again",
            status=503,
        )
    return int(answer["count"])


def _primaries(client: Elasticsearch, index: str) -> dict[str, Mapping[str, int]]:
    """Of the primary of each shard, by its number, how far its operations are."""
    with friendly_errors(client):
        stats = client.indices.stats(index=index, level="shards", metric="docs")
    return {
        number: copy["seq_no"]
        for number, copies in stats["indices"][index]["shards"].items()
        for copy in copies
        if copy["routing"]["primary"]
    }


def written_after(shard: str, number: int) -> tuple[dict[str, Any], str]:
    """What was written to a shard after an operation: a query, and the `preference` to ask it with.

    What was deleted meanwhile has no document that could be found.

    Args:
        shard: Its number, as `operations_done` has it.
        number: Of the operation; -1 for all that there is.
    """
    return {"range": {"_seq_no": {"gt": number}}}, f"_shards:{shard}"


def pages(
    client: Elasticsearch,
    index: str,
    body: Mapping[str, Any],
    *,
    page: int | None = None,
    preference: str | None = None,
    slices: int = 1,
) -> Iterator[list[Hit]]:
    """All documents, in pages that are not empty.

    Nothing that is written meanwhile is seen, and nothing is seen twice. The order is that of the
    shards (`_shard_doc`), which costs no sorting; of several slices, as they come. One request
    after another is the default: on one node, 40,000 documents of 1 kB came at 13,000 to 30,000 a
    second, and 2 or 4 slices were no faster beyond the noise (15,000 to 41,000 on 2 cores), while
    an encoder takes hundreds. An index that is spread over nodes may be read faster in slices.

    Args:
        client: Of the cluster.
        index: Index or alias.
        body: What to ask for: `query`, `_source`, `fields` ...
        page: Documents in a page, 10,000 at most; None for `PAGE`. Fewer where the index allows
            fewer.
        preference: Which shards: `_shards:0`.
        slices: Parts that are read at the same time, a page of each ahead.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
        PointInTimeLost: It forgot the point in time, because its node was restarted.
    """
    asked = {"sort": ["_shard_doc"], "track_total_hits": False, **body, "size": page or PAGE}
    parts: list[dict[str, Any]] = [asked]
    if slices > 1:
        parts = [{**asked, "slice": {"id": number, "max": slices}} for number in range(slices)]
    with friendly_errors(client):
        pit = client.open_point_in_time(index=index, keep_alive=_KEEP_ALIVE, preference=preference)[
            "id"
        ]
    has_read = False
    try:
        for hits in _merged([_pages_of(client, index, part, pit) for part in parts]):
            has_read = True
            yield hits
    except PermissionDenied:
        if has_read:
            raise
        # At a point in time Elasticsearch asks what a key may do with the index itself, and not
        # with the alias that it was opened by; a scroll is for whoever may search the alias.
        yield from _merged([_scrolled(client, index, part, preference) for part in parts])
    finally:
        # It goes by itself after a while, so a failure here is not worth an error.
        with contextlib.suppress(elasticsearch.ApiError, elasticsearch.TransportError):
            client.close_point_in_time(id=pit)


def pages_of_slice(
    client: Elasticsearch, index: str, body: Mapping[str, Any], *, number: int, of: int
) -> Iterator[list[Hit]]:
    """One of several parts of an index, which is the same for every reader, at any time.

    A scroll tells parts apart by shards and by the hashes of ids. A point in time tells them apart
    by places in files, which change, and servers before 9 take no other field for it.

    Args:
        client: Of the cluster.
        index: Index or alias.
        body: As of `pages`.
        number: Of the part, from 0.
        of: How many parts there are, 2 or more.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
        PointInTimeLost: A node was restarted meanwhile.
    """
    asked = {"sort": ["_doc"], **body, "size": PAGE, "slice": {"id": number, "max": of}}
    yield from _scrolled(client, index, asked, None)


def _scrolled(
    client: Elasticsearch, index: str, asked: Mapping[str, Any], preference: str | None
) -> Iterator[list[Hit]]:
    """The same by a scroll, which a key for an alias alone may use, too."""
    body = {name: value for name, value in asked.items() if name != "track_total_hits"}
    if body["sort"] == ["_shard_doc"]:
        body["sort"] = ["_doc"]

    def begin() -> Any:  # noqa: ANN401 - the client's answer
        with friendly_errors(client):
            return client.search(
                index=index,
                body=body,
                scroll=_KEEP_ALIVE,
                preference=preference,
                allow_partial_search_results=False,
            )

    try:
        answer = begin()
    except ClusterError as error:
        body = _within_window(client, index, body, error)
        answer = begin()
    try:
        while hits := answer["hits"]["hits"]:
            yield hits
            with friendly_errors(client):
                answer = client.scroll(scroll_id=answer["_scroll_id"], scroll=_KEEP_ALIVE)
            if answer["_shards"]["failed"]:
                raise PointInTimeLost(
                    "a part of the index can no longer be read, because a node was restarted or "
                    "half an hour went by; do the same again"
                )
    finally:
        with contextlib.suppress(elasticsearch.ApiError, elasticsearch.TransportError):
            client.clear_scroll(scroll_id=answer["_scroll_id"])


def _pages_of(
    client: Elasticsearch, index: str, asked: dict[str, Any], pit: str
) -> Iterator[list[Hit]]:
    while True:
        try:
            answer = _next(client, {**asked, "pit": {"id": pit, "keep_alive": _KEEP_ALIVE}})
        except ClusterError as error:
            asked = _within_window(client, index, asked, error)
            continue
        hits: list[Hit] = answer["hits"]["hits"]
        if not hits:
            return
        yield hits
        asked = {**asked, "search_after": hits[-1]["sort"]}
        pit = answer.get("pit_id", pit)


def _within_window(
    client: Elasticsearch, index: str, asked: dict[str, Any], error: ClusterError
) -> dict[str, Any]:
    """What was refused with an error, with a page that the index allows; else that error."""
    most = most_hits(client, index) if error.status == BAD_REQUEST else asked["size"]
    if most >= asked["size"]:
        raise error
    return {**asked, "size": most}


def most_hits(client: Elasticsearch, index: str) -> int:
    """How many hits a search of an index may have (`index.max_result_window`).

    Args:
        client: Of the cluster.
        index: Index, alias or pattern: of several, it is what all of them allow.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    name = "index.max_result_window"
    with friendly_errors(client):
        answer = client.indices.get_settings(index=index, name=name, flat_settings=True).body
    return min((int(body["settings"].get(name, MOST)) for body in answer.values()), default=MOST)


def _merged(parts: Sequence[Iterator[list[Hit]]]) -> Iterator[list[Hit]]:
    """Pages of all parts as they come, each in a thread, with no more than one page waiting."""
    if len(parts) == 1:
        yield from parts[0]
        return
    with ThreadPoolExecutor(len(parts), "slice") as readers:
        coming = {readers.submit(next, part, None): part for part in parts}
        while coming:
            done, _ = wait(coming, return_when=FIRST_COMPLETED)
            for future in done:
                part, hits = coming.pop(future), future.result()
                if hits is not None:
                    coming[readers.submit(next, part, None)] = part
                    yield hits


def _next(client: Elasticsearch, body: dict[str, Any]) -> Mapping[str, Any]:
    try:
        with friendly_errors(client):
            answer = client.search(body=body, allow_partial_search_results=False)
    except IndexNotFound as error:
        if "search_context_missing" not in str(getattr(error.__cause__, "body", "")):
            raise
        raise PointInTimeLost(
            "Elasticsearch does not remember the point in time that was being read, because a node "
            "was restarted or half an hour went by; do the same again"
        ) from error
    return answer.body  # type: ignore[no-any-return]
