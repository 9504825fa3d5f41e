"""Saved objects as Kibana imports them: one line of JSON each.

Kibana migrates older objects and refuses newer ones, so each says the oldest version whose form it
has. These are the versions that Kibana's own sample data say, which every 8.8 and later takes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, UsageError

DATA_VIEW, SEARCH, DASHBOARD = "index-pattern", "search", "dashboard"
"""Kibana's names of the types."""

TYPE_VERSIONS = {DATA_VIEW: "7.11.0", SEARCH: "7.9.3", DASHBOARD: "8.9.0"}
"""The form that the attributes of each type have here."""

_CORE_VERSION = "8.8.0"
_IDS = uuid.UUID("6a0c6b3e-6a5c-5d0f-9b7e-3f1c6d0f2a11")


@dataclass(frozen=True, slots=True)
class Reference:
    """Another saved object that one needs.

    Attributes:
        name: As the attributes call it.
        type: Of the other.
        id: Of the other.
    """

    name: str
    type: str
    id: str


@dataclass(frozen=True, slots=True)
class SavedObject:
    """What Kibana keeps under an id.

    Attributes:
        type: One of `TYPE_VERSIONS`, of those that are made here.
        id: See `stable_id`.
        attributes: In Kibana's form; parts of it are JSON within a text.
        references: The objects that it needs.
        type_version: Of the attributes' form; None for Kibana's present one.
    """

    type: str
    id: str
    attributes: Mapping[str, Any]
    references: tuple[Reference, ...] = ()
    type_version: str | None = None

    @property
    def title(self) -> str:
        """As people see it; a data view's is its pattern."""
        return str(self.attributes.get("name") or self.attributes.get("title") or self.id)

    def to_json(self) -> dict[str, Any]:
        """As a line of an export holds it."""
        version = {} if self.type_version is None else {"typeMigrationVersion": self.type_version}
        return {
            "type": self.type,
            "id": self.id,
            "attributes": dict(self.attributes),
            "references": [
                {"name": one.name, "type": one.type, "id": one.id} for one in self.references
            ],
            "coreMigrationVersion": _CORE_VERSION,
            **version,
            "managed": False,
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> SavedObject:
        """The inverse of `to_json`, also of what Kibana exported.

        Raises:
            KeyError: A part is missing.
            TypeError: A part is of another kind.
        """
        references = tuple(
            Reference(one["name"], one["type"], one["id"]) for one in found.get("references", [])
        )
        return cls(
            found["type"],
            found["id"],
            dict(found["attributes"]),
            references,
            found.get("typeMigrationVersion"),
        )


def stable_id(index: str, type_: str, name: str) -> str:
    """The id of an object, always the same, so that what is imported again replaces it.

    Args:
        index: The catalog's name, by which two catalogs in one space are told apart.
        type_: Kibana's name of the type.
        name: Of the object, among those of its type.
    """
    return str(uuid.uuid5(_IDS, "\n".join((index, type_, name))))


def ndjson(objects: Iterable[SavedObject]) -> bytes:
    """An export: a line for each object, what others need first."""
    lines = (orjson.dumps(one.to_json(), option=orjson.OPT_SORT_KEYS) for one in objects)
    return b"".join(line + b"\n" for line in lines)


def read_ndjson(path: Path) -> list[SavedObject]:
    """The objects of an export, ours or Kibana's; its line of summary is left out.

    Raises:
        UsageError: It cannot be read, or holds something else.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    found = [_read(path, n, line) for n, line in enumerate(lines, 1) if line.strip()]
    objects = [one for one in found if one is not None]
    if not objects:
        raise UsageError(
            f"{path} holds no saved object; write one with: xlrec-es kibana export -o {path}"
        )
    return objects


def _read(path: Path, number: int, line: bytes) -> SavedObject | None:
    try:
        found = exact_json.loads(line, exact=False)
    except InvalidJson as error:
        raise UsageError(f"line {number} of {path} is {error}") from error
    if isinstance(found, dict) and "exportedCount" in found:
        return None
    try:
        return SavedObject.from_json(found)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"line {number} of {path} is no saved object of Kibana ({error!r}); write such a file "
            f"with: xlrec-es kibana export -o {path}"
        ) from error
