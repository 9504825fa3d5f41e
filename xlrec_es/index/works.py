"""All documents of an index by their works, as those read them who learn or measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.index.fields import LANGUAGE_FIELD, WORK_FIELD
from xlrec_es.index.hits import fields_of_hits
from xlrec_es.index.live_index import LiveIndex
from xlrec_es.index.search_limits import parts


def work_pages(
    client: Elasticsearch,
    live: LiveIndex,
    *,
    columns: Sequence[str] = (),
    fields: Sequence[str] = (),
    source: Sequence[str] = (),
    refresh: bool = False,
) -> Iterator[list[scan.Hit]]:
    """Every document that has a work, as of one point in time, in pages that are not empty.

    In place, documents may have come since the worker's last run, which have no object `xlrec` yet;
    they are left out.

    Args:
        client: Of the cluster.
        live: The index.
        columns: Fields that are read besides the id, work and language, and are there as columns.
        fields: Other fields. One that is no vector makes Elasticsearch read and parse the whole
            source of each document. Vectors come as `hits.vector_of` reads them.
        source: Paths of what is read of its `_source`; nothing if there are none.
        refresh: Whether all that was written so far is to be seen. Whoever may but read an index
            may not ask for that.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    body = {
        "query": {"exists": {"field": WORK_FIELD}},
        "_source": list(source) or False,
        **fields_of_hits(
            [WORK_FIELD, LANGUAGE_FIELD, *columns], fields, binary=live.has_binary_vectors
        ),
    }
    if refresh:
        with friendly_errors(client):
            client.indices.refresh(index=live.searched)
    yield from scan.pages(client, live.searched, body)


def titled_hits(client: Elasticsearch, live: LiveIndex, works: Iterable[str]) -> list[scan.Hit]:
    """Every document of some works with its title, for people, in order of ids.

    A title is read out of the source: those that nobody looks at are not worth it.

    Args:
        client: Of the cluster.
        live: The index.
        works: Whose; as many as people look at.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    title = live.meta.title_field
    read = {
        "_source": [title] if title else False,
        **fields_of_hits([WORK_FIELD, LANGUAGE_FIELD]),
    }
    found = [
        hit
        for some in parts(sorted(set(works)), live.limits.terms)
        for hits in scan.pages(
            client, live.searched, {"query": {"terms": {WORK_FIELD: some}}, **read}
        )
        for hit in hits
    ]
    return sorted(found, key=lambda hit: str(hit["_id"]))


def number_works(works: Iterable[str]) -> dict[str, int]:
    """Number of each work, in sorted order: nothing may depend on how the index came about."""
    return {work: number for number, work in enumerate(sorted(set(works)))}


def items_of(documents: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Work by item, which is a document or a work.

    Args:
        documents: Id and work of each. An id may be there twice, with another routing; where a work
            has the id of a document, the item is the work.
    """
    by_document: dict[str, str] = {}
    by_work: dict[str, str] = {}
    for id_, work in documents:
        by_document[id_] = work
        by_work[work] = work
    return by_document | by_work
