"""Bring an index that exists behind an alias of its name."""

from __future__ import annotations

import time
from collections.abc import Callable
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
from xlrec_es.versions.inventory import Version, Versions, read_versions
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
        old, taken = versions.named(versions.name), adopted_name(versions.name)
        theirs = [one for one in versions.found if one.index == taken and not _is_clone(one, old)]
        if theirs:
            raise IndexUnusable(
                f"{taken} exists, and no attempt to adopt {versions.name} has made it; if it is of "
                f"no use, delete it (DELETE {taken}) and try again"
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
    actions: list[dict[str, Any]] = [
        {"remove_index": {"index": name}},
        {"remove": {"index": new, "alias": _mark(name), "must_exist": True}},
    ]
    for alias, properties in {**old.aliases, name: {"is_write_index": True}}.items():
        actions.append({"add": {"index": new, "alias": alias, **properties}})
    with friendly_errors(client), write_block.writes_refused(client, name) as block:
        is_mine = _clone(client, old, block)
        try:
            _must_be_whole(client, name, new)
            write_block.forget(client, new)  # it has the note of its original
            block.stays = True  # from here on the old index may be gone
            client.options(max_retries=0).indices.update_aliases(actions=actions)
        except BaseException as error:
            # Once that was asked for, a refusal alone tells that the old one is not gone.
            if not block.stays or (isinstance(error, elasticsearch.ApiError) and _refuses(error)):
                block.stays = False
                if is_mine:
                    _delete_clone(client, old)  # first: what may be written now it would not have
            raise
    return replace(old, index=new, number=0, aliases={**old.aliases, name: {}})


def _refuses(error: elasticsearch.ApiError) -> bool:
    return bool(error.status_code < 500)


def _mark(name: str) -> str:
    """The alias of a clone that is not yet in its original's place.

    It is given in the request that makes the clone, so no clone that the owner made has it. Its
    routing is the original's UUID: an index that was made again since is another.
    """
    return f"{name}-xlrec-adopting"


def _is_clone(one: Version, of: Version) -> bool:
    """Whether an attempt, of whatever end, has made it of this very index."""
    return one.aliases.get(_mark(of.index), {}).get("index_routing") == _uuid(of)


def _uuid(version: Version) -> str:
    return str(version.body["settings"]["index.uuid"])


def _clone(client: Elasticsearch, old: Version, block: Block) -> bool:
    """Make the clone; False where an attempt that was killed has made it, and it is of now."""
    new = adopted_name(old.index)
    if _left(client, old):
        if _is_of_now(client, old.index, new):
            return False
        client.indices.delete(index=new)  # the index was written to since
    mark = {_mark(old.index): {"routing": _uuid(old)}}
    settings = {"index.blocks.write": block.earlier}
    try:
        client.indices.clone(index=old.index, target=new, settings=settings, aliases=mark)
    except elasticsearch.ApiError as error:
        if not _refuses(error):
            _delete_clone(client, old)
        elif _left(client, old) and _is_of_now(client, old.index, new):
            return False  # what the killed one had asked for came a moment ago
        raise
    except BaseException:  # it may be there all the same
        _delete_clone(client, old)
        raise
    return True


def _left(client: Elasticsearch, old: Version) -> bool:
    """Whether there is a clone, while the index is still there itself."""
    found = read_versions(client, old.index)
    clones = [one for one in found.found if one.index == adopted_name(old.index)]
    return found.is_concrete and any(_is_clone(one, old) for one in clones)


def _is_of_now(client: Elasticsearch, name: str, clone: str) -> bool:
    """Whether the index was not written to since it was cloned: their operations are the same."""
    _wait_until(lambda: _count(client, clone) is not None)
    return scan.last_operations(client, name) == scan.last_operations(client, clone)


def _delete_clone(client: Elasticsearch, old: Version) -> None:
    """Remove the clone, if the index is still there itself."""
    if _left(client, old):
        client.indices.delete(index=adopted_name(old.index))


def _must_be_whole(client: Elasticsearch, name: str, new: str) -> None:
    counts: list[int | None] = []

    def is_whole() -> bool:
        counts[:] = [_count(client, index) for index in (name, new)]
        return counts[0] == counts[1] is not None

    if not _wait_until(is_whole):
        raise IndexUnusable(
            f"the clone of {name} has {counts[1] or 0} of {counts[0]} documents; {name} is as it "
            "was"
        )


def _wait_until(is_so: Callable[[], bool]) -> bool:
    """Whether it comes to be so, as when a clone gets its shards after it was made."""
    deadline = time.monotonic() + _WHOLE_S
    while not (so := is_so()) and time.monotonic() < deadline:
        time.sleep(_PAUSE_S)
    return so


def _count(client: Elasticsearch, index: str) -> int | None:
    """All documents, or None while some of its shards are not there."""
    try:
        scan.make_visible(client, index)
        return scan.count(client, index)
    except ClusterError as error:
        if error.status not in PASSING_STATUSES:
            raise
        return None
