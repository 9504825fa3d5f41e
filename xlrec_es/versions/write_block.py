"""Refuse writes to an index for a moment, and allow them again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors


@contextlib.contextmanager
def writes_refused(
    client: Elasticsearch, index: str, remember: Callable[[bool], None]
) -> Iterator[float]:
    """Refuse writes to an index, unless its owner does already; gives the time of the start.

    Args:
        client: Of the cluster.
        index: A physical index.
        remember: Notes whether they are refused, for the next attempt, if this one is killed.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    start = time.monotonic()
    if is_blocked(client, index):
        yield start
        return
    remember(True)
    try:
        with friendly_errors(client):
            # Returns when the writes that were under way are done.
            client.indices.add_block(index=index, block="write")
        yield start
    finally:
        allow_writes(client, index)
        remember(False)


def is_blocked(client: Elasticsearch, index: str) -> bool:
    """Whether an index refuses writes now; a block that was found earlier may be gone.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    name = "index.blocks.write"
    with friendly_errors(client):
        found = client.indices.get_settings(index=index, name=name, flat_settings=True).body
    return bool(found.get(index, {}).get("settings", {}).get(name) == "true")


def allow_writes(client: Elasticsearch, index: str) -> None:
    """Take the block off.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        client.indices.put_settings(index=index, settings={"index.blocks.write": None})
