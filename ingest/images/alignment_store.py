"""Where alignments are kept: a small index beside the catalog's, with a document for each.

An alignment has megabytes, which is too much for `_meta`: each recommender reads that. A file would
be lost with the machine that made it, and then no further picture could be brought into the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from ingest.images.alignment import Alignment
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexNotFound, IndexUnusable

_MAPPINGS = {"dynamic": False, "properties": {"made_at": {"type": "date"}}}


def store_index(name: str) -> str:
    """What the index is called; a key for the catalog is one for it, too.

    Args:
        name: Alias of the catalog's index.
    """
    return f"{name}-xlrec-images"


def save(client: Elasticsearch, index: str, alignment: Alignment, about: Mapping[str, Any]) -> None:
    """Keep an alignment.

    Args:
        client: Of the cluster.
        index: See `store_index`; made with the first.
        alignment: To be kept under its digest.
        about: What is noted of it.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        if not client.indices.exists(index=index):
            client.options(ignore_status=400).indices.create(index=index, mappings=_MAPPINGS)
        made_at = datetime.now(UTC).isoformat(timespec="seconds")
        document = {"made_at": made_at, "about": dict(about), "alignment": alignment.to_json()}
        client.index(index=index, id=alignment.digest, document=document)


def load(client: Elasticsearch, index: str, digest: str) -> Alignment:
    """Read an alignment.

    Args:
        client: Of the cluster.
        index: See `store_index`.
        digest: Of the alignment.

    Raises:
        IndexUnusable: It is gone, or damaged.
        ClusterError: The cluster does not answer, or refuses.
    """
    gone = (
        f"the alignment {digest} of pictures with texts is not in {index} any more, so that no "
        "further picture can be compared with those of the index; make a new index, with --image"
    )
    try:
        with friendly_errors(client):
            found = client.options(ignore_status=404).get(index=index, id=digest).body
    except IndexNotFound as error:
        raise IndexUnusable(gone) from error
    if not found.get("found"):
        raise IndexUnusable(gone)
    try:
        alignment = Alignment.from_json(found["_source"]["alignment"])
    except (KeyError, TypeError, ValueError) as error:
        raise IndexUnusable(f"{gone} (it is damaged: {error})") from error
    if alignment.digest != digest:
        raise IndexUnusable(f"{gone} (it was changed)")
    return alignment
