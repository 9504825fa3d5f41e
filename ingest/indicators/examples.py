"""What was learned, by examples that people can judge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch

from ingest.indicators.cold_start import INHERITED, NONE, Blend
from ingest.indicators.interaction_matrix import LikeMatrix
from xlrec_es.index.hits import language_of, title_of, work_of
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.works import titled_hits

EXAMPLES = 3
_EXAMPLE_NEIGHBOURS = 5


def examples(
    client: Elasticsearch, live: LiveIndex, likes: LikeMatrix, blend: Blend
) -> list[dict[str, Any]]:
    """For people: what speaks for the works that most users liked, and for those that inherit."""
    strongest = {work: _strongest(blend, work) for work in _chosen(likes, blend)}
    shown = {likes.works[n] for work, others in strongest.items() for n in (work, *others)}
    titles: dict[str, str] = {}
    for hit in titled_hits(client, live, shown):
        title = title_of(hit, live.meta.title_field) or hit["_id"]
        titles.setdefault(work_of(hit), f"{title} ({language_of(hit)})")

    def titled(work: int) -> str:
        return titles.get(likes.works[work], likes.works[work])  # it has just been deleted

    return [
        {
            "work": titled(work),
            "indicators": str(blend.provenance[work]),
            "users": round(float(likes.users[work])),
            "liked by people who liked": [titled(other) for other in others],
        }
        for work, others in strongest.items()
    ]


def _chosen(likes: LikeMatrix, blend: Blend) -> Iterator[int]:
    popular = np.argsort(-likes.users, kind="stable")
    learned = popular[blend.provenance[popular] != NONE]  # by this shard
    yield from (int(work) for work in learned[:EXAMPLES])
    inheriting = np.flatnonzero(blend.provenance == INHERITED)[:EXAMPLES]
    yield from (int(work) for work in inheriting)


def _strongest(blend: Blend, work: int) -> list[int]:
    start, end = blend.indicators.indptr[work : work + 2]
    order = np.argsort(-blend.indicators.data[start:end], kind="stable")[:_EXAMPLE_NEIGHBOURS]
    return [int(n) for n in blend.indicators.indices[start:end][order]]
