"""Copy into an index past its final pipeline, which has made of the documents what it makes.

A request can pass a default pipeline by (`pipeline=_none`), but not a final one. So it is taken off
an index that nobody else writes, and put back before the index goes live. What it was is noted in
the index's own `_meta` before: whoever comes after a kill puts it back.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import XlrecError

KEY = "xlrec_final_pipeline"
"""In `_meta`."""
_SETTING = "index.final_pipeline"
_NONE = "_none"


@contextlib.contextmanager
def passed_by(client: Elasticsearch, index: str) -> Iterator[None]:
    """Have an index without its final pipeline, and put it back whatever happens.

    Args:
        client: Of the cluster.
        index: A physical index, which nobody else writes.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    _take_off(client, index)
    try:
        yield
    except BaseException:
        with contextlib.suppress(XlrecError):  # what went wrong first is what is told
            put_back(client, index)
        raise
    put_back(client, index)


def put_back(client: Elasticsearch, index: str) -> None:
    """Give an index its final pipeline again, if it was taken off.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    body = _body(client, index)
    note = _note(body)
    if not note:
        return
    with friendly_errors(client):
        if _pipeline(body) == _NONE:
            client.indices.put_settings(index=index, settings={_SETTING: note["pipeline"]})
        client.indices.put_mapping(index=index, meta=_without_note(body))


def _take_off(client: Elasticsearch, index: str) -> None:
    body = _body(client, index)
    pipeline = _pipeline(body)
    if pipeline == _NONE:
        return  # it has none, or an attempt that was killed has noted which
    note = {"index": body["settings"]["index.uuid"], "pipeline": pipeline}
    with friendly_errors(client):
        client.indices.put_mapping(index=index, meta={**_without_note(body), KEY: note})
        client.indices.put_settings(index=index, settings={_SETTING: _NONE})


def _body(client: Elasticsearch, index: str) -> Mapping[str, Any]:
    with friendly_errors(client):
        return client.indices.get(index=index, flat_settings=True).body[index]  # type: ignore[no-any-return]


def _pipeline(body: Mapping[str, Any]) -> str:
    return body["settings"].get(_SETTING) or _NONE  # null where a template's was declined


def _note(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was noted; nothing where it was copied along with another index's mapping."""
    note = body.get("mappings", {}).get("_meta", {}).get(KEY) or {}
    return note if note.get("index") == body["settings"]["index.uuid"] else {}


def _without_note(body: Mapping[str, Any]) -> dict[str, Any]:
    meta = body.get("mappings", {}).get("_meta", {})
    return {name: value for name, value in meta.items() if name != KEY}
