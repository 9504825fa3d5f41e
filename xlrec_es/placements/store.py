"""Where placements are kept: a small index, with a document for each index and name.

A document is read and written whole, by its id, so that nobody sees half of a change. It is written
only as long as it is what was read (`if_seq_no`): of two writers, one wins and the other is told.
It holds the current version, and the last twenty with it. A deletion is a version, too: it can be
undone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import elasticsearch
from elasticsearch import Elasticsearch

from xlrec_es.cluster.client_errors import friendly_errors
from xlrec_es.errors import (
    ClusterError,
    IndexUnusable,
    PlacementChanged,
    PlacementNotFound,
    PlacementRefused,
)
from xlrec_es.placements.placement import Placement, read_placement

DEFAULT_INDEX = "xlrec-placements"
MOST_VERSIONS = 20
MOST_PLACEMENTS = 1000
"""Of one index, that are listed."""

_KEYWORD = {"type": "keyword"}
_MAPPINGS: Mapping[str, Any] = {
    "dynamic": False,
    "properties": {
        "index": _KEYWORD,
        "name": _KEYWORD,
        "deleted": {"type": "boolean"},
        # Definitions hold whatever a query may: none of it is a field.
        "current": {"type": "object", "enabled": False},
        "versions": {"type": "object", "enabled": False},
    },
}


@dataclass(frozen=True, slots=True)
class Version:
    """A placement as somebody wrote it.

    Attributes:
        number: From 1; never used again.
        time: When, in ISO 8601.
        author: Who.
        definition: What was written; None: it was deleted.
        restores: The number of the version that it brought back; None: it is new.
    """

    number: int
    time: str
    author: str
    definition: Mapping[str, Any] | None
    restores: int | None = None

    def placement(self) -> Placement:
        """What the definition says.

        Raises:
            IndexUnusable: Another version of this program wrote it, or something else.
        """
        try:
            return read_placement(self.definition)
        except PlacementRefused as error:
            raise IndexUnusable(
                f"version {self.number} of the placement cannot be read: {error}; write it again"
            ) from error


@dataclass(frozen=True, slots=True)
class Stored:
    """A placement that is kept.

    Attributes:
        index: The alias or index that it is for.
        name: Its name.
        current: Its current version.
        versions: The last ones, the current one at the end; empty where they were not read.
        seq_no: Of the document; with `primary_term` it says whether it is still as it was read.
        primary_term: See there.
    """

    index: str
    name: str
    current: Version
    versions: tuple[Version, ...] = ()
    seq_no: int | None = None
    primary_term: int | None = None

    @property
    def is_deleted(self) -> bool:
        """Whether it was deleted; it can be brought back."""
        return self.current.definition is None

    def earlier(self, number: int | None = None) -> Version:
        """The version that a rollback brings back.

        Args:
            number: Its number; None: the one before the current one.

        Raises:
            PlacementNotFound: There is no such version.
        """
        earlier = [one for one in self.versions[:-1] if one.definition is not None]
        chosen = [one for one in earlier if number in (None, one.number)]
        if not chosen:
            known = ", ".join(str(one.number) for one in earlier) or "none"
            named = "" if number is None else f" {number}"
            raise PlacementNotFound(
                f"the placement {self.name!r} has no earlier version{named} to go back to; there "
                f"are: {known}"
            )
        return chosen[-1]


class Store:
    """The placements of a cluster."""

    def __init__(self, client: Elasticsearch, index: str = DEFAULT_INDEX) -> None:
        """Nothing is sent yet.

        Args:
            client: Of the cluster.
            index: Where they are kept; it is made with the first of them.
        """
        self._client = client
        self._index = index

    def read(self, index: str, name: str, *, versions: bool = True) -> Stored | None:
        """A placement as it is at this moment, deleted ones too; None: there never was one.

        Args:
            index: The alias or index that it is for.
            name: Its name.
            versions: Whether the earlier versions are wanted.

        Raises:
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        left_out = None if versions else ["versions"]
        with friendly_errors(self._client):
            try:
                answer = self._client.get(
                    index=self._index, id=_id(index, name), source_excludes=left_out
                ).body
            except elasticsearch.NotFoundError:
                return None
        return _stored(answer)

    def found(self, index: str, name: str, *, versions: bool = True) -> Stored:
        """As `read`, of what there is.

        Args:
            index: As for `read`.
            name: As for `read`.
            versions: As for `read`.

        Raises:
            PlacementNotFound: There is none.
            ClusterError: As for `read`.
        """
        stored = self.read(index, name, versions=versions)
        if stored is None or stored.is_deleted:
            raise not_found(index, name)
        return stored

    def all_of(self, index: str) -> list[Stored]:
        """The placements of an index, by name, without their earlier versions.

        Args:
            index: The alias or index that they are for.

        Raises:
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        there = {"bool": {"filter": [{"term": {"index": index}}, {"term": {"deleted": False}}]}}
        with friendly_errors(self._client):
            answer = self._client.search(
                index=self._index,
                ignore_unavailable=True,
                query=there,
                size=MOST_PLACEMENTS,
                sort=[{"name": {"order": "asc", "unmapped_type": "keyword"}}],
                source_excludes=["versions"],
            )
        return [_stored(hit) for hit in answer["hits"]["hits"]]

    def put(
        self,
        index: str,
        name: str,
        definition: Mapping[str, Any] | None,
        *,
        author: str,
        expected: int | None = None,
    ) -> Stored:
        """Write a new version.

        Args:
            index: The alias or index that it is for.
            name: Its name.
            definition: What is written, checked; None deletes it.
            author: Who writes it.
            expected: The number of the version that it takes the place of, 0 for none; None:
                whatever is there.

        Raises:
            PlacementChanged: Another version is there.
            PlacementNotFound: There is none that could be deleted.
            ClusterError: Elasticsearch is out of reach, or refuses.
        """
        before = self.read(index, name)
        _check_expected(name, before, expected)
        if definition is None and (before is None or before.is_deleted):
            raise not_found(index, name)
        return self._write(index, name, before, _Change(author, definition))

    def rollback(
        self,
        index: str,
        name: str,
        *,
        author: str,
        to: int | None = None,
        expected: int | None = None,
    ) -> Stored:
        """Bring back an earlier version, as a new one.

        Args:
            index: As for `put`.
            name: As for `put`.
            author: As for `put`.
            to: Its number; None: the one before the current one.
            expected: As for `put`.

        Raises:
            PlacementNotFound: There is no such placement or version.
            PlacementChanged: As for `put`.
            ClusterError: As for `put`.
        """
        before = self.read(index, name)
        if before is None:
            raise not_found(index, name)
        _check_expected(name, before, expected)
        version = before.earlier(to)
        return self._write(index, name, before, _Change(author, version.definition, version.number))

    def _write(self, index: str, name: str, before: Stored | None, change: _Change) -> Stored:
        number = 1 if before is None else before.current.number + 1
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        version = Version(number, time, change.author, change.definition, change.restores)
        versions = (*(() if before is None else before.versions), version)[-MOST_VERSIONS:]
        body = {
            "index": index,
            "name": name,
            "deleted": change.definition is None,
            "current": _as_json(version),
            "versions": [_as_json(one) for one in versions],
        }
        condition: dict[str, Any] = {"op_type": "create"}
        if before is not None:
            condition = {"if_seq_no": before.seq_no, "if_primary_term": before.primary_term}
        self._make_index()
        try:
            with friendly_errors(self._client):
                answer = self._client.index(
                    index=self._index,
                    id=_id(index, name),
                    document=body,
                    refresh=True,  # for `all_of`
                    **condition,
                )
        except ClusterError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            raise PlacementChanged(
                f"the placement {name!r} was changed at this moment by another writer; read it, "
                "and make your change again"
            ) from error
        return Stored(index, name, version, versions, answer["_seq_no"], answer["_primary_term"])

    def _make_index(self) -> None:
        with friendly_errors(self._client):
            if not self._client.indices.exists(index=self._index):
                self._client.options(ignore_status=HTTPStatus.BAD_REQUEST).indices.create(
                    index=self._index, mappings=_MAPPINGS
                )


@dataclass(frozen=True, slots=True)
class _Change:
    """What is written, by whom, and which version it brings back."""

    author: str
    definition: Mapping[str, Any] | None
    restores: int | None = None


def not_found(index: str, name: str) -> PlacementNotFound:
    """The error for a placement that there is not."""
    return PlacementNotFound(
        f"{index} has no placement {name!r}; write it with: xlrec-es placement set {name} FILE "
        f"--index {index}"
    )


def _check_expected(name: str, before: Stored | None, expected: int | None) -> None:
    there = 0 if before is None else before.current.number
    if expected is not None and expected != there:
        raise PlacementChanged(
            f"the placement {name!r} has version {there}, and not {expected}: it was changed "
            "meanwhile; read it, and make your change again",
            version=there,
        )


def _id(index: str, name: str) -> str:
    return f"{index}|{name}"  # no name of an index has that sign


def _as_json(version: Version) -> dict[str, Any]:
    return {name: getattr(version, name) for name in Version.__slots__}


def _stored(answer: Mapping[str, Any]) -> Stored:
    """Out of a document, as a hit or by its id.

    Raises:
        IndexUnusable: Something else wrote it.
    """
    try:
        source = answer["_source"]
        versions: Sequence[Mapping[str, Any]] = source.get("versions", ())
        return Stored(
            source["index"],
            source["name"],
            Version(**source["current"]),
            tuple(Version(**one) for one in versions),
            answer.get("_seq_no"),
            answer.get("_primary_term"),
        )
    except (KeyError, TypeError) as error:
        raise IndexUnusable(
            f"the document {answer.get('_id')!r} of {answer.get('_index')} is no placement "
            f"({error!r}); name another index for placements"
        ) from error
