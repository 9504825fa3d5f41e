"""The fields of a mapping, one by one, wherever they stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

OBJECTS = (None, "object", "nested", "passthrough")
"""Types of what holds fields and is none itself."""


@dataclass(frozen=True, slots=True)
class MappedField:
    """A field that documents have, and that can be searched.

    Attributes:
        path: Dotted.
        mapping: What the mapping says of it.
        nested: Path of the innermost nested object that it is in; None for most.
        kept: How a synthetic `_source` keeps it, `synthetic_source_keep` of it or of what it is in:
            `none`, `arrays` or `all`.
        of: Path of the field that it is a multi-field of, so that its values are that one's.
    """

    path: str
    mapping: Mapping[str, Any]
    nested: str | None = None
    kept: str = "none"
    of: str | None = None

    @property
    def type(self) -> str:
        """Elasticsearch's name for what it holds."""
        return str(self.mapping.get("type"))

    @property
    def copies_to(self) -> tuple[str, ...]:
        """The fields that get its values, too."""
        return as_tuple(self.mapping.get("copy_to"))


def mapped_fields(mappings: Mapping[str, Any], *, kept: str = "none") -> Iterator[MappedField]:
    """All fields of a mapping, with those that are made of others (`fields`).

    Args:
        mappings: As Elasticsearch gives them.
        kept: See `MappedField.kept`, of the index.
    """
    return _fields(mappings.get("properties", {}), "", None, kept)


def _fields(
    properties: Mapping[str, Any], before: str, nested: str | None, kept: str
) -> Iterator[MappedField]:
    for name, mapping in properties.items():
        path = f"{before}{name}"
        keeps = mapping.get("synthetic_source_keep", kept)
        if mapping.get("type") in OBJECTS:
            inside = path if mapping.get("type") == "nested" else nested
            yield from _fields(mapping.get("properties", {}), f"{path}.", inside, keeps)
            continue
        yield MappedField(path, mapping, nested, keeps)
        for short, other in mapping.get("fields", {}).items():
            yield MappedField(f"{path}.{short}", other, nested, keeps, of=path)


def as_tuple(value: object) -> tuple[str, ...]:
    """What a mapping has as one name or as a list of them."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]


def some(names: Iterable[str], most: int = 5) -> str:
    """A few names for people, and how many more there are."""
    all_names = list(names)
    more = f" and {len(all_names) - most} more" if len(all_names) > most else ""
    return ", ".join(all_names[:most]) + more
