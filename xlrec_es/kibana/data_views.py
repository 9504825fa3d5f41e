"""Data views: how Kibana shows the fields of the indices. Pure.

The catalog's has no time field, though its documents have times. Discover shows the last fifteen
minutes of a data view with one, and a catalog that was written yesterday would seem to be empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from xlrec_es.errors import UsageError
from xlrec_es.kibana.indices import Indices
from xlrec_es.kibana.labels import other_labels
from xlrec_es.kibana.labels.field_labels import HIDDEN, FieldLabel
from xlrec_es.kibana.saved_objects import DATA_VIEW, TYPE_VERSIONS, SavedObject, stable_id

_PICTURE_SIZE = "96"  # pixels, in a row of Discover
VALUE = "{{value}}"
"""What stands for the field's value in the template of an address."""


@dataclass(frozen=True, slots=True)
class Address:
    """A field whose value is an address, or a part of one.

    Attributes:
        field: Of the user's own.
        template: The address, with `VALUE` in it; empty where the value is the whole of it.
        is_picture: Whether it is shown as a picture, in place of a link.
    """

    field: str
    template: str = ""
    is_picture: bool = False

    @classmethod
    def parse(cls, text: str, *, is_picture: bool = False) -> Address:
        """Read `FIELD`, or `FIELD=https://shop.example/{{value}}`.

        Raises:
            UsageError: A template without a place for the value, or of another scheme.
        """
        name, _, template = text.partition("=")
        if template and (VALUE not in template or not template.startswith(("http://", "https://"))):
            raise UsageError(
                f"{template} is no address with a place for {name}; write "
                f"{name}=https://shop.example/items/{VALUE}, say"
            )
        return cls(name, template, is_picture)

    def format(self) -> dict[str, Any]:
        """Kibana's formatter."""
        size = {"width": _PICTURE_SIZE, "height": _PICTURE_SIZE} if self.is_picture else {}
        template = {"urlTemplate": self.template} if self.template else {}
        return {
            "id": "url",
            "params": {"type": "img" if self.is_picture else "a", **template, **size},
        }


@dataclass(frozen=True, slots=True)
class DataView:
    """What Kibana knows of an index.

    Attributes:
        index: Name, alias or pattern.
        name: As people see it.
        time_field: What the time picker filters, or None.
        labels: By field.
        hidden: Fields that are not fetched.
        addresses: Links and pictures.
    """

    index: str
    name: str
    time_field: str | None = None
    labels: Mapping[str, FieldLabel] = field(default_factory=dict)
    hidden: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()

    def saved_object(self, catalog: str) -> SavedObject:
        """In Kibana's form.

        Args:
            catalog: The catalog's name; see `stable_id`.
        """
        formats = {n: dict(one.format) for n, one in self.labels.items() if one.format is not None}
        formats |= {one.field: one.format() for one in self.addresses}
        attributes = {
            name: {"customLabel": one.label, "customDescription": one.description}
            for name, one in self.labels.items()
        }
        time = {} if self.time_field is None else {"timeFieldName": self.time_field}
        return SavedObject(
            DATA_VIEW,
            self.id(catalog),
            {
                "title": self.index,
                "name": self.name,
                **time,
                "sourceFilters": _text([{"value": name} for name in self.hidden]),
                "fields": "[]",
                "fieldFormatMap": _text(formats),
                "fieldAttrs": _text(attributes),
                "runtimeFieldMap": "{}",
                "typeMeta": "{}",
            },
            (),
            TYPE_VERSIONS[DATA_VIEW],
        )

    def id(self, catalog: str) -> str:
        """Its id."""
        return stable_id(catalog, DATA_VIEW, self.index)


def catalog_view(
    index: str, labels: Mapping[str, FieldLabel], addresses: Iterable[Address] = ()
) -> DataView:
    """The catalog's.

    Args:
        index: Its alias.
        labels: Of the fields of ours that it has; see `field_labels.labels_of`.
        addresses: Links and pictures.
    """
    hidden = tuple(name for name in HIDDEN if name in labels)
    name = f"{index}: catalog"
    return DataView(index, name, labels=labels, hidden=hidden, addresses=tuple(addresses))


def other_views(names: Indices) -> Iterator[DataView]:
    """Those of the indices that there are beside it; what was shown and done may be in one."""
    of_lists = other_labels.SHOWN, other_labels.CLICKS
    if names.shown == names.clicks:
        of_lists = (other_labels.SHOWN | other_labels.CLICKS,) * 2
    for index, what, time_field, labels in (
        (names.evaluations, "evaluations", "@timestamp", other_labels.EVALUATIONS),
        (names.shown, "shown lists", "time", of_lists[0]),
        (names.clicks, "clicks", "time", of_lists[1]),
        (names.runs, "runs of the worker", "@timestamp", other_labels.RUNS),
        (names.rejects, "rejected records", "@timestamp", other_labels.REJECTS),
    ):
        if index is not None:
            yield DataView(index, f"{names.catalog}: {what}", time_field, labels)


def _text(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
