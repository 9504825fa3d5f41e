"""Documents that have one id under several routings: a copy must have room for each of them.

Elasticsearch keeps ids apart within a shard alone. Where a routing chooses the shard, two documents
may have one id, as long as their shards are two. In an index of fewer shards, or of others, the
later of them would take the place of the earlier.
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterator

import numpy as np
from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexUnusable, PermissionDenied

_PAGE = 10_000
_SEVERAL = "index.number_of_shards"


def check_kept_apart(client: Elasticsearch, source: str, target: str) -> None:
    """See that documents of one id come into different shards of another index, too.

    Args:
        client: Of the cluster.
        source: An index, or an alias of one.
        target: A physical index, into which all of the documents are to be copied.

    Raises:
        IndexUnusable: Some would take the place of others; one of them is named.
        ClusterError: The cluster does not answer, or refuses.
    """
    shards: dict[str, frozenset[int]] = {}
    together: dict[str, list[str]] = {}
    for id_, routings in _of_several(client, source).items():
        taken: set[int] = set()
        for routing in routings:
            chosen = id_ if routing is None else routing
            if chosen not in shards:
                shards[chosen] = _shards(client, target, chosen)
            if taken & shards[chosen]:
                together[id_] = [routing or "none" for routing in routings]
            taken |= shards[chosen]
    if together:
        id_, names = next(iter(together.items()))
        raise IndexUnusable(
            f"{source} has {len(together)} ids that several documents have, told apart by their "
            f"routing alone, such as {id_!r} (routing {', '.join(names)}); in {target} they come "
            "into one shard, where one would take the place of the other, so nothing was copied. "
            "Have as many shards there as here, or give them ids of their own"
        )


def _of_several(client: Elasticsearch, index: str) -> dict[str, list[str | None]]:
    """The routings of each id that several documents have."""
    with friendly_errors(client):
        found = client.indices.get_settings(index=index, flat_settings=True).body.values()
    if all(body["settings"][_SEVERAL] == "1" for body in found):
        return {}
    with contextlib.suppress(PermissionDenied):  # somebody who may but read it may not ask for that
        scan.make_visible(client, index)
    if not scan.count(client, index, {"exists": {"field": "_routing"}}):
        return {}
    # By their hashes first: there may be millions, and as a rule none is there twice.
    hashes = array("q", (hash(id_) for id_, _ in _keys(client, index)))
    values, counts = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
    twice = set(values[counts > 1].tolist())
    routings: dict[str, list[str | None]] = {}
    for id_, routing in _keys(client, index) if twice else ():
        if hash(id_) in twice:
            routings.setdefault(id_, []).append(routing)
    return {id_: several for id_, several in routings.items() if len(several) > 1}


def _keys(client: Elasticsearch, index: str) -> Iterator[tuple[str, str | None]]:
    for hits in scan.pages(client, index, {"_source": False}, page=_PAGE):
        yield from map(scan.key_of, hits)


def _shards(client: Elasticsearch, index: str, routing: str) -> frozenset[int]:
    """Where documents of a routing may come; several for a partitioned index."""
    with friendly_errors(client):
        groups = client.search_shards(index=index, routing=routing)["shards"]
    return frozenset(copy["shard"] for group in groups for copy in group)
