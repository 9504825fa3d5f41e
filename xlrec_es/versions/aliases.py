"""Move an alias from version to version: swap, roll back, prune.

First comes a plan, which is pure and can be printed, then one request that names what it believes
to be live: if that is no longer so, Elasticsearch refuses all of it. Whatever takes long (filling a
version, verifying it) belongs between the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import AliasMoved, ClusterUnreachable, IndexUnusable, XlrecError
from xlrec_es.versions.inventory import Version, Versions, previous_alias, read_versions

AliasAction = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class AliasChange:
    """A change of aliases that takes effect as a whole or not at all.

    Attributes:
        name: The alias.
        actions: The body of the request; its `must_exist` makes it fail if the aliases are not
            where they were when it was planned.
        live: The physical index that was live then, or None.
        target: The one that will be.
        deleted: Indices that go.
    """

    name: str
    actions: tuple[AliasAction, ...]
    live: str | None
    target: str
    deleted: tuple[str, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """For `POST _aliases`."""
        return {"actions": list(self.actions)}


def plan_swap(versions: Versions, target: Version) -> AliasChange:
    """Put a version behind the alias, and mark the one that was there as the previous one.

    Raises:
        IndexUnusable: It is live already, is closed, or an index has the alias's name.
        NotAnXlrecIndex: Neither made by this program nor the previous one.
    """
    name, live, previous = versions.name, versions.live, versions.previous
    if versions.is_concrete:
        raise IndexUnusable(
            f"{name} is an index, so no alias can have that name; make it one, with all its "
            f"documents, with: xlrec-es index adopt {name}"
        )
    if live is not None and target.index == live.index:
        raise IndexUnusable(f"{target.index} is live already")
    if not target.is_open:
        raise IndexUnusable(f"{target.index} is closed; open it first: POST {target.index}/_open")
    if previous is None or target.index != previous.index:
        target.described()  # going back to what people had before this program is always allowed
    actions: list[AliasAction] = []
    properties: Mapping[str, Any] = {}
    if live is not None:
        properties = live.aliases[name]
        actions.append(_remove(live.index, name))
    # An alias has one write index at most. Where nothing is live, and so there is nothing whose
    # absence could be noticed, that is what refuses the second of two people.
    actions.append(_add(target.index, name, {**properties, "is_write_index": True}))
    if previous is not None:
        actions.append(_remove(previous.index, previous_alias(name)))
    if live is not None:
        # So too if the alias went elsewhere and came back since: then another index holds this one.
        actions.append(_add(live.index, previous_alias(name), {"is_write_index": True}))
    return AliasChange(name, tuple(actions), live.index if live else None, target.index)


def plan_rollback(versions: Versions) -> AliasChange:
    """Put the previous version behind the alias; a second rollback goes forward again.

    Raises:
        IndexUnusable: There is no previous version, or it is closed.
    """
    if versions.previous is None:
        raise IndexUnusable(
            f"{versions.name} has no previous version; choose one with: "
            f"xlrec-es index swap {versions.name} --to VERSION"
        )
    return plan_swap(versions, versions.previous)


def plan_prune(versions: Versions, *, newer: bool = False) -> AliasChange | None:
    """Delete versions that are neither live nor previous.

    What this program did not make (an index that was adopted is number 0), and what any alias
    stands for, is never deleted.

    Args:
        versions: What there is.
        newer: Those newer than the live one too; perhaps one is just being filled.

    Returns:
        The plan, or None if there is nothing to delete.

    Raises:
        IndexUnusable: Nothing is live, so there is no telling what may go.
    """
    live = versions.live
    if live is None:
        raise IndexUnusable(
            f"no version of {versions.name} is live, so none can be told to be superfluous; "
            f"put one behind the alias first: xlrec-es index swap {versions.name}"
        )
    wanted = {"older", "newer"} if newer else {"older"}
    doomed = tuple(
        version.index
        for version in versions.found
        if versions.state(version) in wanted
        and version.number
        and version.is_ours
        and not version.aliases
    )
    if not doomed:
        return None
    # Taking the alias off and putting it back changes nothing, but fails if it has moved: nobody's
    # rollback finds the version deleted that it went to a moment ago.
    actions = [
        _remove(live.index, versions.name),
        _add(live.index, versions.name, live.aliases[versions.name]),
        *({"remove_index": {"index": index}} for index in doomed),
    ]
    return AliasChange(versions.name, tuple(actions), live.index, live.index, doomed)


def change_aliases(client: Elasticsearch, change: AliasChange) -> None:
    """Carry a plan out, in one atomic request.

    Raises:
        AliasMoved: Somebody else moved the alias since the plan was made; nothing was changed.
        ClusterError: The cluster does not answer, or refuses.
    """
    # Sent once: a repetition of a request that took effect would look like somebody else's.
    once = client.options(max_retries=0)
    try:
        with friendly_errors(client):
            once.indices.update_aliases(actions=change.actions)
    except ClusterUnreachable:
        raise
    except XlrecError as error:
        live = read_versions(client, change.name).live
        now = live.index if live else None
        if now == change.live:
            raise
        raise AliasMoved(
            f"{change.name} was moved meanwhile: it stands for {now or 'nothing'} now, not "
            f"for {change.live or 'nothing'}; nothing was changed. Look again with: "
            f"xlrec-es index list {change.name}",
            live=now,
        ) from error


def check_filled(client: Elasticsearch, change: AliasChange) -> None:
    """Refuse to put an empty version in the place of one that has documents.

    Raises:
        IndexUnusable: It is empty.
        ClusterError: The cluster does not answer, or refuses.
    """
    with friendly_errors(client):
        client.indices.refresh(index=change.target)  # all that was written is to be found
        if client.count(index=change.target)["count"] or change.live is None:
            return
        if client.count(index=change.live)["count"]:
            raise IndexUnusable(
                f"{change.target} has no documents, and {change.live} has; fill it first: "
                f"xlrec-ingest run INPUT --index {change.target}"
            )


def _remove(index: str, alias: str) -> AliasAction:
    return {"remove": {"index": index, "alias": alias, "must_exist": True}}


def _add(index: str, alias: str, properties: Mapping[str, Any]) -> AliasAction:
    return {"add": {"index": index, "alias": alias, **properties}}
