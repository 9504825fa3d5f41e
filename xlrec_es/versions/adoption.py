"""Bring an index that exists behind an alias of its name."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.cluster.retry import PASSING_STATUSES
from xlrec_es.errors import ClusterError, IndexUnusable
from xlrec_es.index.live_index import physical_name
from xlrec_es.versions import write_block
from xlrec_es.versions.inventory import Version, Versions
from xlrec_es.versions.write_block import Block

_WHOLE_S = 30.0  # in which a clone has all of its shards, as a rule
_PAUSE_S = 0.1


def adopted_name(name: str) -> str:
    """What the index `<name>` is called once `<name>` is an alias of it."""
    return physical_name(name, 0)


def check_adoptable(versions: Versions) -> bool:
    """Whether there is something to adopt; an alias of one index is fit as it is.

    Raises:
        IndexUnusable: Nothing has the name, or the new name is taken.
    """
    if versions.is_concrete:
        taken = adopted_name(versions.name)
        if any(version.index == taken for version in versions.found) and not _left(versions):
            raise IndexUnusable(
                f"{taken} exists, perhaps of an earlier attempt; if {versions.name} has all of its "
                f"documents, delete it (DELETE {taken}) and try again"
            )
        return True
    if versions.live is None:
        raise IndexUnusable(f"there is no index or alias {versions.name} to adopt")
    return False


def adopt(client: Elasticsearch, versions: Versions) -> Version:
    """Turn the index `<name>` into the alias `<name>` of `<name>-xlrec-v0`, with all its documents.

    Its files are linked, not copied (`_clone`), so this takes about a second. Searches go on.
    Writes are refused (403 `cluster_block_exception`) from before the clone until after the swap,
    so that none is lost; one that is under way at the swap may find its index gone (404
    `index_not_found_exception`). What fails, or is broken off before the swap, leaves the index as
    it was. An attempt that was killed is gone on with.

    Raises:
        IndexUnusable: As for `check_adoptable`; or the clone does not have all documents.
        ClusterError: The cluster does not answer, or refuses.
    """
    check_adoptable(versions)
    name, new = versions.name, adopted_name(versions.name)
    old = versions.named(name)
    actions: list[dict[str, Any]] = [{"remove_index": {"index": name}}]
    for alias, properties in {**old.aliases, name: {"is_write_index": True}}.items():
        actions.append({"add": {"index": new, "alias": alias, **properties}})
    with friendly_errors(client), write_block.writes_refused(client, name) as block:
        is_mine = not _left(versions) and _clone(client, versions, block)
        try:
            _must_be_whole(client, name, new)
            block.stays = True  # from here on the old index may be gone
            client.options(max_retries=0).indices.update_aliases(actions=actions)
        except BaseException as error:
            # Once that was asked for, a refusal alone tells that the old one is not gone.
            if not block.stays or (isinstance(error, elasticsearch.ApiError) and _refuses(error)):
                block.stays = False
                if is_mine:
                    _delete_clone(client, old)  # first: what may be written now it would not have
            raise
    write_block.forget(client, new)
    return replace(old, index=new, number=0, aliases={**old.aliases, name: {}})


def _refuses(error: elasticsearch.ApiError) -> bool:
    return bool(error.status_code < 500)


def _left(versions: Versions) -> bool:
    """Whether an attempt that was killed has left a clone, and writes have been refused since."""
    old = versions.named(versions.name)
    clones = [one for one in versions.found if one.index == adopted_name(versions.name)]
    return write_block.refused_since(old.body) and any(_is_clone(one.body, old) for one in clones)


def _is_clone(body: Mapping[str, Any], of: Version) -> bool:
    return not body["aliases"] and write_block.is_copy(body, of.body)


def _clone(client: Elasticsearch, versions: Versions, block: Block) -> bool:
    """Make the clone; False where the attempt that was killed had asked for it."""
    old, new = versions.named(versions.name), adopted_name(versions.name)
    settings = {"index.blocks.write": block.earlier}
    try:
        client.indices.clone(index=old.index, target=new, settings=settings)
    except elasticsearch.ApiError as error:
        # The name is taken by now: if not by that attempt, by somebody else, whose it stays.
        is_left = write_block.refused_since(old.body)
        if is_left and error.error == "resource_already_exists_exception":
            body = client.indices.get(index=new, flat_settings=True).body.get(new)
            if body and _is_clone(body, old):
                return False
        raise
    except BaseException:  # it may be there all the same
        _delete_clone(client, old)
        raise
    return True


def _delete_clone(client: Elasticsearch, old: Version) -> None:
    """Remove the clone, if the index is still there itself."""
    new = adopted_name(old.index)
    wanted = [old.index, new]
    found = client.indices.get(index=wanted, ignore_unavailable=True, flat_settings=True).body
    if old.index in found and new in found and _is_clone(found[new], old):
        client.indices.delete(index=new)


def _must_be_whole(client: Elasticsearch, name: str, new: str) -> None:
    # The clone is answered when the first copy of each shard is there, or after the time-out.
    deadline = time.monotonic() + _WHOLE_S
    while True:
        counts = [_count(client, index) for index in (name, new)]
        if counts[0] == counts[1] is not None:
            return
        if time.monotonic() > deadline:
            raise IndexUnusable(
                f"the clone of {name} has {counts[1] or 0} of {counts[0]} documents; {name} is as "
                "it was"
            )
        time.sleep(_PAUSE_S)


def _count(client: Elasticsearch, index: str) -> int | None:
    """All documents, or None while some of its shards are not there."""
    try:
        scan.make_visible(client, index)
        return scan.count(client, index)
    except ClusterError as error:
        if error.status not in PASSING_STATUSES:
            raise
        return None
