"""What the answer to a search holds, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from xlrec_es.cluster.client_errors import explained, root_cause
from xlrec_es.errors import IndexNotFound, SearchFailed

Answer = Mapping[str, Any]


def hits_of(answer: Answer) -> list[Answer]:
    """The hits of a search, whether it was sent by itself or with others.

    Raises:
        IndexNotFound: The index is gone.
        SearchFailed: The search failed.
    """
    if "error" in answer:
        cause = root_cause(answer["error"])
        if cause.get("type") == "index_not_found_exception":
            raise IndexNotFound(f"{cause.get('reason')}; make it with: xlrec-ingest run")
        raise SearchFailed(f"a search failed: {explained(cause)}", status=answer.get("status"))
    hits: list[Answer] = answer["hits"]["hits"]
    return hits


def lacks_of(answer: Answer) -> list[str]:
    """What an answer lacks, in phrases that go on from "the search"; none if it is whole.

    Elasticsearch answers with what it has where a shard fails, or time runs out.

    Args:
        answer: To a search that did not fail altogether.
    """
    lacks = []
    if answer["timed_out"]:
        lacks.append("ran out of time and saw only a part of the index")
    shards = answer["_shards"]
    if shards["failed"]:
        lacks.append(f"reached only {shards['successful']} of {shards['total']} shards")
    return lacks


def documents_lost(answer: Answer) -> list[str]:
    """A sentence if an answer that has several documents lacks some of them."""
    failed = [document["error"] for document in answer["docs"] if "error" in document]
    if not failed:
        return []
    return [f"{len(failed)} documents could not be read: {explained(root_cause(failed[0]))}"]


def whole(answer: Answer, what: str) -> Answer:
    """The answer, for those who cannot do with a part of it.

    Args:
        answer: To a search.
        what: The search, as the sentence names it: `the search for the works`.

    Raises:
        IndexNotFound: As for `hits_of`.
        SearchFailed: As for `hits_of`; or it lacks something.
    """
    hits_of(answer)
    if lacks := lacks_of(answer):
        raise SearchFailed(
            f"{what} {' and '.join(lacks)}; do the same again when the cluster is well "
            "(GET _cat/shards shows what is missing)"
        )
    return answer
