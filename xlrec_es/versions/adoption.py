"""Bring an index that exists behind an alias of its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexUnusable
from xlrec_es.index.live_index import physical_name
from xlrec_es.versions import write_block
from xlrec_es.versions.inventory import Version, Versions


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
        if any(version.index == taken for version in versions.found):
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
    `index_not_found_exception`). What Elasticsearch refuses leaves the index as it was, and what is
    broken off before the swap leaves a clone beside it.

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
        # Refused if its name is taken by now: that index is somebody else's, and is not deleted.
        client.indices.clone(index=name, target=new, settings={"index.blocks.write": block.earlier})
        try:
            _must_be_whole(client, name, new)
            block.stays = True  # from here on the old index may be gone
            client.options(max_retries=0).indices.update_aliases(actions=actions)
        except (IndexUnusable, elasticsearch.ApiError) as error:
            # After any other failure nobody knows whether it is gone: the clone must stay.
            if isinstance(error, IndexUnusable) or error.status_code < 500:
                block.stays = False
                client.indices.delete(index=new)
            raise
    return replace(old, index=new, number=0, aliases={**old.aliases, name: {}})


def _must_be_whole(client: Elasticsearch, name: str, new: str) -> None:
    # The clone is answered when the first copy of each shard is there, or after the time-out.
    client.indices.refresh(index=f"{name},{new}")
    counts = [client.count(index=index)["count"] for index in (name, new)]
    if counts[0] != counts[1]:
        raise IndexUnusable(
            f"the clone of {name} has {counts[1]} of {counts[0]} documents; {name} is as it was"
        )
