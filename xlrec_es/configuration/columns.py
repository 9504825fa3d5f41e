"""Fields of records, and what each of them holds. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from xlrec_es.index.mapped_fields import MappedField
from xlrec_es.records.record import Fields, Record

KEYWORD, TEXT, DATE, NUMBER, BOOLEAN = "keyword", "text", "date", "number", "boolean"
_DEEPEST = 4  # objects in objects
# What Elasticsearch maps as a date where it meets it first in a field (date detection).
_DATE = re.compile(r"\d{4}-\d\d(-\d\d(T\d\d(:?\d\d.*)?)?)?|\d{4}/\d\d/\d\d( \d\d:\d\d:\d\d)?")
_TYPES = {
    **dict.fromkeys(("keyword", "constant_keyword"), KEYWORD),
    **dict.fromkeys(("text", "match_only_text"), TEXT),
    **dict.fromkeys(("date", "date_nanos"), DATE),
    **dict.fromkeys(("byte", "short", "integer", "long", "unsigned_long"), NUMBER),
    **dict.fromkeys(("half_float", "float", "double", "scaled_float"), NUMBER),
    "boolean": BOOLEAN,
}


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the records.

    Attributes:
        path: Dotted.
        values: What the records have there, in their order; of those alone that have it.
        kind: `KEYWORD` ...; empty for what is none of them, such as an object.
        exact: Path by which whole values are found in the index, or None.
    """

    path: str
    values: Sequence[Any]
    kind: str
    exact: str | None

    @property
    def name(self) -> str:
        """Its own name, without the objects that it is in."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class CatalogSample:
    """The first records.

    Attributes:
        source: As the command line names it: a file, or `index:NAME`.
        records: As they came.
        columns: By path; of fields within fields, too.
        unread: How many lines are no records.
        is_index: Whether the records have ids of their own.
    """

    source: str
    records: Sequence[Record]
    columns: Mapping[str, Column] = field(default_factory=dict)
    unread: int = 0
    is_index: bool = False

    def inside(self, path: str) -> Mapping[str, Column]:
        """The columns of the objects that an object by language holds at a path."""
        column = self.columns.get(path)
        values = column.values if column is not None else ()
        objects = [
            inner
            for value in values
            if isinstance(value, Mapping)
            for inner in value.values()
            if isinstance(inner, Mapping)
        ]
        return columns_of(objects)


def columns_of(
    records: Sequence[Fields], mapped: Mapping[str, MappedField] | None = None
) -> dict[str, Column]:
    """The fields of some objects, by path.

    Args:
        records: The objects.
        mapped: The fields of an index; None: it will be made from these records.
    """
    values: dict[str, list[Any]] = {}
    for record in records:
        for path, value in _flat(record):
            if value is not None and value != "":
                values.setdefault(path, []).append(value)
    if mapped is None:
        return {path: _unmapped(path, found) for path, found in values.items()}
    return {path: _mapped(path, found, mapped) for path, found in values.items()}


def _flat(record: Fields, before: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        yield f"{before}{name}", value
        if isinstance(value, Mapping) and depth < _DEEPEST:
            yield from _flat(value, f"{before}{name}.", depth + 1)


def single_values(values: Sequence[Any]) -> list[Any]:
    """The values, those of lists one by one."""
    return [one for value in values for one in (value if isinstance(value, list) else (value,))]


def _unmapped(path: str, values: Sequence[Any]) -> Column:
    """What Elasticsearch's dynamic mapping will make of the values."""
    found = single_values(values)
    if not found:
        return Column(path, values, "", None)
    if all(isinstance(value, bool) for value in found):
        return Column(path, values, BOOLEAN, path)
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        return Column(path, values, NUMBER, path)
    if not all(isinstance(value, str) for value in found):
        return Column(path, values, "", None)
    if all(_DATE.fullmatch(value) for value in found):
        return Column(path, values, DATE, path)
    return Column(path, values, TEXT, f"{path}.keyword")


def _mapped(path: str, values: Sequence[Any], fields: Mapping[str, MappedField]) -> Column:
    there = fields.get(path)
    if there is None:
        return Column(path, values, "", None)
    kind = _TYPES.get(there.type, "")
    if kind != TEXT:
        return Column(path, values, kind, path if kind else None)
    exact = (one.path for one in fields.values() if one.of == path and one.type == KEYWORD)
    return Column(path, values, TEXT, next(exact, None))
