"""Saved objects as Kibana imports them: one line of JSON each.

Kibana migrates older objects and refuses newer ones, so each says the oldest version whose form it
has. These are the versions that Kibana's own sample data say, which every 8.8 and later takes.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson

from xlrec_es import exact_json
from xlrec_es.errors import InvalidJson, UsageError

DATA_VIEW, SEARCH, DASHBOARD = "index-pattern", "search", "dashboard"
"""Kibana's names of the types."""

TYPE_VERSIONS = {DATA_VIEW: "7.11.0", SEARCH: "7.9.3", DASHBOARD: "8.9.0"}
"""The form that the attributes of each type have here."""

_EXPORT = "xlrec-es kibana export -i INDEX"
"""Without a file: what is named here may be the user's catalog."""
_CORE_VERSION = "8.8.0"
_VERSIONS = frozenset(("coreMigrationVersion", "typeMigrationVersion", "migrationVersion"))
"""Of these, every export of Kibana's has one in each line."""
_VERSION = "typeMigrationVersion"
_TEXTS = frozenset(("title", "name", "description"))
"""Of the attributes, those that are shown."""
_KINDS: Mapping[type, str] = {
    **{str: "a text", dict: "an object", list: "a list", type(None): "null"},
    **{bool: "true or false", int: "a number", float: "a number"},
}
T = TypeVar("T")
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
            UsageError: A part is missing, or of another kind.
        """
        attributes = _part(found, "attributes", dict)
        for name in _TEXTS & attributes.keys():
            _part(attributes, name, str)
        references = tuple(
            Reference(_part(one, "name", str), _part(one, "type", str), _part(one, "id", str))
            for one in (_part(found, "references", list) if "references" in found else [])
        )
        version = _part(found, _VERSION, str) if _VERSION in found else None
        return cls(
            _part(found, "type", str), _part(found, "id", str), attributes, references, version
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
        raise UsageError(f"{path} holds no saved object; write a file of them with: {_EXPORT}")
    return objects


def is_export(path: Path) -> bool:
    """Whether a file is an export, ours or Kibana's, and nothing else.

    Raises:
        OSError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            lines = [exact_json.loads(line, exact=False) for line in file if line.strip()]
            objects = [one for one in lines if not _is_summary(one)]
            for one in objects:
                SavedObject.from_json(one)
    except (InvalidJson, UsageError):
        return False
    return all(_VERSIONS & one.keys() for one in objects)


def _is_summary(line: Any) -> bool:  # noqa: ANN401 - of a file that anyone wrote
    return isinstance(line, dict) and "exportedCount" in line


def _read(path: Path, number: int, line: bytes) -> SavedObject | None:
    try:
        found = exact_json.loads(line, exact=False)
    except InvalidJson as error:
        raise UsageError(f"line {number} of {path} is {error}") from error
    if _is_summary(found):
        return None
    try:
        return SavedObject.from_json(found)
    except UsageError as error:
        raise UsageError(
            f"line {number} of {path} is no saved object of Kibana ({error}); write a file of them "
            f"with: {_EXPORT}"
        ) from error


def _part(whole: Any, name: str, kind: type[T]) -> T:  # noqa: ANN401 - of a file that anyone wrote
    if not isinstance(whole, dict) or name not in whole:
        raise UsageError(f"it has no {name}")
    found = whole[name]
    if not isinstance(found, kind):
        raise UsageError(f"its {name} is {_KINDS[type(found)]}, and must be {_KINDS[kind]}")
    return found
