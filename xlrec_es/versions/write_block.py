"""Refuse writes to an index for a moment, and allow them again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors

_SETTING = "index.blocks.write"
_BLOCKED = "true"


@dataclass(slots=True)
class Block:
    """Writes to an index are refused.

    Attributes:
        since: When that was asked for, by `time.monotonic`.
        earlier: The setting `index.blocks.write` before; "true" if the owner refuses writes, too.
        stays: Whether it is to be left on at the end, as where the index may be gone by then.
    """

    since: float
    earlier: str | None
    stays: bool = False


@contextlib.contextmanager
def writes_refused(
    client: Elasticsearch, index: str, remember: Callable[[bool], None] = lambda _blocked: None
) -> Iterator[Block]:
    """Refuse writes to an index; the owner's own block stays there at the end.

    Whatever breaks this off, an interrupt too, gives the index back as it was. After a kill, the
    block is still there.

    Args:
        client: Of the cluster.
        index: A physical index.
        remember: Notes whether they are refused, for the next attempt, if this one is killed.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    block = Block(time.monotonic(), _setting(client, index))
    is_ours = block.earlier != _BLOCKED
    if is_ours:
        remember(True)
    try:
        with friendly_errors(client):
            # Unlike the setting alone, this waits for the writes that were under way.
            client.indices.add_block(index=index, block="write")
        yield block
    finally:
        if is_ours and not block.stays:
            allow_writes(client, index, block.earlier)
            remember(False)


def is_blocked(client: Elasticsearch, index: str) -> bool:
    """Whether an index refuses writes now; a block that was found earlier may be gone.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    return _setting(client, index) == _BLOCKED


def allow_writes(client: Elasticsearch, index: str, setting: str | None = None) -> None:
    """Take the block off.

    Args:
        client: Of the cluster.
        index: A physical index.
        setting: What `index.blocks.write` is to be; None: not set.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        client.indices.put_settings(index=index, settings={_SETTING: setting})


def _setting(client: Elasticsearch, index: str) -> str | None:
    with friendly_errors(client):
        found = client.indices.get_settings(index=index, name=_SETTING, flat_settings=True).body
    values = [body["settings"].get(_SETTING) for body in found.values()]  # of none if it is not set
    return values[0] if values else None
