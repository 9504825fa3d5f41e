"""Know what was written to a version since it went live, so that going back loses none of it.

Elasticsearch numbers the operations of each shard (`_seq_no`). How far the numbers were when the
alias moved is noted in the version's own `_meta`, beside `xlrec`: whoever writes that again from an
older look does not undo the note.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.index import final_pipeline
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.versions.aliases import AliasChange, change_aliases
from xlrec_es.versions.inventory import Version

KEY = "xlrec_live_since"
"""In `_meta`."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of the moment at which a version went live.

    Attributes:
        index: Its UUID: a note that was copied along with a mapping stands for nothing.
        previous: UUID of the version that was live before.
        done: By shard, the number of the last operation before that moment.
        same: Whether the two had the same documents then, so that one that is missing now was
            deleted since.
    """

    index: str
    previous: str
    done: Mapping[str, int]
    same: bool


def read_note(live: Version, previous: Version) -> Note | None:
    """The note of the moment at which one took the place of the other; None if there is none."""
    stored = live.body.get("mappings", {}).get("_meta", {}).get(KEY)
    note = Note(**{one.name: stored[one.name] for one in fields(Note)}) if stored else None
    if note is None or (note.index, note.previous) != (_uuid(live.body), _uuid(previous.body)):
        return None
    return note


def write_note(client: Elasticsearch, index: str, note: Note | None) -> None:
    """Put the note into the index's `_meta`, or remove it; all else in there stays.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        meta = dict(client.indices.get_mapping(index=index)[index]["mappings"].get("_meta", {}))
        meta.pop(KEY, None)
        added = {KEY: asdict(note)} if note else {}
        client.indices.put_mapping(index=index, meta=meta | added)


def move_alias(client: Elasticsearch, change: AliasChange, *, same: bool = False) -> None:
    """Carry out a swap, and note from where on the new version has writes that the old one lacks.

    Args:
        client: Of the cluster.
        change: The swap.
        same: Whether the two versions have the same documents.

    Raises:
        AliasMoved: As for `change_aliases`.
        ClusterError: The cluster does not answer, or refuses.
    """
    if change.live is None:
        final_pipeline.put_back(client, change.target)
        change_aliases(client, change)
        return
    with friendly_errors(client):
        found = client.indices.get(index=[change.live, change.target], flat_settings=True).body
    meta = found[change.target]["mappings"].get("_meta", {})
    if OWN_FIELD not in meta:  # somebody else's index, into which nothing is written
        change_aliases(client, change)
        return
    final_pipeline.put_back(client, change.target)  # a copy may have taken it off
    # Before the alias moves: what comes between the two is noted as come since.
    done = scan.operations_done(client, change.target)
    note = Note(_uuid(found[change.target]), _uuid(found[change.live]), done, same)
    # Where the alias is there already, the note is of whoever was first, and we are refused below.
    if KEY in meta and change.name not in found[change.target]["aliases"]:
        write_note(client, change.target, None)
    # The note comes last, or one of two people who swap at once would write over the winner's.
    change_aliases(client, change)
    write_note(client, change.target, note)


def count_since(client: Elasticsearch, index: str, done: Mapping[str, int]) -> int:
    """How many documents were written after these operations, new or changed.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    scan.make_visible(client, index)
    asked = (scan.written_after(shard, number) for shard, number in done.items())
    return sum(scan.count(client, index, query, preference=place) for query, place in asked)


def _uuid(body: Mapping[str, Any]) -> str:
    return str(body["settings"]["index.uuid"])
