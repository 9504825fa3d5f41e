"""An index beside one that nobody may touch: the object `xlrec`, joined by the documents' ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.bulk import BulkWriter, Named, Operation, Refusal
from xlrec_es.index.fields import LANGUAGE_FIELD

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of documents that were to go.

    Attributes:
        removed: How many are gone.
        refused: Those that stay.
    """

    removed: int = 0
    refused: Sequence[Refusal[Named]] = ()


def remove_gone(client: Elasticsearch, source: str, target: str) -> Removed:
    """Remove from a companion the documents of records that its source does not have any more.

    Args:
        client: Of the cluster.
        source: The index that the companion is for.
        target: The companion.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    writer = BulkWriter(client, target)
    total, refused = 0, []
    body = {"_source": False, "fields": [LANGUAGE_FIELD]}
    for hits in scan.pages(client, target, body, page=_PAGE):
        records = {hit["_id"]: _records(hit) for hit in hits}
        there = _existing(client, source, [one for some in records.values() for one in some])
        gone = [Named(id_) for id_, some in records.items() if there.isdisjoint(some)]
        total += len(gone)
        refused += writer.write(Operation.delete(one) for one in gone).refused
    return Removed(total - len(refused), refused)


def _records(hit: scan.Hit) -> list[str]:
    """The ids of the records that a document may have been made of: `7`, and `7@en` of `7`."""
    id_: str = hit["_id"]
    [language] = hit.get("fields", {}).get(LANGUAGE_FIELD, [""])
    record = id_.removesuffix(f"@{language}")
    return [id_] if record == id_ else [id_, record]


def _existing(client: Elasticsearch, index: str, ids: Sequence[str]) -> set[str]:
    body = {"_source": False, "query": {"ids": {"values": ids}}}
    return {hit["_id"] for hits in scan.pages(client, index, body) for hit in hits}
