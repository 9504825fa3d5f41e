"""What `_meta.xlrec.indicators` says of a generation of indicators, written by several machines.

What is learned of another relation has such a note of its own, in `_meta.xlrec.relations`.

A generation is everything that indicators were made of, as one digest. Each shard notes when it
begins and when it is done, and the generation is complete when all shards are. Elasticsearch
replaces `_meta` as a whole and knows no condition on it, so two shards that finish at once may
overwrite each other's note; each therefore looks again after a while, and notes itself again if it
is gone. A note that is lost all the same leaves the generation incomplete, and never the other way
round: any shard of it, run again, mends that and has hardly anything to write.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from elasticsearch import Elasticsearch

from ingest.shard import Shard
from xlrec_es.errors import WriteError
from xlrec_es.index.fields import TASTE, Relation
from xlrec_es.index.live_index import find_live, update_meta

SETTLED_S = 2.0
"""A note that still stands after so long is not in another shard's way: between reading `_meta` and
writing it are some milliseconds."""

MIXED = "mixed"
_MARKETS = "markets"


def begin(
    client: Elasticsearch,
    index: str,
    note: Mapping[str, Any],
    shard: Shard,
    *,
    relation: Relation = TASTE,
) -> None:
    """Say that a shard of a generation is going to be written.

    Args:
        client: Of the cluster.
        index: The physical index.
        note: What there is to be said of the generation, `generation` among it.
        shard: Which part; it counts as not done until `finish`.
        relation: What is learned.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    live = find_live(client, index)
    stored = live.meta.learned(relation)
    done = _done(stored, note["generation"], shard.count) - {shard.number}
    begun = _described(note, stored, done, shard.count)
    update_meta(client, live, live.meta.with_learned(relation, begun))


def finish(
    client: Elasticsearch,
    index: str,
    note: Mapping[str, Any],
    shard: Shard,
    *,
    relation: Relation = TASTE,
) -> bool:
    """Say that a shard is written.

    Args:
        client: Of the cluster.
        index: The physical index.
        note: As for `begin`.
        shard: Which part.
        relation: As for `begin`.

    Returns:
        Whether that completes the generation.

    Raises:
        WriteError: Another generation was begun meanwhile; documents may hold either's indicators.
        ClusterError: The cluster does not answer, or refuses.
    """
    seen: set[int] = {shard.number}
    while True:
        live = find_live(client, index)
        stored = live.meta.learned(relation)
        if stored.get("generation") != note["generation"]:
            mixed = {**stored, "generation": MIXED, "complete": False}
            update_meta(client, live, live.meta.with_learned(relation, mixed))
            raise WriteError(
                f"while indicators were written into {index}, another run began to write others: "
                "documents may hold either's. Run one of the two again"
            )
        done = _done(stored, note["generation"], shard.count)
        complete = len(done | seen) == shard.count
        if seen <= done and stored["complete"] == complete:
            return complete
        seen |= done
        ended = _described(note, stored, seen, shard.count)
        update_meta(client, live, live.meta.with_learned(relation, ended))
        if shard.count > 1:
            time.sleep(SETTLED_S)


def _done(stored: Mapping[str, Any], generation: str, count: int) -> set[int]:
    """Shards that are written of a generation, by what is noted."""
    if (stored.get("generation"), stored.get("shards")) != (generation, count):
        return set()
    return set(stored.get("done", ()))


def _described(
    note: Mapping[str, Any], stored: Mapping[str, Any], done: set[int], count: int
) -> dict[str, Any]:
    """What is to be noted; new markets count once all documents have their numbers."""
    complete = len(done) == count
    progress = {"shards": count, "done": sorted(done), "complete": complete}
    earlier = {name: stored[name] for name in (_MARKETS,) if name in stored}
    known = {name: value for name, value in note.items() if complete or name != _MARKETS}
    return {**earlier, **known, **progress}
