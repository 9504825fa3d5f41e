"""Forget users: delete their rows, leave them out of what is learned next, and say what remembers.

First everything is looked up, so that a mistyped name deletes nothing. Then the index notes whom to
leave out, and only then rows are deleted: whatever breaks that off, doing it again ends it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster import scan
from xlrec_es.errors import UsageError
from xlrec_es.index.live_index import LiveIndex, find_live, note_forgotten
from xlrec_es.index.meta import IndexMeta
from xlrec_es.interactions.forgotten import LEFT_OUT, MOST, POPULARITY_LEFT_OUT, Forgotten
from xlrec_es.privacy import traces
from xlrec_es.privacy.traces import KnownTrace, Trace
from xlrec_es.versions.inventory import Version, read_versions

_VERSION = re.compile(r"(.+)-xlrec-v\d+")

ELSEWHERE = (
    "files and snapshots that you made, such as training parts, pairs and exported "
    "lists, and events that wait in the spool of a running service; forget again once they are "
    "delivered"
)
"""What this program cannot know of."""


@dataclass(frozen=True, slots=True)
class Forgot:
    """What became of the rows of some users.

    Attributes:
        index: The alias, whose versions leave them out from now on.
        users: How many.
        noted: Versions that note them. Empty after a look alone.
        rows: By what they are, and by physical index: rows that were deleted; after a look alone,
            rows that are there.
        unread: Versions that are closed, so that they could not note it.
        remembers: What was learned with these users' rows, as sentences with what renews it.
    """

    index: str
    users: int
    noted: tuple[str, ...]
    rows: Mapping[str, Mapping[str, int]]
    unread: tuple[str, ...] = ()
    remembers: tuple[str, ...] = field(default=())

    @property
    def total(self) -> int:
        """Rows in all."""
        return sum(count for by_index in self.rows.values() for count in by_index.values())


def look(client: Elasticsearch, index: str, users: Sequence[str], some: Sequence[Trace]) -> Forgot:
    """Count the rows of some users, and change nothing.

    Args:
        client: Of the cluster.
        index: The alias of a catalog.
        users: Their ids, each once.
        some: Where rows of users are.

    Raises:
        XlrecError: As for `forget`.
    """
    live = find_live(client, index)
    known = _known(client, users, some)
    for one in itertools.chain(*known.values()):
        scan.make_visible(client, one.index)
    rows = {
        what: {one.index: traces.count(client, one, users) for one in here}
        for what, here in known.items()
    }
    _, opened = _versions(client, index, live)
    return Forgot(index, len(users), (), rows, remembers=_all_remember(index, live, opened, users))


def forget(
    client: Elasticsearch, index: str, users: Sequence[str], some: Sequence[Trace]
) -> Forgot:
    """Delete all rows of some users, and have every version of the index leave them out.

    Args:
        client: Of the cluster.
        index: The alias of a catalog.
        users: Their ids, each once.
        some: Where rows of users are.

    Raises:
        UsageError: More users than an index can note, or an id that cannot be found.
        ConfigError: A trace has no field that users are told apart by.
        IndexNotFound: A trace's index is not there; nothing was deleted.
        WriteError: Not all could be deleted.
        XlrecError: As for `find_live`.
    """
    live = find_live(client, index)
    if version := _VERSION.fullmatch(index):
        raise UsageError(
            f"{index} is one version of an index, and others would not note it; nothing was "
            f"deleted. Name the alias: {version[1]}"
        )
    known = _known(client, users, some)
    versions, opened = _versions(client, index, live)
    forgotten = {
        name: Forgotten.from_meta(meta.forgotten).with_users(users) for name, meta in opened.items()
    }
    if max(len(one.digests) for one in forgotten.values()) > MOST:
        raise UsageError(
            f"{index} can note {MOST} forgotten users at most; nothing was deleted. Take their "
            "rows out of all sources, learn again, and make a new index"
        )
    for trace in itertools.chain(*known.values()):
        # A closed index, or one that cannot be searched, is told before anything is changed.
        traces.count(client, trace, users)
    for name, one in forgotten.items():
        note_forgotten(client, name, one.to_meta())
    rows = {
        what: {one.index: traces.delete(client, one, users) for one in here}
        for what, here in known.items()
    }
    return Forgot(
        index,
        len(users),
        tuple(forgotten),
        rows,
        tuple(one.index for one in versions if not one.is_open),
        _all_remember(index, live, opened, users),
    )


def _versions(
    client: Elasticsearch, index: str, live: LiveIndex
) -> tuple[list[Version], dict[str, IndexMeta]]:
    """All versions, and what those say that are open."""
    versions = [version for version in read_versions(client, index).found if version.is_ours]
    opened = {one.index: one.described().meta for one in versions if one.is_open}
    opened.setdefault(live.name, live.meta)  # of an index without an alias
    return versions, opened


def _all_remember(
    index: str, live: LiveIndex, opened: Mapping[str, IndexMeta], users: Sequence[str]
) -> tuple[str, ...]:
    """See `remembers`; of other versions, too, which a rollback may bring back."""
    others = tuple(
        f"{name}, another version, was learned with these users' rows, until it is deleted, or: "
        f"xlrec-ingest learn INTERACTIONS --index {name}"
        for name, meta in opened.items()
        if name != live.name and remembers(index, meta, users)
    )
    return remembers(index, live.meta, users) + others


def _known(
    client: Elasticsearch, users: Sequence[str], some: Sequence[Trace]
) -> dict[str, list[KnownTrace]]:
    """The physical indices of each trace, by what it is."""
    return {trace.what: traces.look_up(client, trace, users) for trace in some}


def remembers(index: str, meta: IndexMeta, users: Sequence[str]) -> tuple[str, ...]:
    """What was learned before, as sentences with what renews it. Pure.

    Args:
        index: The alias.
        meta: Of its live version, before these users were forgotten.
        users: Their ids.
    """
    forgotten = Forgotten.from_meta(meta.forgotten)
    known_before = all(user in forgotten for user in users)

    def without(note: Mapping[str, Any], key: str = LEFT_OUT) -> bool:
        """Whether it was learned when all of these users were left out already."""
        return known_before and note.get(key, 0) >= len(forgotten.digests)

    said = []
    learned = meta.indicators
    if learned and not without(learned):
        said.append(
            "associations and popularity were learned with these users' rows, until: "
            f"xlrec-ingest learn INTERACTIONS --index {index}"
        )
    elif POPULARITY_LEFT_OUT in learned and not without(learned, POPULARITY_LEFT_OUT):
        said.append(
            "popularity was learned with these users' rows, until, without --keep-popularity: "
            f"xlrec-ingest learn INTERACTIONS --index {index}"
        )
    said += [
        f"{name} was learned with these users' rows, until: xlrec-ingest learn INTERACTIONS "
        f"--relation {name} --index {index}"
        for name, note in meta.relations.items()
        if not without(note)
    ]
    if meta.tuning and not without(meta.tuning):
        said.append(
            "fusion was tuned with these users' rows, until: "
            f"xlrec-es tune INTERACTIONS --index {index}"
        )
    if meta.encoder.get("learned_from"):  # its license says nothing of users
        said.append(
            "the encoder was fine-tuned on interactions; if these users' rows were among them: "
            f"xlrec-ingest pairs, xlrec-ingest finetune, and xlrec-ingest reencode --index {index}"
        )
    return tuple(said)
