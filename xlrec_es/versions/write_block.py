"""Refuse writes to an index for a moment, and allow them again.

That the block is ours is noted in the index's own `_meta` before it is there, so that whoever comes
after a kill can tell it from the owner's, and take it off.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexNotFound
from xlrec_es.versions.inventory import Version

KEY = "xlrec_write_block"
"""In `_meta`."""
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
def writes_refused(client: Elasticsearch, index: str) -> Iterator[Block]:
    """Refuse writes to an index; the owner's own block stays there at the end.

    Whatever breaks this off, an interrupt too, gives the index back as it was. After a kill, the
    block is still there: see `take_off_left`. One that was left is taken over.

    Args:
        client: Of the cluster.
        index: A physical index.

    Raises:
        IndexNotFound: It is no index, or no longer.
        ClusterError: The cluster does not answer, or refuses.
    """
    body = _body(client, index)
    is_noted = refused_since(body)
    earlier = _note(body)["earlier"] if is_noted else body["settings"].get(_SETTING)
    block = Block(time.monotonic(), earlier)
    try:
        if not is_noted:
            _put_note(client, index, {"index": _uuid(body), "earlier": block.earlier})
        with friendly_errors(client):
            # Unlike the setting alone, this waits for the writes that were under way.
            client.indices.add_block(index=index, block="write")
        yield block
    finally:
        if not block.stays:
            _whatever_comes(lambda: _take_off(client, index, block.earlier))


def was_left(body: Mapping[str, Any]) -> bool:
    """Whether an index refuses writes only because somebody who had it do so was killed.

    Args:
        body: Its `mappings` and flat `settings`.
    """
    return refused_since(body) and _note(body)["earlier"] != _BLOCKED


def refused_since(body: Mapping[str, Any]) -> bool:
    """Whether an index has refused writes since somebody who had it do so was killed.

    Args:
        body: As of `was_left`.
    """
    return body["settings"].get(_SETTING) == _BLOCKED and bool(_note(body))


def take_off_left(client: Elasticsearch, *versions: Version | None) -> None:
    """Take off the blocks that a kill has left, and the notes of blocks.

    Args:
        client: Of the cluster.
        versions: Indices that may have one, as somebody looked at them.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    for version in versions:
        if version is not None and _note(version.body):
            body = _body(client, version.index)  # as it is by now
            if refused_since(body):
                _take_off(client, version.index, _note(body)["earlier"])
            elif _note(body):
                forget(client, version.index)


def is_blocked(client: Elasticsearch, index: str) -> bool:
    """Whether an index refuses writes now; a block that was found earlier may be gone.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    return bool(_body(client, index)["settings"].get(_SETTING) == _BLOCKED)


def forget(client: Elasticsearch, index: str) -> None:
    """Remove the note alone, as from a clone, which has it of its original.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    _put_note(client, index, None)


def _take_off(client: Elasticsearch, index: str, earlier: str | None) -> None:
    with friendly_errors(client):
        client.indices.put_settings(index=index, settings={_SETTING: earlier})
    _put_note(client, index, None)


def _whatever_comes(action: Callable[[], None]) -> None:
    """Do it, and once more if an interrupt or a signal breaks it off."""
    try:
        action()
    except (KeyboardInterrupt, SystemExit):
        action()
        raise


def _body(client: Elasticsearch, index: str) -> Mapping[str, Any]:
    with friendly_errors(client):
        found = client.indices.get(index=index, flat_settings=True).body
    if index not in found:
        raise IndexNotFound(f"no index [{index}] any more: it is an alias by now")
    return found[index]  # type: ignore[no-any-return]


def _note(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was noted; nothing where it was copied along with another index's mapping."""
    note = body.get("mappings", {}).get("_meta", {}).get(KEY) or {}
    return note if note.get("index") == _uuid(body) else {}


def _uuid(body: Mapping[str, Any]) -> str:
    return str(body["settings"]["index.uuid"])


def _put_note(client: Elasticsearch, index: str, note: Mapping[str, Any] | None) -> None:
    """Put the note into the index's `_meta`, or remove it; all else in there stays."""
    with friendly_errors(client):
        [body] = client.indices.get_mapping(index=index).body.values()
        meta = dict(body["mappings"].get("_meta", {}))
        if note is None and KEY not in meta:
            return
        meta.pop(KEY, None)
        client.indices.put_mapping(index=index, meta=meta | ({KEY: note} if note else {}))
