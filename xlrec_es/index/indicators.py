"""What a document's indicators say: as stored, and in words.

The name of a feature is the work's id as it stands. Measured on 8.19.0 and 9.5.0: dots, spaces,
quotes, control characters, the empty text, and ids of 32 KB survive writing, searching, reading
back and partial updates, so nothing has to be escaped. A weight must be a positive normal float.
Lucene keeps nine significant bits of it and cuts off the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from xlrec_es.cluster.answers import Answer, hits_of, whole
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import UnknownItems, UsageError
from xlrec_es.index.fields import (
    LANGUAGE_FIELD,
    TASTE,
    WORK_FIELD,
    Relation,
    in_language,
)
from xlrec_es.index.hits import title_of
from xlrec_es.index.live_index import LiveIndex, find_live
from xlrec_es.languages import by_language
from xlrec_es.vectors.vector import Vector

_MANTISSA_BITS_LOST = 15


def storable(weights: NDArray[np.float32]) -> Vector:
    """Weights rounded to what Lucene keeps, so that what is served is what was learned.

    Rounding to the nearest is off by at most 1 in 512, and on no side; cutting off, as Lucene would
    do by itself, makes every weight smaller.

    Args:
        weights: Above zero, finite, shape (n,).

    Returns:
        Shape (n,), float32, each with nine significant bits.
    """
    bits = np.ascontiguousarray(weights, np.float32).view(np.uint32)
    half = np.uint32(1 << (_MANTISSA_BITS_LOST - 1))
    mask = np.uint32(~((1 << _MANTISSA_BITS_LOST) - 1) & 0xFFFFFFFF)
    rounded = ((bits + half) & mask).view(np.float32)
    # What is smaller than that cannot be written, and says nothing.
    kept: Vector = np.maximum(rounded, np.finfo(np.float32).tiny)
    return kept


def as_stored(weights: NDArray[np.float32]) -> Vector:
    """What Lucene keeps of weights that nobody rounded before: it cuts the other bits off.

    Args:
        weights: Above zero, finite, shape (n,).

    Returns:
        Shape (n,), float32: with them a search multiplies.
    """
    bits = np.ascontiguousarray(weights, np.float32).view(np.uint32)
    kept: Vector = (bits >> _MANTISSA_BITS_LOST << _MANTISSA_BITS_LOST).view(np.float32)
    return kept


def read_indicators(field: Any) -> dict[str, float]:  # noqa: ANN401 - as JSON has it
    """Weight by work, from `_source` or `fields`: an object, or a list of at most one."""
    if isinstance(field, list):
        field = field[0] if field else {}
    return dict(field or {})


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A work that another one has to do with.

    Attributes:
        work: Its id.
        title: In the language it was found in, or None.
        language: Of the document that was found, or None if no document has the work any more;
            what an alias with a filter or a routing does not show is no neighbor.
        weight: How much the one speaks for the other.
    """

    work: str
    title: str | None
    language: str | None
    weight: float


@dataclass(frozen=True, slots=True)
class Indicators:
    """What is known of one document's tastes.

    Attributes:
        id: Document id.
        work: Work id.
        title: Its title, or None.
        language: Its language.
        provenance: `own`, `blended`, `inherited` or `none`; None before indicators were learned.
        evidence: Users who liked the work, or baskets that it is in.
        generation: What wrote the document's indicators last.
        complete: Whether the last run that wrote indicators came to its end.
        spoken_for_by: The works whose lovers get this document, the strongest first.
        speaks_for: By language, what people who like this work get, the best first.
        not_shown: How many works would be in `spoken_for_by`, but that the index is read through an
            alias with a filter or a routing, which does not show them: they may be gone, too.
    """

    id: str
    work: str
    title: str | None
    language: str
    provenance: str | None
    evidence: float
    generation: str | None
    complete: bool
    spoken_for_by: Sequence[Neighbour]
    speaks_for: Mapping[str, Sequence[Neighbour]]
    not_shown: int = 0


def show(
    client: Elasticsearch,
    index: str,
    item: str,
    *,
    size: int = 10,
    relation: Relation = TASTE,
) -> Indicators:
    """Read what speaks for a document, and what it speaks for.

    Args:
        client: Of the cluster.
        index: Alias or index.
        item: Document id, or work id.
        size: Neighbors in each list.
        relation: Of which kind the associations are.

    Raises:
        UnknownItems: No document or work has this id.
        UsageError: More neighbors than the index gives in one search.
        SearchFailed: A part of the index does not answer.
        XlrecError: As for `xlrec_es.index.live_index.find_live`.
    """
    live = find_live(client, index)
    if not 1 <= size <= live.limits.ids:
        raise UsageError(
            f"{size} neighbors are asked for, and {live.name} gives 1 to {live.limits.ids} in one "
            "search (index.max_result_window, index.max_terms_count)"
        )
    title, languages = live.meta.title_field, by_language(live.meta.languages)
    either = {"bool": {"should": [{"ids": {"values": [item]}}, {"term": {WORK_FIELD: item}}]}}
    ours = {"bool": {"must": [either], "filter": [{"exists": {"field": WORK_FIELD}}]}}
    with friendly_errors(client):
        body = {"query": ours, "size": 1, **_wanted(title, relation)}
        hits = _whole_hits(client.search(index=live.searched, body=body).body)
        if not hits:
            raise UnknownItems(f"no document or work of {live.name} is {item!r}", items=[item])
        hit = hits[0]
        fields = hit["fields"]
        work = fields[WORK_FIELD][0]
        weights = read_indicators(fields.get(relation.weights))
        strongest = sorted(weights, key=lambda name: (-weights[name], name))
        if live.through is None:
            strongest = strongest[:size]
        known = _documents_of(client, live, strongest, title)
        answers = client.msearch(
            searches=[
                line
                for tags in languages.values()
                for line in (
                    {"index": live.searched},
                    _spoken_for(work, tags, size, title, relation),
                )
            ]
        )["responses"]
    # Through such an alias, what is gone and what it hides look alike, and ids are not to be shown.
    shown = strongest if live.through is None else [name for name in strongest if name in known]
    return Indicators(
        id=hit["_id"],
        work=work,
        title=title_of(hit, title),
        language=fields[LANGUAGE_FIELD][0],
        provenance=fields.get(relation.provenance, [None])[0],
        evidence=float(fields.get(relation.evidence, [0.0])[0]),
        generation=fields.get(relation.generation, [None])[0],
        complete=live.meta.learned(relation).get("complete", True),
        spoken_for_by=tuple(
            _neighbour(name, known.get(name), title, weights[name]) for name in shown[:size]
        ),
        speaks_for={
            language: tuple(
                _neighbour(found["fields"][WORK_FIELD][0], found, title, found["_score"])
                for found in _whole_hits(answer)
            )
            for language, answer in zip(languages, answers, strict=True)
        },
        not_shown=len(strongest) - len(shown),
    )


def _wanted(title: str | None, relation: Relation) -> dict[str, Any]:
    return {
        "_source": [title] if title else False,
        "fields": [
            WORK_FIELD,
            LANGUAGE_FIELD,
            relation.weights,
            relation.provenance,
            relation.evidence,
            relation.generation,
        ],
    }


def _spoken_for(
    work: str, tags: Sequence[str], size: int, title: str | None, relation: Relation
) -> dict[str, Any]:
    query = {"sparse_vector": {"field": relation.weights, "query_vector": {work: 1.0}}}
    return {
        "query": {"bool": {"must": [query], "filter": [in_language(tags)]}},
        "size": size,
        "_source": [title] if title else False,
        "fields": [WORK_FIELD, LANGUAGE_FIELD],
    }


def _documents_of(
    client: Elasticsearch, live: LiveIndex, works: Sequence[str], title: str | None
) -> dict[str, Mapping[str, Any]]:
    """One document of each work that still has one, and that is shown."""
    found = {}
    for start in range(0, len(works), live.limits.ids):
        some = list(works[start : start + live.limits.ids])
        body = {
            "query": {"terms": {WORK_FIELD: some}},
            "collapse": {"field": WORK_FIELD},
            "size": len(some),
            "_source": [title] if title else False,
            "fields": [WORK_FIELD, LANGUAGE_FIELD],
        }
        hits = _whole_hits(client.search(index=live.searched, body=body).body)
        found.update({hit["fields"][WORK_FIELD][0]: hit for hit in hits})
    return found


def _whole_hits(answer: Answer) -> list[Answer]:
    return hits_of(whole(answer, "a search of the index"))


def _neighbour(
    work: str, hit: Mapping[str, Any] | None, title: str | None, weight: float
) -> Neighbour:
    language = hit["fields"][LANGUAGE_FIELD][0] if hit else None
    return Neighbour(work, title_of(hit, title) if hit else None, language, weight)
