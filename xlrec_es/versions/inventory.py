"""The versions of an index behind its alias.

`<name>` is an alias of the live version. A second alias, `<name>-xlrec-previous`, marks the version
that was live before, so that both move in one atomic call, and no document or mapping has to
remember it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import IndexNotFound, IndexUnusable
from xlrec_es.index.fields import OWN_FIELD
from xlrec_es.index.live_index import (
    LiveIndex,
    adds_something,
    is_closed,
    physical_name,
    read_live,
)

State = Literal["live", "previous", "newer", "older", "unused"]


@dataclass(frozen=True, slots=True)
class Version:
    """A physical index.

    Attributes:
        index: Its name.
        number: N of `<name>-xlrec-v<N>`; None if it has a name of another form.
        aliases: Every alias on it, with the alias's filter, routing and so on.
        is_open: Whether it can be searched.
        body: `mappings` and flat `settings`, as Elasticsearch gives them.
    """

    index: str
    number: int | None
    aliases: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    is_open: bool = True
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def is_ours(self) -> bool:
        """Whether this program made it: it has a `_meta.xlrec`."""
        return OWN_FIELD in self.body.get("mappings", {}).get("_meta", {})

    @property
    def is_blocked(self) -> bool:
        """Whether its owner has it refuse writes."""
        return bool(self.body["settings"].get("index.blocks.write") == "true")

    def searched(self, name: str) -> str:
        """What searches of it name: `name`, if that is an alias of it that hides a part of it."""
        is_hiding = name in self.aliases and adds_something(name, self.index, self.aliases)
        return name if is_hiding else self.index

    def described(self) -> LiveIndex:
        """With what it says of itself.

        Raises:
            NotAnXlrecIndex: This program did not make it, or cannot read it.
        """
        return read_live(self.index, {self.index: self.body}, closed_too=True)


@dataclass(frozen=True, slots=True)
class Versions:
    """What there is under a name.

    Attributes:
        name: The alias, or the name of an index that is none of ours yet.
        found: By number, oldest first; those without a number come before.
    """

    name: str
    found: tuple[Version, ...]

    @property
    def is_concrete(self) -> bool:
        """Whether the name is that of an index, so that no alias can have it."""
        return any(version.index == self.name for version in self.found)

    @property
    def live(self) -> Version | None:
        """The version that the alias stands for.

        Raises:
            IndexUnusable: It stands for several.
        """
        return self._holder(self.name)

    @property
    def previous(self) -> Version | None:
        """The version that was live before.

        Raises:
            IndexUnusable: Several are marked as that.
        """
        return self._holder(previous_alias(self.name))

    @property
    def added(self) -> Mapping[str, Any]:
        """What the alias adds to the live version: its filter, routing and so on."""
        return {} if self.live is None else self.live.aliases[self.name]

    @property
    def next_number(self) -> int:
        """The number that no version has had, as far as those that are left tell."""
        return max((version.number or 0 for version in self.found), default=0) + 1

    def state(self, version: Version) -> State:
        """What a version is: `newer` and `older` than the live one, `unused` where none is live."""
        if version.index == self.name:
            return "live"  # an index of that name, which no alias can have
        live = self.live
        if live is None:
            return "unused"
        if version == live:
            return "live"
        if version == self.previous:
            return "previous"
        return "newer" if (version.number or 0) > (live.number or 0) else "older"

    def named(self, index: str) -> Version:
        """The version with this physical name or alias.

        Raises:
            IndexNotFound: There is none.
        """
        for version in self.found:
            if index in (version.index, *version.aliases):
                return version
        there = ", ".join(version.index for version in self.found) or "none"
        raise IndexNotFound(f"no version {index} of {self.name}; there are: {there}")

    def _holder(self, alias: str) -> Version | None:
        holders = [version for version in self.found if alias in version.aliases]
        if len(holders) > 1:
            raise IndexUnusable(
                f"the alias {alias} stands for {len(holders)} indices "
                f"({', '.join(version.index for version in holders)}); leave it on one of them"
            )
        return holders[0] if holders else None


def previous_alias(name: str) -> str:
    """The alias of the version that was live before."""
    return f"{name}-xlrec-previous"


def read_versions(client: Elasticsearch, name: str, *, also: str | None = None) -> Versions:
    """Every version of a name, and whatever index has the name or its aliases.

    Args:
        client: Of the cluster.
        name: The alias, or the index that has its name.
        also: An index of another name that may become a version.

    Raises:
        ClusterError: The cluster does not answer, or refuses.
    """
    wanted = [name, f"{name}-xlrec-v*", previous_alias(name), *([also] if also else [])]
    with friendly_errors(client):
        answer = client.indices.get(
            index=wanted, ignore_unavailable=True, expand_wildcards="all", flat_settings=True
        ).body
    numbered = re.compile(re.escape(name) + r"-xlrec-v(\d+)")
    found = []
    for index, body in answer.items():
        match = numbered.fullmatch(index)
        if (
            not match
            and index.startswith(f"{name}-xlrec-v")
            and not body["aliases"].keys() & wanted
        ):
            continue  # what merely begins alike
        number = int(match[1]) if match else None
        is_open = not is_closed(body["settings"])
        found.append(Version(index, number, body["aliases"], is_open, body))
    return Versions(name, tuple(sorted(found, key=lambda v: -1 if v.number is None else v.number)))


def version_named(name: str, text: str) -> str:
    """The physical index that a user means: `2` and `v2` are `<name>-xlrec-v2`."""
    match = re.fullmatch(r"v?(\d+)", text)
    return physical_name(name, int(match[1])) if match else text


def newest(versions: Versions) -> Version:
    """The version with the highest number, which is where a swap goes by itself.

    Raises:
        IndexNotFound: There is none.
    """
    ours = [version for version in versions.found if version.number and version.is_ours]
    if not ours:
        raise IndexNotFound(
            f"no index {physical_name(versions.name, 1)} or later; make it with: "
            f"xlrec-ingest run INPUT --index {versions.name}"
        )
    return ours[-1]
