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
from xlrec_es.versions import write_block
from xlrec_es.versions.aliases import AliasChange, change_aliases
from xlrec_es.versions.inventory import Version, Versions

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
        by: The command that moved the alias and has not come to its end; empty once it has.
    """

    index: str
    previous: str
    done: Mapping[str, int]
    same: bool
    by: str = ""


def read_note(live: Version, previous: Version) -> Note | None:
    """The note of the moment at which one took the place of the other; None if there is none."""
    stored = live.body.get("mappings", {}).get("_meta", {}).get(KEY)
    names = {one.name for one in fields(Note)}
    note = Note(**{k: v for k, v in stored.items() if k in names}) if stored else None
    if note is None or (note.index, note.previous) != (_uuid(live.body), _uuid(previous.body)):
        return None
    return note


def moved_by(versions: Versions, command: str) -> tuple[Version, Version, Note] | None:
    """What a command that was killed has done, if it had moved the alias and not come to its end.

    Args:
        versions: What there is.
        command: As `move_alias` was told.

    Returns:
        The version that it put behind the alias, the one that was there, and the note.

    Raises:
        IndexUnusable: An alias stands for several indices.
    """
    live, left = versions.live, versions.previous
    note = read_note(live, left) if live and left else None
    return (live, left, note) if live and left and note and note.by == command else None


def was_live(version: Version) -> bool:
    """Whether a version was put behind the alias, by a command that came to its end."""
    stored = version.body.get("mappings", {}).get("_meta", {}).get(KEY)
    return bool(stored and stored["index"] == _uuid(version.body) and not stored.get("by"))


def end(client: Elasticsearch, target: str, left: Version | None = None) -> None:
    """Note that the command that moved the alias has come to its end.

    Args:
        client: Of the cluster.
        target: The version that is live now.
        left: The one that was, if a kill may have left it refusing writes.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    write_block.take_off_left(client, left)
    note = _meta(client, target).get(KEY)
    if note and note.get("by"):
        _write(client, target, {**note, "by": ""})


def move_alias(
    client: Elasticsearch, change: AliasChange, *, same: bool = False, by: str = ""
) -> None:
    """Carry out a swap, and note from where on the new version has writes that the old one lacks.

    Args:
        client: Of the cluster.
        change: The swap.
        same: Whether the two versions have the same documents.
        by: The command that has more to do afterwards, if one has: see `moved_by` and `end`.

    Raises:
        AliasMoved: As for `change_aliases`.
        ClusterError: The cluster does not answer, or refuses.
    """
    if change.live is None:
        final_pipeline.put_back(client, change.target)
        change_aliases(client, change)
        return
    # First of all: where the look says that it is not live yet, nobody has written to it since.
    done = scan.operations_done(client, change.target)
    with friendly_errors(client):
        found = client.indices.get(index=[change.live, change.target], flat_settings=True).body
    live, target = (_as_found(index, found[index]) for index in (change.live, change.target))
    # Where the alias is there already, the note is of whoever was first, and we are refused below.
    # Else the note comes before the alias moves, or a kill between the two would leave none. Of two
    # people who swap at once, either's stands for what both have found.
    if target.is_ours and change.name not in target.aliases:
        final_pipeline.put_back(client, change.target)  # a copy may have taken it off
        note = Note(_uuid(target.body), _uuid(live.body), done, same, by)
        _write(client, change.target, asdict(note))
    write_block.take_off_left(client, target)  # or what is live would take no writes
    change_aliases(client, change)
    stored = live.body["mappings"].get("_meta", {}).get(KEY)
    if stored and stored.get("by"):
        end(client, change.live)  # whatever had moved it there


def count_since(client: Elasticsearch, index: str, done: Mapping[str, int]) -> int:
    """How many documents were written after these operations, new or changed.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    scan.make_visible(client, index)
    asked = (scan.written_after(shard, number) for shard, number in done.items())
    return sum(scan.count(client, index, query, preference=place) for query, place in asked)


def _as_found(index: str, body: Mapping[str, Any]) -> Version:
    return Version(index, None, body["aliases"], body=body)


def _write(client: Elasticsearch, index: str, note: Mapping[str, Any]) -> None:
    """Put the note into the index's `_meta`; all else in there stays."""
    with friendly_errors(client):
        client.indices.put_mapping(index=index, meta={**_meta(client, index), KEY: note})


def _meta(client: Elasticsearch, index: str) -> dict[str, Any]:
    with friendly_errors(client):
        mappings = client.indices.get_mapping(index=index).body[index]["mappings"]
    return dict(mappings.get("_meta", {}))


def _uuid(body: Mapping[str, Any]) -> str:
    return str(body["settings"]["index.uuid"])
