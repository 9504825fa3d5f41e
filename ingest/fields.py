"""Which of the user's fields is the id, the title, the language ..."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from ingest.types import Fields
from xlrec_es.errors import ConfigError


@dataclass(frozen=True, slots=True)
class FieldMap:
    """Where a record keeps what. Paths may be dotted: `meta.title`.

    Attributes:
        id: The document's id: text or a whole number. None is the id that the source itself has
            for a record (an index), or else the field `id`.
        language: BCP 47 tag; where it is missing, the language is detected.
        title: Text, first in what is searched and encoded.
        text: More of it, in this order: text, or a list of texts.
        work: What renditions share; where it is missing, the id.
        popularity: How often it was used, bought, seen ...: a number of at least 0.
        translations: An object with one object of fields (title, text ...) for each language.
    """

    id: str | None = None
    language: str = "language"
    title: str = "title"
    text: tuple[str, ...] = ("summary", "description", "text")
    work: str = "work"
    popularity: str = "popularity"
    translations: str = "translations"

    @classmethod
    def from_mapping(cls, paths: Mapping[str, Any]) -> FieldMap:
        """Make one from names and paths, as in the TOML table `[fields]`.

        Raises:
            ConfigError: An unknown name, or a path that is not text.
        """
        known = [field.name for field in fields(cls)]
        chosen: dict[str, Any] = {}
        for name, path in paths.items():
            if name not in known:
                raise ConfigError(f"there is no field {name!r} to map; use {', '.join(known)}")
            several = [path] if isinstance(path, str) else path
            if not isinstance(several, list) or not all(isinstance(p, str) and p for p in several):
                raise ConfigError(f"field {name}: {path!r} is not the name of a field")
            if name == "text":
                chosen[name] = tuple(several)
            elif len(several) == 1:
                chosen[name] = several[0]
            else:
                raise ConfigError(f"field {name}: give one name; only text can be several fields")
        return cls(**chosen)

    @property
    def texts(self) -> tuple[str, ...]:
        """The paths of everything that is searched and encoded, in order."""
        return (self.title, *(path for path in self.text if path != self.title))


def parse_assignments(assignments: Iterable[str]) -> dict[str, list[str]]:
    """Read `name=path` or `name=path,path`, as on the command line.

    Raises:
        ConfigError: There is no `=`.
    """
    parsed = {}
    for assignment in assignments:
        name, equals, paths = assignment.partition("=")
        if not equals:
            raise ConfigError(f"--field {assignment}: write NAME=FIELD, such as title=name")
        parsed[name.strip()] = [path.strip() for path in paths.split(",")]
    return parsed


def lookup(record: Fields, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value at a dotted path, or None. A key that has the dots in its name comes first."""
    if path in record:
        return record[path]
    head, dot, rest = path.partition(".")
    inner = record.get(head)
    return lookup(inner, rest) if dot and isinstance(inner, Mapping) else None


def without(record: Fields, path: str) -> dict[str, Any]:
    """A copy of the record that lacks the value at a dotted path."""
    copy = dict(record)
    head, dot, rest = path.partition(".")
    if path in copy:
        del copy[path]
    elif dot and isinstance(copy.get(head), Mapping):
        copy[head] = without(copy[head], rest)
    return copy
